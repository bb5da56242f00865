// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "penstock/callback.h"

namespace penstock {

/// What must wait until a lock is given back: calls into other layers, and letting go of memory
/// (which wakes who waits for the budget). Declare it before the lock; its destructor does the
/// work, in order, after the lock's.
class Deferred {
 public:
  Deferred() = default;
  Deferred(const Deferred&) = delete;
  Deferred& operator=(const Deferred&) = delete;
  ~Deferred() {
    garbage_.clear();
    for (auto& call : calls_) call();
  }

  void call(Callback<void()> work) { calls_.push_back(std::move(work)); }
  void release(std::shared_ptr<void> owner) { garbage_.push_back(std::move(owner)); }

 private:
  std::vector<std::shared_ptr<void>> garbage_;
  std::vector<Callback<void()>> calls_;
};

}  // namespace penstock
