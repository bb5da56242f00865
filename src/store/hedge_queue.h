// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>

#include "base/mutex.h"
#include "base/scheduler.h"

namespace penstock {

/// A call that may be sent a second time.
class Hedgeable {
 public:
  virtual ~Hedgeable() = default;
  /// Its answer has begun: nothing is to be done for it any more.
  virtual bool decided() const noexcept = 0;
  /// Its answer is slow to begin. Called without locks, at most once.
  virtual void hedge() = 0;
};

/// Calls in the order in which they would become slow. One timer at a time serves all of them: most
/// are decided before it rings, and a timer for each would wake a thread for each. Owned by a
/// shared pointer; calls that wait end with the scheduler. Thread-safe.
class HedgeQueue : public std::enable_shared_from_this<HedgeQueue> {
 public:
  explicit HedgeQueue(Scheduler& scheduler) : scheduler_(scheduler) {}

  /// `call` is told when `due` has come, and it is not decided by then. One that is due before an
  /// earlier call is told when that is due.
  void watch(Scheduler::Time due, std::weak_ptr<Hedgeable> call) EXCLUDES(mutex_);

 private:
  struct Entry {
    Scheduler::Time due;
    std::weak_ptr<Hedgeable> call;
  };

  void ring() EXCLUDES(mutex_);
  void arm(Scheduler::Time due);

  Scheduler& scheduler_;
  Mutex mutex_;
  std::deque<Entry> waiting_ GUARDED_BY(mutex_);
  bool armed_ GUARDED_BY(mutex_) = false;
};

}  // namespace penstock
