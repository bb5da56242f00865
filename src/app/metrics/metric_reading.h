// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock {

/// One line of an exposition.
struct MetricSample {
  std::string name;
  std::vector<std::pair<std::string, std::string>> labels;
  double value = 0;
};

/// The metrics of one mount as it told them. Immutable.
class MetricReading {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  /// Understands what Exposition::text() makes. Nothing where `text` is none.
  static std::optional<MetricReading> parse(std::string_view text);

  const std::vector<MetricSample>& samples() const noexcept { return samples_; }
  /// The sum of all samples of that name that have these labels, among others; 0: there are none.
  double sum(std::string_view name, Labels labels = {}) const;
  bool has(std::string_view name) const;
  /// The values that a label of a metric has, in their order.
  std::vector<std::string> values(std::string_view name, std::string_view label) const;
  /// What a share of `share` (0 to 1) of a histogram's observations were at most, about: within
  /// their bucket they are taken to lie evenly. `name` without "_bucket". Nothing without any.
  std::optional<double> quantile(std::string_view name, double share, Labels labels = {}) const;
  /// What was counted since `earlier`, a reading of the same mount: counters and histograms alone.
  MetricReading since(const MetricReading& earlier) const;

 private:
  std::vector<MetricSample> samples_;
};

}  // namespace penstock
