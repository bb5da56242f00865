// SPDX-License-Identifier: Apache-2.0
#include "store/hedge_queue.h"

#include <optional>
#include <utility>
#include <vector>

namespace penstock {

void HedgeQueue::watch(Scheduler::Time due, std::weak_ptr<Hedgeable> call) {
  {
    const MutexLock lock(mutex_);
    waiting_.push_back({due, std::move(call)});
    if (std::exchange(armed_, true)) return;
  }
  arm(due);
}

void HedgeQueue::arm(Scheduler::Time due) {
  scheduler_.post_at(due, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->ring();
  });
}

void HedgeQueue::ring() {
  const Scheduler::Time now = scheduler_.now();
  std::vector<std::shared_ptr<Hedgeable>> slow;
  std::vector<std::shared_ptr<Hedgeable>> decided;  // Not destroyed under the lock.
  std::optional<Scheduler::Time> next;
  {
    const MutexLock lock(mutex_);
    while (!waiting_.empty()) {
      std::shared_ptr<Hedgeable> call = waiting_.front().call.lock();
      const bool done = call == nullptr || call->decided();
      if (!done && waiting_.front().due > now) {
        decided.push_back(std::move(call));
        break;
      }
      (done ? decided : slow).push_back(std::move(call));
      waiting_.pop_front();
    }
    armed_ = !waiting_.empty();
    if (armed_) next = waiting_.front().due;
  }
  if (next) arm(*next);
  for (const auto& call : slow) call->hedge();
}

}  // namespace penstock
