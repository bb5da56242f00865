// SPDX-License-Identifier: Apache-2.0
#include "app/metrics/stats_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "app/human_text.h"

namespace penstock {
namespace {

using Age = std::chrono::duration<double>;

std::string size_of(double bytes) {
  return human_size(static_cast<uint64_t>(std::max(bytes, 0.0)));
}

std::string count_of(double count) { return fmt::format("{:.0f}", count); }

std::string rate_of(double count, Age age) {
  const double rate = count / std::max(age.count(), 1.0);
  return rate >= 10 ? fmt::format("{:.0f}", rate) : fmt::format("{:.2g}", rate);
}

std::string time_of(std::optional<double> seconds) {
  return seconds ? human_latency(Age(*seconds)) : "-";
}

/// Rows whose first column stands to the left, and the others to the right.
class Table {
 public:
  explicit Table(std::vector<std::string> head) : rows_{std::move(head)} {}

  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  /// Nothing where there is no row beside the head.
  std::string text() const {
    if (rows_.size() == 1) return "";
    std::vector<size_t> widths(rows_[0].size());
    for (const auto& row : rows_) {
      for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    std::string text = "\n";
    for (size_t r = 0; r < rows_.size(); ++r) {
      text += r == 0 ? fmt::format("{:<{}}", rows_[r][0], widths[0] + 2)
                     : fmt::format("  {:<{}}", rows_[r][0], widths[0]);
      for (size_t i = 1; i < rows_[r].size(); ++i)
        text += fmt::format("  {:>{}}", rows_[r][i], widths[i]);
      text += "\n";
    }
    return text;
  }

 private:
  std::vector<std::vector<std::string>> rows_;
};

std::string operations_text(const MetricReading& reading, Age age) {
  const std::string took = "penstock_file_operation_duration_seconds";
  Table table({"files", "calls", "a second", "failed", "50 %", "99 %"});
  for (const std::string& kind : reading.values(took + "_count", "operation")) {
    const double calls = reading.sum(took + "_count", {{"operation", kind}});
    if (calls == 0) continue;
    const double failed =
        reading.sum("penstock_file_operation_errors_total", {{"operation", kind}});
    table.add({kind, count_of(calls), rate_of(calls, age), count_of(failed),
               time_of(reading.quantile(took, 0.5, {{"operation", kind}})),
               time_of(reading.quantile(took, 0.99, {{"operation", kind}}))});
  }
  const auto bytes = [&](std::string_view direction) {
    const double all = reading.sum("penstock_file_bytes_total", {{"direction", direction}});
    return fmt::format("{} ({}/s)", size_of(all), size_of(all / std::max(age.count(), 1.0)));
  };
  return table.text() + fmt::format("  read {}, written {}\n", bytes("read"), bytes("written"));
}

std::string tiers_text(const MetricReading& reading) {
  Table table({"read from", "reads", "bytes"});
  for (const std::string& tier : reading.values("penstock_read_hits_total", "tier")) {
    table.add({tier, count_of(reading.sum("penstock_read_hits_total", {{"tier", tier}})),
               size_of(reading.sum("penstock_read_bytes_total", {{"tier", tier}}))});
  }
  std::string text = table.text();
  const double waited = reading.sum("penstock_reads_waited_total");
  const double here = reading.sum("penstock_read_hits_total", {{"tier", "memory"}});
  if (waited + here > 0)
    text += fmt::format("  {:.0f} % of reads did not wait\n", 100 * here / (waited + here));
  if (const double ahead = reading.sum("penstock_prefetched_files_total"); ahead > 0) {
    text += fmt::format("  {:.0f} files ({}) of whole trees fetched ahead, {:.0f} of them read\n",
                        ahead, size_of(reading.sum("penstock_prefetched_bytes_total")),
                        reading.sum("penstock_prefetched_files_read_total"));
  }
  if (const double names = reading.sum("penstock_hinted_names_total"); names > 0) {
    text += fmt::format(
        "  {:.0f} names hinted, {:.0f} passed over, {:.0f} too late, {:.0f} wait; "
        "{:.0f} files ({}) fetched, {} of the cache not read yet\n",
        names, reading.sum("penstock_hints_ignored_total"),
        reading.sum("penstock_hints_late_total"), reading.sum("penstock_hints_waiting"),
        reading.sum("penstock_hinted_files_total"),
        size_of(reading.sum("penstock_hinted_bytes_total")),
        size_of(reading.sum("penstock_hinted_unread_bytes")));
  }
  if (!reading.has("penstock_cache_bytes")) return text;
  return text + fmt::format(
                    "  the cache has {} of {}, {:.0f} objects; {:.0f} misses, {} stored, {} "
                    "refused, {:.0f} evicted, {:.0f} kept out, {:.0f} damaged\n",
                    size_of(reading.sum("penstock_cache_bytes")),
                    size_of(reading.sum("penstock_cache_limit_bytes")),
                    reading.sum("penstock_cache_objects"),
                    reading.sum("penstock_cache_misses_total"),
                    size_of(reading.sum("penstock_cache_stored_bytes_total")),
                    size_of(reading.sum("penstock_cache_refused_bytes_total")),
                    reading.sum("penstock_cache_evicted_total"),
                    reading.sum("penstock_cache_kept_out_total"),
                    reading.sum("penstock_cache_corrupt_chunks_total"));
}

std::string store_text(const MetricReading& reading, Age age) {
  const std::string took = "penstock_store_request_duration_seconds";
  Table table(
      {"store", "requests", "a second", "failed", "throttled", "retried", "bytes", "50 %", "99 %"});
  for (const std::string& kind : reading.values("penstock_store_requests_total", "request")) {
    const auto of_kind = [&](std::string_view name) {
      return reading.sum(name, {{"request", kind}});
    };
    const double requests = of_kind("penstock_store_requests_total");
    if (requests == 0) continue;
    table.add({kind, count_of(requests), rate_of(requests, age),
               count_of(of_kind("penstock_store_request_errors_total")),
               count_of(of_kind("penstock_store_throttled_total")),
               count_of(of_kind("penstock_store_retries_total")),
               size_of(of_kind("penstock_store_bytes_total")),
               time_of(reading.quantile(took, 0.5, {{"request", kind}})),
               time_of(reading.quantile(took, 0.99, {{"request", kind}}))});
  }
  const std::optional<double> first = reading.quantile("penstock_store_first_byte_seconds", 0.5);
  const double limit = reading.sum("penstock_store_throttle_limit");
  const std::string waiting = "penstock_store_requests_waiting";
  return table.text() +
         fmt::format(
             "  {:.0f} in flight, {:.0f} wait for a connection, {:.0f} are held back{}; "
             "{:.0f} connections, {:.0f} opened{}\n",
             reading.sum("penstock_store_requests_in_flight"),
             reading.sum(waiting, {{"reason", "connection"}}),
             reading.sum(waiting, {{"reason", "throttled"}}),
             limit > 0 ? fmt::format(" (at most {:.0f} at a time)", limit) : "",
             reading.sum("penstock_store_connections"),
             reading.sum("penstock_store_connections_opened_total"),
             first ? fmt::format("; first byte after {}", time_of(first)) : "");
}

std::string state_text(const MetricReading& reading) {
  const auto use = [&](std::string_view name) {
    return size_of(reading.sum("penstock_memory_used_bytes", {{"use", name}}));
  };
  const double cpu = reading.sum("process_cpu_seconds_total");
  std::string text = fmt::format(
      "\nmemory    {} of {}: read ahead {}, on demand {}, dirty {}; {:.0f} names in {}; the "
      "process has "
      "{} and used {:.1f} s of CPUs\n",
      size_of(reading.sum("penstock_memory_used_bytes")),
      size_of(reading.sum("penstock_memory_limit_bytes")), use("read_ahead"), use("demand"),
      use("dirty"), reading.sum("penstock_known_names"),
      size_of(reading.sum("penstock_metadata_bytes")),
      size_of(reading.sum("process_resident_memory_bytes")), cpu);
  const double unstored = reading.sum("penstock_unstored_files");
  const double pending = reading.sum("penstock_pending_files");
  text += fmt::format("writes    {:.0f} files ({}) not stored, {:.0f} files ({}) to upload",
                      unstored, size_of(reading.sum("penstock_unstored_bytes")), pending,
                      size_of(reading.sum("penstock_pending_bytes")));
  if (pending > 0) {
    const Age oldest(reading.sum("penstock_pending_oldest_seconds"));
    text += fmt::format(", the oldest for {}",
                        human_time(std::chrono::duration_cast<std::chrono::seconds>(oldest)));
  }
  return text + "\n";
}

std::string cost_text(const MetricReading& reading) {
  const std::string name = "penstock_store_cost_total";
  const std::vector<std::string> currency = reading.values(name, "currency");
  std::string text =
      fmt::format("cost      {:.4f} {}", reading.sum(name), currency.empty() ? "" : currency[0]);
  const char* before = ": ";
  for (const std::string& item : reading.values(name, "item")) {
    const double amount = reading.sum(name, {{"item", item}});
    if (amount == 0) continue;
    text += fmt::format("{}{} {:.4f}", std::exchange(before, ", "), item, amount);
  }
  return text + "\n";
}

/// The shortest text that is the same number again; JSON knows no infinity.
std::string json_number(double value) {
  return std::isfinite(value) ? fmt::format("{}", value) : "null";
}

}  // namespace

std::string stats_text(const MetricReading& reading, Age age) {
  return operations_text(reading, age) + tiers_text(reading) + store_text(reading, age) +
         state_text(reading) + cost_text(reading);
}

std::string stats_json(const MetricReading& reading) {
  std::string list;
  for (const MetricSample& sample : reading.samples()) {
    std::string labels;
    for (const auto& [name, value] : sample.labels)
      labels += fmt::format("{}{}: {}", labels.empty() ? "" : ", ", json_string(name),
                            json_string(value));
    list += fmt::format("{}{{\"name\": {}, \"labels\": {{{}}}, \"value\": {}}}",
                        list.empty() ? "" : ", ", json_string(sample.name), labels,
                        json_number(sample.value));
  }
  return "[" + list + "]";
}

}  // namespace penstock
