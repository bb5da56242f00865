// SPDX-License-Identifier: Apache-2.0
#include "app/metrics/watch_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "app/human_text.h"

namespace penstock {
namespace {

using Labels = MetricReading::Labels;
using Seconds = std::chrono::duration<double>;

std::string size_of(double bytes) {
  return human_size(static_cast<uint64_t>(std::max(bytes, 0.0)));
}

/// One interval: what was counted in it, and what is at its end.
struct Interval {
  const MetricReading& now;
  const MetricReading passed;
  const double seconds;

  double rate(std::string_view name, Labels labels = {}) const {
    return passed.sum(name, labels) / seconds;
  }
  /// "12ms, 99 % 80ms"; "-" where nothing has happened.
  std::string times(std::string_view histogram, Labels labels = {}) const {
    const std::optional<double> half = passed.quantile(histogram, 0.5, labels);
    const std::optional<double> most = passed.quantile(histogram, 0.99, labels);
    if (!half || !most) return "-";
    return fmt::format("{}, 99 % {}", human_latency(Seconds(*half)), human_latency(Seconds(*most)));
  }
};

std::string programs(const Interval& interval) {
  return fmt::format(
      "programs  {:.0f} operations/s, read {}/s, write {}/s, {:.0f} failed/s",
      interval.rate("penstock_file_operation_duration_seconds_count"),
      size_of(interval.rate("penstock_file_bytes_total", {{"direction", "read"}})),
      size_of(interval.rate("penstock_file_bytes_total", {{"direction", "written"}})),
      interval.rate("penstock_file_operation_errors_total"));
}

std::string latency(const Interval& interval) {
  const std::string took = "penstock_file_operation_duration_seconds";
  std::string text = "latency ";
  for (const char* operation : {"lookup", "open", "read", "write", "close"})
    text += fmt::format("  {} {}", operation, interval.times(took, {{"operation", operation}}));
  return text;
}

std::string hits(const Interval& interval) {
  const double here = interval.passed.sum("penstock_read_hits_total", {{"tier", "memory"}});
  const double waited = interval.passed.sum("penstock_reads_waited_total");
  std::string text = "hits    ";
  text += here + waited > 0 ? fmt::format("  {:.0f} % did not wait", 100 * here / (here + waited))
                            : "  no reads";
  for (const std::string& tier : interval.now.values("penstock_read_bytes_total", "tier")) {
    text += fmt::format("  {} {}/s", tier,
                        size_of(interval.rate("penstock_read_bytes_total", {{"tier", tier}})));
  }
  return text;
}

std::vector<std::string> requests(const Interval& interval) {
  std::vector<std::string> lines;
  const std::string name = "penstock_store_requests_total";
  for (const std::string& kind : interval.now.values(name, "request")) {
    const Labels labels{{"request", kind}};
    const double rate = interval.rate(name, labels);
    if (rate == 0) continue;
    lines.push_back(fmt::format("{:<8}  {} {:.0f}/s, {}/s, took {}", lines.empty() ? "store" : "",
                                kind, rate,
                                size_of(interval.rate("penstock_store_bytes_total", labels)),
                                interval.times("penstock_store_request_duration_seconds", labels)));
  }
  if (lines.empty()) lines.emplace_back("store     no requests");
  return lines;
}

std::string queue(const Interval& interval) {
  const MetricReading& now = interval.now;
  return fmt::format(
      "queue     {:.0f} in flight, {:.0f} connections; {:.0f} failed/s, {:.0f} repeated/s",
      now.sum("penstock_store_requests_in_flight"), now.sum("penstock_store_connections"),
      interval.rate("penstock_store_request_errors_total"),
      interval.rate("penstock_store_retries_total"));
}

std::string pending(const MetricReading& now) {
  std::string text =
      fmt::format("pending   {:.0f} files ({}) to upload, {:.0f} ({}) not stored",
                  now.sum("penstock_pending_files"), size_of(now.sum("penstock_pending_bytes")),
                  now.sum("penstock_unstored_files"), size_of(now.sum("penstock_unstored_bytes")));
  const Seconds oldest(now.sum("penstock_pending_oldest_seconds"));
  if (oldest.count() > 0) {
    text += fmt::format("; the oldest waits for {}",
                        human_time(std::chrono::duration_cast<std::chrono::seconds>(oldest)));
  }
  return text;
}

std::string memory(const MetricReading& now) {
  return fmt::format("memory    {} of {}, dirty {}; {:.0f} names",
                     size_of(now.sum("penstock_memory_used_bytes")),
                     size_of(now.sum("penstock_memory_limit_bytes")),
                     size_of(now.sum("penstock_memory_used_bytes", {{"use", "dirty"}})),
                     now.sum("penstock_known_names"));
}

/// What waits for what; nothing where nothing does.
std::vector<std::string> waits(const Interval& interval) {
  const MetricReading& now = interval.now;
  const std::string waiting = "penstock_store_requests_waiting";
  std::vector<std::string> lines;
  const auto add = [&](const std::string& text) {
    lines.push_back(fmt::format("{:<8}  {}", lines.empty() ? "waits" : "", text));
  };
  if (const double count = now.sum(waiting, {{"reason", "throttled"}}); count > 0) {
    add(fmt::format("{:.0f} requests for the store, which asks to slow down: {:.0f} at a time",
                    count, now.sum("penstock_store_throttle_limit")));
  }
  if (const double count = now.sum(waiting, {{"reason", "connection"}}); count > 0)
    add(fmt::format("{:.0f} requests for a connection (--max-connections)", count));
  const double limit = now.sum("penstock_memory_limit_bytes");
  if (now.sum("penstock_memory_used_bytes", {{"use", "dirty"}}) > 0.8 * limit)
    add("writers for memory: the store takes less than they write (--memory-limit)");
  if (const double count = interval.rate("penstock_reads_waited_total"); count >= 1)
    add(fmt::format("{:.0f} reads/s for the cache or the store", count));
  return lines;
}

}  // namespace

std::vector<std::string> watch_lines(const MetricReading& before, const MetricReading& now,
                                     Seconds apart) {
  const Interval interval{
      .now = now, .passed = now.since(before), .seconds = std::max(apart.count(), 0.001)};
  std::vector<std::string> lines{programs(interval), latency(interval), hits(interval)};
  const auto append = [&](std::vector<std::string> more) {
    lines.insert(lines.end(), more.begin(), more.end());
  };
  append(requests(interval));
  append({queue(interval), pending(now), memory(now)});
  append(waits(interval));
  return lines;
}

}  // namespace penstock
