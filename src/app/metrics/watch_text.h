// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "app/metrics/metric_reading.h"

namespace penstock {

/// What a mount has done between two readings, `apart` from each other, and what it is doing, as
/// lines for a terminal: rates, hits, latency, queue, what is pending, and what waits for what.
std::vector<std::string> watch_lines(const MetricReading& before, const MetricReading& now,
                                     std::chrono::duration<double> apart);

}  // namespace penstock
