// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <utility>
#include <vector>

#include "base/deferred.h"
#include "base/mutex.h"
#include "data/write/change.h"
#include "data/write/file_strand.h"
#include "data/write_back/pending_contents.h"
#include "data/write_back/room_wait.h"
#include "data/write_back/write_tail.h"

namespace penstock {

/// Applies changes to the contents of a pending file, one after another: their bytes go to the
/// journal, small ones after they were collected. Changes for which its disk has no room wait here,
/// in order. Has a lock of its own, which is taken before the file's and held while the disk is
/// written to. Thread-safe.
class PendingChanges {
 public:
  /// Hears of changes under the file's lock.
  class Listener {
   public:
    /// Bytes from `offset` to `end` are about to become others.
    virtual void changing(uint64_t offset, uint64_t end) = 0;
    /// They are in the contents.
    virtual void stored(ByteRange range) = 0;
    /// Whether the file is given up, and takes no changes any more.
    virtual bool given_up() const = 0;

   protected:
    ~Listener() = default;
  };

  /// All of these must outlive it; `contents` and `listener` are used under the file's lock.
  PendingChanges(WriteBackCore& core, LockedFile& file, PendingContents& contents, RoomWait& room,
                 Listener& listener)
      : core_(core), file_(file), contents_(contents), room_(room), listener_(listener) {}

  /// Answers with the offset of what was written.
  void change(const Change& change, Done<uint64_t> done) EXCLUDES(mutex_);
  /// Runs `work(flushed, Deferred&)` when all that was collected is in the journal, unless
  /// `flushed` has an error; no change comes between. Work may take the file's lock.
  template <typename Work>
  void flushed(Work&& work) EXCLUDES(mutex_) {
    Deferred after;
    const MutexLock lock(mutex_);
    std::forward<Work>(work)(flush(), after);
  }

 private:
  /// A change that the disk has no room for yet.
  struct Waiting {
    Change change;
    std::vector<std::byte> data;  ///< Of the change.
    Scheduler::Time since;
    Done<uint64_t> done;
  };

  Result<uint64_t> apply(const Change& change) REQUIRES(mutex_);
  void make_hole(const Change& change, ByteRange range, uint64_t size);
  void resize(uint64_t size);
  Result<void> write(uint64_t offset, std::span<const std::byte> data) REQUIRES(mutex_);
  Result<void> flush() REQUIRES(mutex_);
  Result<void> store(uint64_t offset, std::span<const std::byte> data) REQUIRES(mutex_);
  void try_waiting() EXCLUDES(mutex_);
  void look_later();

  WriteBackCore& core_;
  LockedFile& file_;
  PendingContents& contents_;
  RoomWait& room_;
  Listener& listener_;

  Mutex mutex_;
  WriteTail tail_ GUARDED_BY(mutex_);
  std::deque<Waiting> waiting_ GUARDED_BY(mutex_);
};

}  // namespace penstock
