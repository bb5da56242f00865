// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "app/metrics/metric_table.h"
#include "base/wall_clock.h"

namespace penstock {
namespace {

using Type = prometheus::MetricType;

std::string_view name_of(Type type) {
  switch (type) {
    case Type::Counter:
      return "counter";
    case Type::Gauge:
      return "gauge";
    case Type::Histogram:
      return "histogram";
    case Type::Summary:
    case Type::Untyped:
      break;
  }
  return "untyped";
}

}  // namespace

prometheus::ClientMetric& MetricSamples::sample(Labels labels) {
  prometheus::ClientMetric& metric = family_.metric.emplace_back();
  for (const auto& [name, value] : labels)
    metric.label.push_back({.name = std::string(name), .value = std::string(value)});
  return metric;
}

void MetricSamples::add(double value, Labels labels) {
  prometheus::ClientMetric& metric = sample(labels);
  (family_.type == Type::Counter ? metric.counter.value : metric.gauge.value) = value;
}

void MetricSamples::add(const LatencyHistogram& histogram, Labels labels) {
  const LatencyHistogram::Reading reading = histogram.read();
  prometheus::ClientMetric::Histogram& metric = sample(labels).histogram;
  metric.sample_sum = static_cast<double>(reading.sum.count()) / ns_per_second;
  for (size_t i = 0; i < LatencyHistogram::bounds.size(); ++i) {
    metric.sample_count += reading.counts[i];
    metric.bucket.push_back(
        {.cumulative_count = metric.sample_count,
         .upper_bound = static_cast<double>(LatencyHistogram::bounds[i]) / ns_per_second});
  }
  metric.sample_count += reading.counts.back();
}

std::string render_metrics() {
  std::string text = "| metric | type | unit | labels | meaning |\n|---|---|---|---|---|\n";
  for (const MetricRow& row : metric_table()) {
    text += fmt::format("| `{}` | {} | {} | {} | {} |\n", row.name, name_of(row.type), row.unit,
                        row.labels, row.help);
  }
  return text;
}

}  // namespace penstock
