// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/mutex.h"

namespace penstock {

/// Lets a kind of message through at a rate that a person can read: a few at once, then one a
/// second. Thread-safe.
class LogLimit {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr int at_once = 20;
  static constexpr std::chrono::seconds each{1};

  /// Nothing: this message is to be left out. Else how many were left out before it.
  std::optional<uint64_t> admit(Clock::time_point now) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    next_ = std::max(next_, now - at_once * each);
    if (next_ > now - each) {
      ++left_out_;
      return std::nullopt;
    }
    next_ += each;
    return std::exchange(left_out_, 0);
  }

 private:
  Mutex mutex_;
  Clock::time_point next_
      GUARDED_BY(mutex_);  ///< Ahead of `now - at_once * each` by what was let through.
  uint64_t left_out_ GUARDED_BY(mutex_) = 0;
};

}  // namespace penstock
