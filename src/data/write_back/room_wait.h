// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <utility>

#include "data/write_back/write_back_core.h"

namespace penstock {

/// How the changes and promises of one file wait for room on the journal's disk, which uploads make
/// (FullDisk says for how long). A file that has waited in vain is refused at once from then on: a
/// program that goes on after an error would wait again for each of its writes, and for its close.
/// Thread-safe.
class RoomWait {
 public:
  /// How often one who waits looks for room.
  static constexpr std::chrono::milliseconds interval{200};

  explicit RoomWait(WriteBackCore& core) : core_(core) {}

  /// Whether one who has waited since `since`, and met `error` now, is to try again later.
  bool may_come(const Error& error, Scheduler::Time since);
  /// Something went to the disk.
  void found() noexcept { waited_in_vain_ = false; }
  /// Runs `look` on the scheduler when it is time to look again.
  void look_later(Callback<void()> look) {
    core_.parts.scheduler.post_after(interval, std::move(look));
  }
  Scheduler::Time now() const { return core_.parts.scheduler.now(); }

 private:
  WriteBackCore& core_;
  std::atomic<bool> waited_in_vain_{false};  ///< And nothing was stored since.
};

}  // namespace penstock
