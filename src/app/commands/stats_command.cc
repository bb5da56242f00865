// SPDX-License-Identifier: Apache-2.0
#include "app/commands/stats_command.h"

#include <fmt/format.h>

#include <chrono>
#include <string_view>
#include <vector>

#include "app/human_text.h"
#include "app/metrics/stats_text.h"
#include "app/metrics/told_metrics.h"
#include "app/mount_table.h"
#include "base/wall_clock.h"
#include "config/command_parse.h"
#include "config/render.h"

namespace penstock {
namespace {

void print_text(std::ostream& out, const std::vector<ToldMetrics>& all) {
  for (const ToldMetrics& told : all) {
    const double start = told.reading.sum("penstock_start_time_seconds");
    const std::chrono::duration<double> age(static_cast<double>(wall_clock_ns()) / 1e9 - start);
    out << (&told == &all[0] ? "" : "\n")
        << fmt::format("{} at {}, for {}\n", printable(told.source), printable(told.mountpoint),
                       human_time(std::chrono::duration_cast<std::chrono::seconds>(age)))
        << stats_text(told.reading, age);
  }
}

void print_json(std::ostream& out, const std::vector<ToldMetrics>& all) {
  std::string list;
  for (const ToldMetrics& told : all) {
    list +=
        fmt::format("{}{{\"source\": {}, \"mountpoint\": {}, \"process\": {}, \"metrics\": {}}}",
                    list.empty() ? "" : ", ", json_string(told.source),
                    json_string(told.mountpoint), told.pid, stats_json(told.reading));
  }
  out << "{\"mounts\": [" << list << "]}\n";
}

std::string problem_of(const CommandArguments& arguments) {
  if (arguments.positional.size() > 1)
    return fmt::format("'{}' is one argument too many", arguments.positional[1]);
  if (arguments.has("json") && arguments.has("prometheus"))
    return "--json and --prometheus contradict each other";
  if (arguments.has("prometheus") && arguments.positional.empty())
    return "--prometheus shows one mount: penstock stats --prometheus MOUNTPOINT";
  return "";
}

int fail(const Streams& streams, std::string_view message) {
  streams.err << "penstock: " << message << "\n";
  return 1;
}

}  // namespace

int stats_command(std::span<const std::string> arguments, const Streams& streams,
                  const Environment& environment) {
  const Result<CommandArguments> parsed =
      parse_command(command_row("stats"), arguments, environment.working_directory);
  if (!parsed) return fail(streams, parsed.error().message());
  if (parsed->help) {
    streams.out << render_command_help("stats");
    return 0;
  }
  if (const std::string problem = problem_of(*parsed); !problem.empty())
    return fail(streams, problem);
  std::string mountpoint;
  if (!parsed->positional.empty())
    mountpoint = canonical_path(parsed->positional[0], environment.working_directory);
  const AllMetrics all = ask_metrics(mountpoint, environment);
  if (!mountpoint.empty() && !all.found) {
    return fail(streams, fmt::format("{} is not a mount of yours; see penstock status",
                                     printable(mountpoint)));
  }
  for (const std::string& problem : all.problems) fail(streams, problem);
  if (parsed->has("json")) {
    print_json(streams.out, all.mounts);
  } else if (parsed->has("prometheus")) {
    if (!all.mounts.empty()) streams.out << all.mounts[0].text;
  } else if (all.mounts.empty() && all.problems.empty()) {
    streams.out << "there is no mount of yours\n";
  } else {
    print_text(streams.out, all.mounts);
  }
  return all.problems.empty() ? 0 : 1;
}

}  // namespace penstock
