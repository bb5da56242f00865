// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/metrics.h"

namespace penstock {

/// Of what was fetched ahead in epochs. Thread-safe.
struct EpochMetrics {
  Count files;
  Count bytes;
  Count read_files;  ///< Of `files`: those that a program has read since.
  Count read_bytes;
};

}  // namespace penstock
