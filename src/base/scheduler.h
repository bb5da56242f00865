// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include "penstock/callback.h"

namespace penstock {

/// Runs work later, on some thread of its own. Time is monotonic and belongs to the scheduler, so
/// that tests can turn it by hand (tests/support/manual_scheduler.h). All methods are thread-safe.
class Scheduler {
 public:
  using Time = std::chrono::steady_clock::time_point;

  virtual ~Scheduler() = default;
  /// The present moment by this scheduler's clock, which may stand still between two pieces of
  /// work.
  virtual Time now() const = 0;
  /// Runs `work` as soon as a thread is free. Work posted after stop began is destroyed without
  /// being run.
  virtual void post(Callback<void()> work) = 0;
  /// Runs `work` when now() has reached `when`. There is no cancelling: work checks what it still
  /// applies to.
  virtual void post_at(Time when, Callback<void()> work) = 0;

  void post_after(std::chrono::nanoseconds delay, Callback<void()> work) {
    post_at(now() + delay, std::move(work));
  }
};

}  // namespace penstock
