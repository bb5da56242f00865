// SPDX-License-Identifier: Apache-2.0
#include "app/access/replay_report.h"

#include <fmt/format.h>

#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "app/human_text.h"
#include "base/quantile.h"

namespace penstock {
namespace {

using Seconds = std::chrono::duration<double>;

double seconds_of(std::chrono::nanoseconds time) { return Seconds(time).count(); }

double quantile_of(const LatencyHistogram& histogram, double share) {
  const LatencyHistogram::Reading reading = histogram.read();
  std::vector<std::pair<double, double>> up_to;
  double count = 0;
  for (size_t i = 0; i < reading.counts.size(); ++i) {
    count += static_cast<double>(reading.counts[i]);
    up_to.emplace_back(i < LatencyHistogram::bounds.size()
                           ? static_cast<double>(LatencyHistogram::bounds[i]) / 1e9
                           : std::numeric_limits<double>::infinity(),
                       count);
  }
  return quantile(up_to, share).value_or(0);
}

std::string latency(const LatencyHistogram& histogram, double share) {
  return human_latency(Seconds(quantile_of(histogram, share)));
}

std::string latencies_json(const LatencyHistogram& histogram) {
  return fmt::format("{{\"p50_s\": {:.6f}, \"p99_s\": {:.6f}, \"sum_s\": {:.6f}}}",
                     quantile_of(histogram, 0.5), quantile_of(histogram, 0.99),
                     seconds_of(histogram.read().sum));
}

}  // namespace

void ReplayReport::add(const AccessRecord& record, const Played& played, Time took) {
  const MutexLock lock(mutex_);
  Kind& kind = kinds_[record.operation];
  ++kind.count;
  kind.recorded.observe(std::chrono::microseconds(record.took_us));
  kind.played.observe(took);
  kind.bytes += played.bytes;
  if (played.error != record.error) ++kind.other;
}

void ReplayReport::leave_out() {
  const MutexLock lock(mutex_);
  ++left_out_;
}

uint64_t ReplayReport::other_answers() const {
  const MutexLock lock(mutex_);
  uint64_t all = 0;
  for (const auto& [operation, kind] : kinds_) all += kind.other;
  return all;
}

std::string ReplayReport::text(Time recorded, Time took) const {
  const MutexLock lock(mutex_);
  std::string text = fmt::format(
      "{:<12}{:>10}{:>26}{:>26}{:>14}\n{:<12}{:>10}{:>13}{:>13}{:>13}"
      "{:>13}{:>14}\n",
      "", "", "recorded", "played", "", "operation", "count", "median", "99%", "median", "99%",
      "other answers");
  uint64_t bytes = 0;
  uint64_t count = 0;
  for (const auto& [operation, kind] : kinds_) {
    text += fmt::format("{:<12}{:>10}{:>13}{:>13}{:>13}{:>13}{:>14}\n", operation, kind.count,
                        latency(kind.recorded, 0.5), latency(kind.recorded, 0.99),
                        latency(kind.played, 0.5), latency(kind.played, 0.99), kind.other);
    count += kind.count;
    if (operation == "read") bytes = kind.bytes;
  }
  text += fmt::format("{} in {}, recorded in {}; {} read", counted(count, "operation"),
                      human_latency(Seconds(took)), human_latency(Seconds(recorded)),
                      human_size(bytes));
  if (left_out_ != 0) text += fmt::format("; {} not played", counted(left_out_, "operation"));
  return text + "\n";
}

std::string ReplayReport::json(Time recorded, Time took) const {
  const MutexLock lock(mutex_);
  std::string list;
  for (const auto& [operation, kind] : kinds_) {
    list += fmt::format(
        "{}{}: {{\"count\": {}, \"other_answers\": {}, \"bytes\": {}, \"recorded\": {}, "
        "\"played\": {}}}",
        list.empty() ? "" : ", ", json_string(operation), kind.count, kind.other, kind.bytes,
        latencies_json(kind.recorded), latencies_json(kind.played));
  }
  return fmt::format(
      "{{\"recorded_s\": {:.6f}, \"played_s\": {:.6f}, \"not_played\": {}, \"operations\": "
      "{{{}}}}}\n",
      seconds_of(recorded), seconds_of(took), left_out_, list);
}

}  // namespace penstock
