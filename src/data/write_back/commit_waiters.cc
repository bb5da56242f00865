// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/commit_waiters.h"

namespace penstock {

std::vector<Done<ObjectInfo>> CommitWaiters::take(uint64_t promise) {
  std::vector<Done<ObjectInfo>> taken;
  std::vector<Waiter> left;
  for (Waiter& waiter : waiting_) {
    if (waiter.promise > promise) {
      left.push_back(std::move(waiter));
    } else {
      taken.push_back(std::move(waiter.done));
    }
  }
  waiting_ = std::move(left);
  return taken;
}

void CommitWaiters::fail(uint64_t promise, const Error& error, Deferred& after) {
  for (Done<ObjectInfo>& done : take(promise)) after.answer(std::move(done), error);
}

std::vector<Done<ObjectInfo>> CommitWaiters::end_answer() {
  return --answering_ == 0 ? std::exchange(late_, {}) : std::vector<Done<ObjectInfo>>();
}

}  // namespace penstock
