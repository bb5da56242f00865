// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

#include "base/mutex.h"

namespace penstock {

/// Counts work that must end before its owner may be destroyed. Thread-safe.
class Gate {
 public:
  /// Held by one piece of work, usually captured in its continuation.
  class Pass {
   public:
    explicit Pass(Gate& gate) : gate_(&gate) { gate.enter(); }
    /// Of one that has entered by itself.
    Pass(Gate& gate, std::adopt_lock_t) noexcept : gate_(&gate) {}
    Pass(const Pass& other) : gate_(other.gate_) {
      if (gate_ != nullptr) gate_->enter();
    }
    Pass(Pass&& other) noexcept : gate_(other.gate_) { other.gate_ = nullptr; }
    Pass& operator=(const Pass&) = delete;
    ~Pass() {
      if (gate_ != nullptr) gate_->leave();
    }

   private:
    Gate* gate_;
  };

  Pass pass() { return Pass(*this); }
  /// None once close() has begun.
  std::optional<Pass> pass_if_open() EXCLUDES(mutex_) {
    {
      const MutexLock lock(mutex_);
      if (closed_) return {};
      ++inside_;
    }
    return Pass(*this, std::adopt_lock);
  }

  /// Waits until every pass is gone. Must not be called from work that holds one.
  void wait() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    while (inside_ != 0) empty_.wait(mutex_);
  }
  /// The same, but not beyond `end`: false where some pass is not gone by then.
  bool wait_until(std::chrono::steady_clock::time_point end) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    while (inside_ != 0 && std::chrono::steady_clock::now() < end) empty_.wait_until(mutex_, end);
    return inside_ == 0;
  }
  /// The same, and from now on pass_if_open() gives none.
  void close() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    closed_ = true;
    while (inside_ != 0) empty_.wait(mutex_);
  }

 private:
  void enter() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    ++inside_;
  }
  void leave() noexcept EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    // Notified under the lock: the waiter may destroy the gate as soon as it sees zero.
    if (--inside_ == 0) empty_.notify_all();
  }

  Mutex mutex_;
  CondVar empty_;
  uint64_t inside_ GUARDED_BY(mutex_) = 0;
  bool closed_ GUARDED_BY(mutex_) = false;
};

}  // namespace penstock
