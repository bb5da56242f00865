// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <map>

#include "base/mutex.h"
#include "base/scheduler.h"

namespace penstock::test {

/// A Scheduler whose time stands still until a test moves it. Work runs on the thread that calls
/// run or advance.
class ManualScheduler final : public Scheduler {
 public:
  Time now() const override {
    const MutexLock lock(mutex_);
    return now_;
  }
  void post(Callback<void()> work) override {
    const MutexLock lock(mutex_);
    ready_.push_back(std::move(work));
  }
  void post_at(Time when, Callback<void()> work) override {
    const MutexLock lock(mutex_);
    timers_.emplace(when, std::move(work));
  }

  /// Destroys what has not run, as a scheduler of threads does when it ends.
  void stop() {
    std::deque<Callback<void()>> ready;
    std::multimap<Time, Callback<void()>> timers;
    const MutexLock lock(mutex_);
    ready.swap(ready_);
    timers.swap(timers_);
  }

  /// Runs posted work, and the work which that posts, until none is left.
  void run() {
    while (run_one()) {
    }
  }
  /// Moves time on, timer by timer, running what falls due.
  void advance(std::chrono::nanoseconds by) {
    const Time end = now() + by;
    run();
    while (true) {
      {
        const MutexLock lock(mutex_);
        if (timers_.empty() || timers_.begin()->first > end) {
          now_ = end;
          return;
        }
        if (timers_.begin()->first > now_) now_ = timers_.begin()->first;
      }
      run();
    }
  }

 private:
  bool run_one() {
    Callback<void()> work;
    {
      const MutexLock lock(mutex_);
      if (!ready_.empty()) {
        work = std::move(ready_.front());
        ready_.pop_front();
      } else if (!timers_.empty() && timers_.begin()->first <= now_) {
        work = std::move(timers_.begin()->second);
        timers_.erase(timers_.begin());
      } else {
        return false;
      }
    }
    work();
    return true;
  }

  mutable Mutex mutex_;
  Time now_ GUARDED_BY(mutex_) = Time(std::chrono::hours(1));
  std::deque<Callback<void()>> ready_ GUARDED_BY(mutex_);
  std::multimap<Time, Callback<void()>> timers_ GUARDED_BY(mutex_);
};

}  // namespace penstock::test
