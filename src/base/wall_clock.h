// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>

namespace penstock {

inline constexpr int64_t ns_per_second = 1'000'000'000;

/// The present moment in ns since the epoch: what times of objects and files are counted in. It may
/// jump; for how long something takes there is Scheduler::now.
inline int64_t wall_clock_ns() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

/// The time in ns since the epoch. What 64 bits cannot count, before 1677 and after 2262, is the
/// nearest that they can, as the kernel has it for file systems with such limits.
inline int64_t to_ns(const timespec& time) noexcept {
  if (time.tv_sec > INT64_MAX / ns_per_second - 1) return INT64_MAX;
  if (time.tv_sec < INT64_MIN / ns_per_second + 1) return INT64_MIN;
  return time.tv_sec * ns_per_second + time.tv_nsec;
}

}  // namespace penstock
