// SPDX-License-Identifier: Apache-2.0
#include "base/worker_pool.h"

#include <pthread.h>

namespace penstock {

WorkerPool::WorkerPool(const std::string& name, uint32_t threads) {
  for (uint32_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { run(); });
    pthread_setname_np(threads_.back().native_handle(), name.substr(0, 15).c_str());
  }
}

WorkerPool::~WorkerPool() { stop(); }

void WorkerPool::post(Callback<void()> work) {
  {
    const MutexLock lock(mutex_);
    if (stopping_) return;
    ready_.push_back(std::move(work));
  }
  wake_.notify_one();
}

void WorkerPool::post_at(Time when, Callback<void()> work) {
  {
    const MutexLock lock(mutex_);
    if (stopping_) return;
    timers_.emplace(when, std::move(work));
  }
  wake_.notify_one();
}

void WorkerPool::stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  threads_.clear();
  // What has not begun is destroyed outside the lock: its destructors may post.
  std::deque<Callback<void()>> ready;
  std::multimap<Time, Callback<void()>> timers;
  const MutexLock lock(mutex_);
  ready.swap(ready_);
  timers.swap(timers_);
}

void WorkerPool::run() {
  while (true) {
    Callback<void()> work;
    {
      const MutexLock lock(mutex_);
      while (!work) {
        if (stopping_) return;
        if (!timers_.empty() && timers_.begin()->first <= now()) {
          work = std::move(timers_.begin()->second);
          timers_.erase(timers_.begin());
          // It may have been woken for work that it now leaves to another.
          if (!ready_.empty()) wake_.notify_one();
        } else if (!ready_.empty()) {
          work = std::move(ready_.front());
          ready_.pop_front();
        } else if (!timers_.empty()) {
          wake_.wait_until(mutex_, timers_.begin()->first);
        } else {
          wake_.wait(mutex_);
        }
      }
    }
    work();
  }
}

}  // namespace penstock
