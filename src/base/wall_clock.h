// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

namespace penstock {

/// The present moment in ns since the epoch: what times of objects and files are counted in. It may
/// jump; for how long something takes there is Scheduler::now.
inline int64_t wall_clock_ns() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

}  // namespace penstock
