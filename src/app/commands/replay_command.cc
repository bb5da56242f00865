// SPDX-License-Identifier: Apache-2.0
#include "app/commands/replay_command.h"

#include <fmt/format.h>

#include <atomic>
#include <charconv>
#include <csignal>
#include <string_view>

#include "app/access/replayer.h"
#include "app/commands/run_command.h"
#include "app/signals.h"
#include "app/wrong.h"

namespace penstock {
namespace {

constexpr int other_answers = 2;
constexpr int interrupted = 130;
constexpr uint32_t most_jobs = 4096;  // threads

template <typename T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<ReplayPace> pace_of(const CommandArguments& arguments) {
  ReplayPace pace;
  if (const auto speed = arguments.own.find("speed"); speed != arguments.own.end()) {
    const std::optional<double> times =
        speed->second == "max" ? std::optional(0.0) : number<double>(speed->second);
    const bool possible =
        speed->second == "max" || (times && *times >= 0.001 && *times <= 1'000'000);
    if (!possible) {
      return wrong(
          fmt::format("--speed {} is neither max nor a number from 0.001 on", speed->second));
    }
    pace.speed = *times;
  }
  if (const auto jobs = arguments.own.find("jobs"); jobs != arguments.own.end()) {
    const std::optional<uint32_t> count = number<uint32_t>(jobs->second);
    if (!count || *count == 0 || *count > most_jobs)
      return wrong(fmt::format("--jobs {} is no number from 1 to {}", jobs->second, most_jobs));
    pace.jobs = *count;
  }
  return pace;
}

Result<int> replay(const CommandArguments& arguments, const Streams& streams) {
  if (arguments.positional.size() != 2)
    return wrong("give an access log and a directory: penstock replay LOG DIR");
  const Result<ReplayPace> pace = pace_of(arguments);
  if (!pace) return pace.error();
  Result<ReplayLog> log = ReplayLog::open(arguments.positional[0]);
  if (!log) return log.error();
  for (const std::string& remark : log->remarks())
    streams.err << "the log says: " << remark << "\n";
  const Result<std::unique_ptr<ReplayTarget>> target =
      ReplayTarget::open(arguments.positional[1], arguments.has("changes"));
  if (!target) return target.error();
  ReplayReport report;
  Replayer replayer(*log, **target, report, *pace);
  std::atomic<bool> stopped = false;
  const SignalWatcher signals([&](int signal) {
    if (signal == SIGHUP) return;
    stopped = true;
    replayer.stop();
  });
  const Result<ReplayTimes> times = replayer.run();
  if (!times) return times.error();
  streams.out << (arguments.has("json") ? report.json(times->recorded, times->played)
                                        : report.text(times->recorded, times->played));
  if (stopped) return interrupted;
  return report.other_answers() == 0 ? 0 : other_answers;
}

}  // namespace

int replay_command(std::span<const std::string> arguments, const Streams& streams,
                   const Environment& environment) {
  return run_command(command_row("replay"), arguments, streams, environment,
                     [&](const CommandArguments& parsed) { return replay(parsed, streams); });
}

}  // namespace penstock
