// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include "app/metrics/metric_reading.h"

namespace penstock {

/// The metrics of one mount for people: groups, units, and rates since the mount, which is `age`
/// old. What has not happened is left out.
std::string stats_text(const MetricReading& reading, std::chrono::duration<double> age);

/// All samples as JSON: a list of {"name", "labels", "value"}.
std::string stats_json(const MetricReading& reading);

}  // namespace penstock
