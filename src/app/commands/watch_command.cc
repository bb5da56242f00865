// SPDX-License-Identifier: Apache-2.0
#include "app/commands/watch_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "app/human_text.h"
#include "app/live_screen.h"
#include "app/metrics/told_metrics.h"
#include "app/metrics/watch_text.h"
#include "base/wall_clock.h"

namespace penstock {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds interval{1000};

/// What a mount told last, by its process.
struct Earlier {
  MetricReading reading;
  Clock::time_point at;
};

class View {
 public:
  explicit View(const Environment& environment) : environment_(environment) {}

  std::vector<std::string> lines() {
    const AllMetrics all = ask_metrics("", environment_);
    const Clock::time_point now = Clock::now();
    std::vector<std::string> lines{
        fmt::format("penstock status --watch   {}   Ctrl-C ends it", local_time(wall_clock_ns()))};
    std::map<pid_t, Earlier> seen;
    for (const ToldMetrics& told : all.mounts) {
      lines.emplace_back();
      lines.push_back(fmt::format("{} at {}", printable(told.source), printable(told.mountpoint)));
      const auto before = earlier_.find(told.pid);
      if (before == earlier_.end()) {
        lines.emplace_back("rates follow");
      } else {
        const auto more =
            watch_lines(before->second.reading, told.reading, now - before->second.at);
        lines.insert(lines.end(), more.begin(), more.end());
      }
      seen.emplace(told.pid, Earlier{.reading = told.reading, .at = now});
    }
    earlier_ = std::move(seen);
    for (const std::string& problem : all.problems) lines.push_back(problem);
    if (all.mounts.empty() && all.problems.empty())
      lines.emplace_back("there is no mount of yours");
    return lines;
  }

 private:
  const Environment& environment_;
  std::map<pid_t, Earlier> earlier_;
};

}  // namespace

int watch_mounts(const Streams& streams, const Environment& environment) {
  if (!LiveScreen::possible()) {
    streams.err << "penstock: --watch needs a terminal; for programs there is penstock stats "
                   "--json\n";
    return 1;
  }
  LiveScreen screen;
  View view(environment);
  while (screen.show(view.lines()) && screen.wait(interval)) {
  }
  return 0;
}

}  // namespace penstock
