// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>

#include "base/mutex.h"

namespace penstock {

/// Who can send one part when its turn comes.
class PartSender {
 public:
  virtual ~PartSender() = default;
  /// Has a slot now, and gives it back by UploadSlots::release when the part is done (or there is
  /// none to send).
  virtual void send_one() = 0;
};

/// The parts in flight of a whole mount: so many slots, given to files in turn. Thread-safe.
class UploadSlots {
 public:
  explicit UploadSlots(uint32_t slots) : free_(slots == 0 ? 1 : slots) {}

  /// Asks for `count` slots; may call send_one before it returns. The caller must hold no lock.
  void request(const std::shared_ptr<PartSender>& sender, uint32_t count) EXCLUDES(mutex_);
  void release() EXCLUDES(mutex_);

 private:
  void drain() EXCLUDES(mutex_);

  Mutex mutex_;
  uint32_t free_ GUARDED_BY(mutex_);
  /// True while a thread hands out slots: the others, and the calls that come from inside, leave it
  /// to that one, so that a store that answers at once does not pile up stack frames.
  bool draining_ GUARDED_BY(mutex_) = false;
  std::deque<std::shared_ptr<PartSender>> turns_ GUARDED_BY(mutex_);  ///< Each sender at most once.
  std::unordered_map<PartSender*, uint32_t> wanted_ GUARDED_BY(mutex_);
};

}  // namespace penstock
