// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <prometheus/metric_family.h>

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "app/mount/mount.h"
#include "base/metrics.h"
#include "config/price_table.h"

namespace penstock {

/// What metrics are read from. The mount must outlive it.
struct MetricSource {
  Mount& mount;
  PriceTable prices;
  int64_t mounted_at_ns = 0;  ///< Since the epoch.
};

/// The samples of one metric, while they are collected.
class MetricSamples {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  explicit MetricSamples(prometheus::MetricFamily& family) : family_(family) {}

  void add(double value, Labels labels = {});
  void add(const Count& count, Labels labels = {}) {
    add(static_cast<double>(count.value()), labels);
  }
  /// In seconds.
  void add(const LatencyHistogram& histogram, Labels labels = {});

 private:
  prometheus::ClientMetric& sample(Labels labels);

  prometheus::MetricFamily& family_;
};

/// One metric: everything that the exposition and docs/monitoring.md know of it.
struct MetricRow {
  std::string_view name;
  prometheus::MetricType type;
  std::string_view unit;         ///< "bytes", "seconds", "requests".
  std::string_view labels = {};  ///< For the page, as "request".
  std::string_view help;         ///< One sentence without a full stop.
  void (*read)(const MetricSource& source, MetricSamples& samples);
};

/// Every metric of a mount, in the order in which they are shown. Labels have few values, all known
/// beforehand: no keys, no paths.
std::span<const MetricRow> metric_table();

/// The rows as the table of docs/monitoring.md.
std::string render_metrics();

}  // namespace penstock
