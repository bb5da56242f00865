// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>
#include <optional>
#include <span>
#include <utility>

namespace penstock {

/// The value that `share` (0 to 1) of what was counted does not pass, as Prometheus'
/// histogram_quantile has it: evenly spread inside a bucket. `up_to` has, for each upper bound in
/// ascending order, how many are at most that; of what lies behind the last finite bound no more is
/// known than that. Nothing where nothing was counted.
inline std::optional<double> quantile(std::span<const std::pair<double, double>> up_to,
                                      double share) {
  if (up_to.empty() || up_to.back().second == 0) return std::nullopt;
  const double rank = share * up_to.back().second;
  double below = 0;
  double counted = 0;
  for (const auto& [bound, count] : up_to) {
    if (count >= rank && bound == std::numeric_limits<double>::infinity()) return below;
    if (count >= rank) return below + (bound - below) * (rank - counted) / (count - counted);
    below = bound;
    counted = count;
  }
  return below;
}

}  // namespace penstock
