// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

#include "base/mutex.h"
#include "base/scheduler.h"

namespace penstock {

/// What the link of a mount gives in one direction: the most bytes per second that passed in all
/// over the last few seconds, and how long one large request takes at best. Their product is what
/// must be on the way to keep the link full. Thread-safe.
class LinkEstimate {
 public:
  using Time = Scheduler::Time;

  /// `fetch_size`: bytes of a full request; `first_window`: what window() says before anything was
  /// measured.
  explicit LinkEstimate(uint64_t fetch_size, uint64_t first_window = 64ULL << 20)
      : fetch_size_(fetch_size), first_window_(first_window) {}

  /// `bytes` more have arrived.
  void arrived(Time now, uint64_t bytes) EXCLUDES(mutex_);
  /// One fetch is complete. Small ones tell nothing and are ignored.
  void completed(Time now, uint64_t bytes, std::chrono::nanoseconds first_byte,
                 std::chrono::nanoseconds body) EXCLUDES(mutex_);

  /// Bytes to have on the way or waiting ahead of all streams together: twice what the link holds.
  uint64_t window() const EXCLUDES(mutex_);

 private:
  static constexpr std::chrono::milliseconds slot_length{50};
  static constexpr size_t slots = 64;

  uint64_t best_rate() const REQUIRES(mutex_);

  const uint64_t fetch_size_;
  const uint64_t first_window_;
  mutable Mutex mutex_;
  std::array<uint64_t, slots> arrived_ GUARDED_BY(mutex_) = {};  ///< A ring, by slot number.
  int64_t slot_ GUARDED_BY(mutex_) = -1;                         ///< The one that is being filled.
  bool measured_ GUARDED_BY(mutex_) = false;
  std::chrono::nanoseconds duration_ GUARDED_BY(mutex_);  ///< Best, of the periods before.
  std::chrono::nanoseconds period_best_ GUARDED_BY(mutex_);
  Time period_end_ GUARDED_BY(mutex_){};
};

}  // namespace penstock
