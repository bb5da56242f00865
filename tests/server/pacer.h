// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/mutex.h"

namespace penstock::test {

using Time = std::chrono::steady_clock::time_point;

/// A link of a given rate: says when bytes that are sent after everything before them have arrived.
/// Not thread-safe.
class Pacer {
 public:
  /// A new transfer: whatever the link could have carried until now is lost.
  void start(Time now) { free_at_ = std::max(free_at_, now); }

  /// When the last of `bytes` is through, at `mbps` 10^6 bytes/s. Who asks late may catch up a
  /// little.
  Time grant(uint64_t bytes, double mbps, Time now) {
    free_at_ = std::max(free_at_, now - catch_up);
    free_at_ +=
        std::chrono::nanoseconds(static_cast<int64_t>(static_cast<double>(bytes) * 1e3 / mbps));
    return free_at_;
  }

 private:
  static constexpr std::chrono::milliseconds catch_up{5};
  Time free_at_{};
};

/// One Pacer for all connections, first come, first served. Thread-safe.
class SharedPacer {
 public:
  Time grant(uint64_t bytes, double mbps, Time now) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return pacer_.grant(bytes, mbps, now);
  }

 private:
  Mutex mutex_;
  Pacer pacer_ GUARDED_BY(mutex_);
};

/// The links that all connections of a server share.
struct SharedLinks {
  SharedPacer in;
  SharedPacer out;
};

}  // namespace penstock::test
