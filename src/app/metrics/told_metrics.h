// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "app/environment.h"
#include "app/metrics/metric_reading.h"

namespace penstock {

/// What one mount tells of itself.
struct ToldMetrics {
  std::string source;  ///< Empty where the mount is taken away already.
  std::string mountpoint;
  pid_t pid = 0;
  std::string text;  ///< As it came.
  MetricReading reading;
};

/// All mounts that were asked.
struct AllMetrics {
  std::vector<ToldMetrics> mounts;    ///< By mountpoint.
  std::vector<std::string> problems;  ///< Why others do not tell; sentences for a person.
  bool found = false;                 ///< There is a process of a mount, whether it tells or not.
};

/// Asks the processes of all mounts that this user may see; of the one at `mountpoint` (canonical)
/// where that is not empty.
AllMetrics ask_metrics(const std::string& mountpoint, const Environment& environment);

}  // namespace penstock
