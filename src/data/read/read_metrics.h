// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/metrics.h"

namespace penstock {

/// Of all readers of a mount. Thread-safe.
struct ReadMetrics {
  Count from_memory;  ///< Reads whose bytes were in memory when they were asked for.
  Count memory_bytes;
  Count waited;  ///< Reads that waited for the cache or the store.
  Count waited_bytes;
};

}  // namespace penstock
