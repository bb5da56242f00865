// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>

#include "base/mutex.h"

namespace penstock {

/// How much of one kind a whole mount has under way to the store (parts, copies, files): so many
/// slots, given in turn to those who ask. Thread-safe.
class UploadSlots {
 public:
  /// Who can do something when its turn comes.
  class User {
   public:
    virtual ~User() = default;
    /// Has a slot now, and gives it back by release when that is done (or there is nothing to do).
    virtual void use_slot() = 0;
  };

  explicit UploadSlots(uint32_t slots) : free_(slots == 0 ? 1 : slots) {}

  /// Asks for `count` slots; may call use_slot before it returns. The caller must hold no lock.
  void request(const std::shared_ptr<User>& user, uint32_t count) EXCLUDES(mutex_);
  void release() EXCLUDES(mutex_);

 private:
  void drain() EXCLUDES(mutex_);

  Mutex mutex_;
  uint32_t free_ GUARDED_BY(mutex_);
  /// True while a thread hands out slots: the others, and the calls that come from inside, leave it
  /// to that one, so that a store that answers at once does not pile up stack frames.
  bool draining_ GUARDED_BY(mutex_) = false;
  std::deque<std::shared_ptr<User>> turns_ GUARDED_BY(mutex_);  ///< Each user at most once.
  std::unordered_map<User*, uint32_t> wanted_ GUARDED_BY(mutex_);
};

}  // namespace penstock
