// SPDX-License-Identifier: Apache-2.0
#include "app/commands/replay_command.h"

#include <fmt/format.h>

#include <atomic>
#include <charconv>
#include <csignal>
#include <optional>
#include <string_view>

#include "app/access/replayer.h"
#include "app/commands/jobs_option.h"
#include "app/commands/run_command.h"
#include "app/signals.h"
#include "app/wrong.h"

namespace penstock {
namespace {

constexpr int other_answers = 2;
constexpr int interrupted = 130;
constexpr uint32_t most_jobs = 4096;  // threads

/// 0 where nothing waits for its time; nothing where it is no speed.
std::optional<double> parse_speed(std::string_view text) {
  if (text == "max") return 0;
  double times = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), times);
  const bool number = error == std::errc() && end == text.data() + text.size();
  return number && times >= 0.001 && times <= 1'000'000 ? std::optional(times) : std::nullopt;
}

Result<ReplayPace> pace_of(const CommandArguments& arguments) {
  ReplayPace pace;
  if (const auto given = arguments.own.find("speed"); given != arguments.own.end()) {
    const std::optional<double> speed = parse_speed(given->second);
    if (!speed) {
      return wrong(
          fmt::format("--speed {} is neither max nor a number from 0.001 on", given->second));
    }
    pace.speed = *speed;
  }
  const Result<uint32_t> jobs = jobs_of(arguments, pace.jobs, most_jobs);
  if (!jobs) return jobs.error();
  pace.jobs = *jobs;
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
