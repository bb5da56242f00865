// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/mutex.h"

namespace penstock {

/// Counts work that must end before its owner may be destroyed. Thread-safe.
class Gate {
 public:
  /// Held by one piece of work, usually captured in its continuation.
  class Pass {
   public:
    explicit Pass(Gate& gate) : gate_(&gate) { gate.enter(); }
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

  /// Waits until every pass is gone. Must not be called from work that holds one.
  void wait() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
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
};

}  // namespace penstock
