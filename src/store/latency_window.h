// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>

#include "base/mutex.h"

namespace penstock {

/// How long the last 256 requests of one kind waited for their answer to begin, and after which
/// time one more is slow: later than 19 of 20 of them, by 2 ms at the least. Thread-safe.
class LatencyWindow {
 public:
  using Duration = std::chrono::nanoseconds;

  void add(Duration waited) EXCLUDES(mutex_);
  /// Nothing until 32 requests have been seen. Computed anew for each 16th.
  std::optional<Duration> slow_after() const EXCLUDES(mutex_);

 private:
  static constexpr size_t size = 256;

  mutable Mutex mutex_;
  std::array<Duration, size> last_ GUARDED_BY(mutex_);
  size_t seen_ GUARDED_BY(mutex_) = 0;
  std::optional<Duration> slow_after_ GUARDED_BY(mutex_);
};

}  // namespace penstock
