// SPDX-License-Identifier: Apache-2.0
#include "app/metrics/told_metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "app/directories.h"
#include "app/human_text.h"
#include "app/mount_table.h"
#include "app/pid_file.h"
#include "app/report_socket.h"

namespace penstock {
namespace {

/// The error is why it does not tell.
Result<ToldMetrics> ask(const MountProcess& process, const std::vector<MountEntry>& table) {
  const Result<std::string> text = ask_report(ReportSocket::metrics_path(process.path()));
  if (!text && text.code() == Code::not_found)
    return Error(text.code(), "its process is another version of Penstock, or just begins");
  if (!text && text.code() == Code::access_denied)
    return Error(text.code(), "it is another user's; ask as that user, or as root");
  if (!text) return text.error();
  std::optional<MetricReading> reading = MetricReading::parse(*text);
  if (!reading) return Error(Code::corrupt, "its answer is none");
  const std::string device = process.device();
  const auto entry = std::ranges::find(table, device, &MountEntry::device);
  return ToldMetrics{.source = entry == table.end() ? "" : entry->source,
                     .mountpoint = process.mountpoint(),
                     .pid = process.pid(),
                     .text = *text,
                     .reading = *std::move(reading)};
}

}  // namespace

AllMetrics ask_metrics(const std::string& mountpoint, const Environment& environment) {
  AllMetrics all;
  const std::vector<MountEntry> table = read_mount_table(environment.proc);
  for (const MountProcess& process : MountProcess::all(visible_runtime_directories(environment))) {
    if (!mountpoint.empty() && process.mountpoint() != mountpoint) continue;
    all.found = true;
    // One that has lost its mount and ends has none any more.
    if (process.ended()) continue;
    Result<ToldMetrics> told = ask(process, table);
    if (told) {
      all.mounts.push_back(*std::move(told));
    } else {
      all.problems.push_back(fmt::format("{} does not tell its metrics: {}",
                                         printable(process.mountpoint()), told.error().message()));
    }
  }
  std::ranges::sort(all.mounts, {}, &ToldMetrics::mountpoint);
  std::ranges::sort(all.problems);
  return all;
}

}  // namespace penstock
