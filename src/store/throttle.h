// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <random>

#include "base/log.h"
#include "base/mutex.h"
#include "base/scheduler.h"
#include "penstock/callback.h"

namespace penstock {

/// Slows all requests to one store down when the store asks for it (503 SlowDown, 429), so that
/// connections neither keep the load up nor come back in step.
///
/// Additive increase, multiplicative decrease on the number of requests in flight: the first
/// refusal of a round cuts it to 0.7 of what was in flight and pauses new requests for a moment
/// that doubles with every round until one succeeds; after the pause they start spread over its
/// length. Every answer that is no refusal lets the number grow again, until the limit is off.
/// Costs one lock per request while it is off. Thread-safe; callbacks run without its lock.
class Throttle : public std::enable_shared_from_this<Throttle> {
 public:
  enum class Outcome : uint8_t {
    answered,  ///< The store took the request: it has room.
    refused,   ///< It asked to slow down.
    unknown,   ///< Says nothing of its load (no answer, or the request was never sent).
  };
  /// What a granted request gives back. A value.
  struct Ticket {
    uint64_t round = 0;  ///< Refusals of a round that was already punished count once.
  };

  static constexpr std::chrono::milliseconds first_pause{50};
  static constexpr std::chrono::milliseconds longest_pause{5000};
  static constexpr double no_limit = 512;  ///< Above this many in flight there is nothing to limit.

  /// `scheduler` must outlive it. `seed` makes the jitter repeatable.
  Throttle(Scheduler& scheduler, uint64_t seed, std::shared_ptr<Log> log);

  /// Calls `granted` when the request may be sent: at once (before returning) unless the store is
  /// slow. The receiver must call leave exactly once.
  void admit(Callback<void(Ticket)> granted) EXCLUDES(mutex_);
  /// `retry_after` is what the refusal asked for, 0 if nothing.
  void leave(Ticket ticket, Outcome outcome, std::chrono::milliseconds retry_after)
      EXCLUDES(mutex_);

  uint64_t in_flight() const EXCLUDES(mutex_);
  /// Requests that wait to be granted.
  uint64_t waiting() const EXCLUDES(mutex_);
  /// Requests that may be in flight now; no_limit or more means any number.
  double limit() const EXCLUDES(mutex_);

 private:
  void refused(Ticket ticket, std::chrono::milliseconds retry_after) REQUIRES(mutex_);
  void answered(Ticket ticket) REQUIRES(mutex_);
  bool may_start(Scheduler::Time now) const REQUIRES(mutex_);
  void grant_waiting() EXCLUDES(mutex_);
  /// Sees to it that grant_waiting runs when the pause is over. Returns whether a timer must be
  /// posted.
  bool needs_timer(Scheduler::Time now) REQUIRES(mutex_);

  Scheduler& scheduler_;
  const std::shared_ptr<Log> log_;
  mutable Mutex mutex_;
  std::mt19937_64 random_ GUARDED_BY(mutex_);
  double limit_ GUARDED_BY(mutex_) = no_limit;
  uint64_t in_flight_ GUARDED_BY(mutex_) = 0;
  uint64_t round_ GUARDED_BY(mutex_) = 0;
  std::chrono::milliseconds pause_ GUARDED_BY(mutex_) = first_pause;  ///< Of the next refusal.
  std::chrono::nanoseconds spacing_ GUARDED_BY(mutex_){0};  ///< Between two starts after a pause.
  Scheduler::Time not_before_ GUARDED_BY(mutex_);           ///< The next start.
  bool timer_posted_ GUARDED_BY(mutex_) = false;
  bool granting_ GUARDED_BY(mutex_) = false;  ///< Some thread is in grant_waiting's loop.
  std::deque<Callback<void(Ticket)>> waiting_ GUARDED_BY(mutex_);
};

}  // namespace penstock
