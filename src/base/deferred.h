// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/result.h"

namespace penstock {

/// What must wait until a lock is given back: answers, calls into other layers, and letting go of
/// memory (which wakes who waits for the budget). Declare it before the lock; its destructor does
/// the work, in order, after the lock's.
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
  template <typename T>
  void answer(Done<T> done, std::type_identity_t<Result<T>> result) {
    call([done = std::move(done), result = std::move(result)]() mutable {
      done(std::move(result));
    });
  }
  void release(std::shared_ptr<void> owner) { garbage_.push_back(std::move(owner)); }

 private:
  std::vector<std::shared_ptr<void>> garbage_;
  std::vector<Callback<void()>> calls_;
};

}  // namespace penstock
