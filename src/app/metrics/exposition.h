// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <prometheus/collectable.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "app/metrics/metric_table.h"

namespace penstock {

/// Reads the metrics of a mount when somebody asks for them. Thread-safe.
class Exposition final : public prometheus::Collectable {
 public:
  explicit Exposition(MetricSource source) : source_(std::move(source)) {}

  std::vector<prometheus::MetricFamily> Collect() const override;
  /// In Prometheus' text format 0.0.4.
  std::string text() const;

 private:
  const MetricSource source_;
};

}  // namespace penstock
