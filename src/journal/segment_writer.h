// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/mutex.h"
#include "journal/journal_state.h"
#include "journal/segment.h"
#include "penstock/result.h"

namespace penstock {

/// Appends to a journal's segments, one after the other. Thread-safe, but for sync: one thread at a
/// time.
class SegmentWriter {
 public:
  /// `next` is the number of its first segment.
  SegmentWriter(std::shared_ptr<SegmentFolder> folder, uint64_t next)
      : folder_(std::move(folder)), next_(next) {}

  Result<std::shared_ptr<const JournalPiece>> append(std::span<const std::byte> bytes)
      EXCLUDES(mutex_);
  /// Makes durable what was appended before the call. Whatever failed once must not be trusted
  /// again: the caller stops.
  Result<void> sync() EXCLUDES(mutex_);
  /// Lets go of the segment that is being written where no piece in it lives.
  void release_unused() EXCLUDES(mutex_);
  /// Lets go of it in any case; for the end.
  void close() EXCLUDES(mutex_);
  uint64_t next_number() const EXCLUDES(mutex_);

 private:
  struct Unsynced {
    std::vector<std::shared_ptr<JournalSegment>> segments;
    uint64_t current_end = 0;
    bool names = false;
  };
  Unsynced take_unsynced() EXCLUDES(mutex_);
  using Segment = std::shared_ptr<JournalSegment>;
  // `old` gets the segment that was current: letting go of it, which may remove its file, is for
  // after the lock.
  int roll(Segment& old) REQUIRES(mutex_);
  void abandon_current(Segment& old) REQUIRES(mutex_);
  Result<void> write(std::span<const std::byte> bytes, Segment& old) REQUIRES(mutex_);
  void start_writeback(const JournalSegment& segment, uint64_t from, uint64_t to) EXCLUDES(mutex_);

  const std::shared_ptr<SegmentFolder> folder_;
  mutable Mutex mutex_;
  uint64_t next_ GUARDED_BY(mutex_);
  std::shared_ptr<JournalSegment> current_ GUARDED_BY(mutex_);
  uint64_t end_ GUARDED_BY(mutex_) = 0;        // of the current one
  uint64_t synced_ GUARDED_BY(mutex_) = 0;     // up to here it is durable
  uint64_t writeback_ GUARDED_BY(mutex_) = 0;  // up to here the disk was asked to write
  std::vector<std::weak_ptr<JournalSegment>> unsynced_ GUARDED_BY(mutex_);  // full ones
  bool new_names_ GUARDED_BY(mutex_) = false;
  int failed_ GUARDED_BY(mutex_) = 0;  // what the disk said when it was asked to write
};

}  // namespace penstock
