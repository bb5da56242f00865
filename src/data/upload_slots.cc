// SPDX-License-Identifier: Apache-2.0
#include "data/upload_slots.h"

#include <utility>

namespace penstock {

void UploadSlots::request(const std::shared_ptr<User>& user, uint32_t count) {
  if (count == 0) return;
  {
    const MutexLock lock(mutex_);
    uint32_t& wanted = wanted_[user.get()];
    if (wanted == 0) turns_.push_back(user);
    wanted += count;
  }
  drain();
}

void UploadSlots::release() {
  {
    const MutexLock lock(mutex_);
    ++free_;
  }
  drain();
}

void UploadSlots::drain() {
  bool mine = false;
  while (true) {
    std::shared_ptr<User> next;
    {
      const MutexLock lock(mutex_);
      if (draining_ && !mine) return;
      draining_ = mine = free_ > 0 && !turns_.empty();
      if (!mine) return;
      --free_;
      next = std::move(turns_.front());
      turns_.pop_front();
      const auto wanted = wanted_.find(next.get());
      if (--wanted->second > 0) {
        turns_.push_back(next);
      } else {
        wanted_.erase(wanted);
      }
    }
    next->use_slot();
  }
}

}  // namespace penstock
