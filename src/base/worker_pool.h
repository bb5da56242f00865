// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/scheduler.h"

namespace penstock {

/// A Scheduler on `threads` threads of its own. Work may block on local disks, never on the
/// network. The destructor (or stop) lets running work finish and drops what has not begun, timers
/// included.
class WorkerPool final : public Scheduler {
 public:
  WorkerPool(const std::string& name, uint32_t threads);
  ~WorkerPool() override;

  Time now() const override { return std::chrono::steady_clock::now(); }
  void post(Callback<void()> work) override EXCLUDES(mutex_);
  void post_at(Time when, Callback<void()> work) override EXCLUDES(mutex_);
  /// Idempotent; returns when no work is running. Must not be called from work.
  void stop() EXCLUDES(mutex_);

 private:
  void run() EXCLUDES(mutex_);

  Mutex mutex_;
  CondVar wake_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::deque<Callback<void()>> ready_ GUARDED_BY(mutex_);
  std::multimap<Time, Callback<void()>> timers_ GUARDED_BY(mutex_);
  std::vector<std::jthread> threads_;
};

}  // namespace penstock
