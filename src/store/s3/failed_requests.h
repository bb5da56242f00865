// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "base/mutex.h"

namespace penstock {

/// What is remembered of requests that had no answer, for those that repeat them. Thread-safe.
///
/// - The next request for the same key takes no kept connection: the one that failed may be of a
///   server that is gone, and others beside it lead there, too.
/// - The same request is given twice the time after each that ran out of it, until one is answered:
///   a server that needs 14 s for a listing needs them again.
class FailedRequests {
 public:
  /// Doublings beyond this change nothing.
  static constexpr uint32_t most_doublings = 5;

  void failed(const std::string& key) EXCLUDES(mutex_);
  /// True once for each failure.
  bool take(const std::string& key) EXCLUDES(mutex_);

  /// `name` tells requests apart. It ran out of time, of which it had 2^`doublings` times its own.
  void timed_out(const std::string& name, uint32_t doublings) EXCLUDES(mutex_);
  void answered(const std::string& name) EXCLUDES(mutex_);
  uint32_t doublings(const std::string& name) const EXCLUDES(mutex_);
  /// False: there are no doublings for any. Costs nothing.
  bool any_slow() const noexcept { return any_slow_.load(std::memory_order_relaxed); }

 private:
  mutable Mutex mutex_;
  std::unordered_map<std::string, uint32_t> keys_ GUARDED_BY(mutex_);
  std::unordered_map<std::string, uint32_t> slow_ GUARDED_BY(mutex_);
  std::atomic<bool> any_failed_{false};  ///< Save the lock where nothing has failed.
  std::atomic<bool> any_slow_{false};
};

}  // namespace penstock
