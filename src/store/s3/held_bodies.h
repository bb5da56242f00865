// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/mutex.h"

namespace penstock {

/// Room for bodies that are held until they are checked, all of one size, kept for the next ones:
/// memory that was touched before costs a tenth of fresh memory. Keeps at most `most_kept` of
/// them; in use are at most as many as there are connections. Thread-safe.
class HeldBodies {
 public:
  static constexpr size_t size = 1 << 20;
  static constexpr size_t most_kept = 16;
  using Room = std::unique_ptr<std::byte[]>;

  /// `size` bytes, of any contents.
  Room take() EXCLUDES(mutex_) {
    {
      const MutexLock lock(mutex_);
      if (!kept_.empty()) {
        Room room = std::move(kept_.back());
        kept_.pop_back();
        return room;
      }
    }
    return Room(new std::byte[size]);
  }

  void give_back(Room room) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    if (kept_.size() < most_kept) kept_.push_back(std::move(room));
  }

 private:
  Mutex mutex_;
  std::vector<Room> kept_ GUARDED_BY(mutex_);
};

}  // namespace penstock
