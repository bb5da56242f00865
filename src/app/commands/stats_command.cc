// SPDX-License-Identifier: Apache-2.0
#include "app/commands/stats_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "app/directories.h"
#include "app/human_text.h"
#include "app/metrics/metric_reading.h"
#include "app/metrics/stats_text.h"
#include "app/mount_table.h"
#include "app/pid_file.h"
#include "app/report_socket.h"
#include "base/wall_clock.h"
#include "config/command_parse.h"
#include "config/render.h"

namespace penstock {
namespace {

/// One mount, and what it tells.
struct Told {
  std::string source;
  std::string mountpoint;
  pid_t pid = 0;
  std::string text;  ///< As it came.
  MetricReading reading;
};

Error cannot_ask(const MountProcess& process, const std::string& why) {
  return Error(Code::unavailable, fmt::format("{} does not tell its metrics: {}",
                                              printable(process.mountpoint()), why));
}

Result<Told> ask(const MountProcess& process, const std::vector<MountEntry>& table) {
  const Result<std::string> text = ask_report(ReportSocket::metrics_path(process.path()));
  if (!text && text.code() == Code::not_found)
    return cannot_ask(process, "its process is another version of Penstock, or just begins");
  if (!text && text.code() == Code::access_denied)
    return cannot_ask(process, "it is another user's; ask as that user, or as root");
  if (!text) return cannot_ask(process, std::string(text.error().message()));
  std::optional<MetricReading> reading = MetricReading::parse(*text);
  if (!reading) return cannot_ask(process, "its answer is none");
  const std::string device = process.device();
  const auto entry = std::ranges::find(table, device, &MountEntry::device);
  return Told{.source = entry == table.end() ? "" : entry->source,
              .mountpoint = process.mountpoint(),
              .pid = process.pid(),
              .text = *text,
              .reading = *std::move(reading)};
}

std::string heading(const Told& told, std::chrono::seconds age) {
  return fmt::format("{} at {}, for {}\n", printable(told.source), printable(told.mountpoint),
                     human_time(age));
}

void print_text(std::ostream& out, const std::vector<Told>& all) {
  for (const Told& told : all) {
    const double start = told.reading.sum("penstock_start_time_seconds");
    const std::chrono::duration<double> age(static_cast<double>(wall_clock_ns()) / 1e9 - start);
    out << (&told == &all[0] ? "" : "\n")
        << heading(told, std::chrono::duration_cast<std::chrono::seconds>(age))
        << stats_text(told.reading, age);
  }
}

void print_json(std::ostream& out, const std::vector<Told>& all) {
  std::string list;
  for (const Told& told : all) {
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
  const std::vector<std::string> directories = visible_runtime_directories(environment);
  std::vector<MountProcess> processes = MountProcess::all(directories);
  if (!parsed->positional.empty()) {
    const std::string mountpoint =
        canonical_path(parsed->positional[0], environment.working_directory);
    std::erase_if(processes,
                  [&](const auto& process) { return process.mountpoint() != mountpoint; });
    if (processes.empty()) {
      return fail(streams, fmt::format("{} is not a mount of yours; see penstock status",
                                       printable(mountpoint)));
    }
  }
  const std::vector<MountEntry> table = read_mount_table(environment.proc);
  std::vector<Told> all;
  int status = 0;
  for (const MountProcess& process : processes) {
    // One that has lost its mount and ends has none any more.
    if (process.ended()) continue;
    Result<Told> told = ask(process, table);
    told ? all.push_back(*std::move(told)) : void(status = fail(streams, told.error().message()));
  }
  std::ranges::sort(all, {}, &Told::mountpoint);
  if (parsed->has("json")) {
    print_json(streams.out, all);
  } else if (parsed->has("prometheus")) {
    if (!all.empty()) streams.out << all[0].text;
  } else if (all.empty() && status == 0) {
    streams.out << "there is no mount of yours\n";
  } else {
    print_text(streams.out, all);
  }
  return status;
}

}  // namespace penstock
