// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "penstock/held_locks.h"

#ifdef PENSTOCK_SHAKE
#include "base/shake.h"
#endif

// clang's -Wthread-safety (preset "tidy") checks these; libstdc++'s own mutex carries no such
// attributes.
#if defined(__clang__)
#define PENSTOCK_TSA(x) __attribute__((x))
#else
#define PENSTOCK_TSA(x)
#endif
#define CAPABILITY(x) PENSTOCK_TSA(capability(x))
#define SCOPED_CAPABILITY PENSTOCK_TSA(scoped_lockable)
#define GUARDED_BY(x) PENSTOCK_TSA(guarded_by(x))
#define REQUIRES(...) PENSTOCK_TSA(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) PENSTOCK_TSA(locks_excluded(__VA_ARGS__))
#define ACQUIRE(...) PENSTOCK_TSA(acquire_capability(__VA_ARGS__))
#define RELEASE(...) PENSTOCK_TSA(release_capability(__VA_ARGS__))
#define ACQUIRED_BEFORE(...) PENSTOCK_TSA(acquired_before(__VA_ARGS__))
#define NO_THREAD_SAFETY_ANALYSIS PENSTOCK_TSA(no_thread_safety_analysis)

namespace penstock {

/// std::mutex with the attributes that let clang prove which members it guards.
class CAPABILITY("mutex") Mutex {
 public:
  void lock() ACQUIRE() {
    mutex_.lock();
    HeldLocks::taken();
  }
  void unlock() RELEASE() {
    HeldLocks::given_back();
    mutex_.unlock();
#ifdef PENSTOCK_SHAKE
    shake();
#endif
  }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

/// Holds a Mutex for a scope. unlock() gives it back early, for "drop the lock before calling out".
class SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ACQUIRE(mutex) : mutex_(&mutex) { mutex.lock(); }
  ~MutexLock() RELEASE() {
    if (mutex_ != nullptr) mutex_->unlock();
  }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

  void unlock() RELEASE() {
    mutex_->unlock();
    mutex_ = nullptr;
  }

 private:
  Mutex* mutex_;
};

/// A condition variable for Mutex. Waits may wake without cause: loop on the condition.
class CondVar {
 public:
  void wait(Mutex& mutex) REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }
  /// `when` is a copy on purpose: std::condition_variable reads it again after the wait, and what
  /// it was taken from may be changed or gone by then.
  template <typename Clock, typename Duration>
  void wait_until(Mutex& mutex, std::chrono::time_point<Clock, Duration> when) REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait_until(lock, when);
    lock.release();
  }
  void notify_one() noexcept { condition_.notify_one(); }
  void notify_all() noexcept { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace penstock
