// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>

#include "base/deferred.h"
#include "data/write/part_table.h"
#include "data/write/write_core.h"
#include "data/write/writer_contents.h"

namespace penstock {

/// What becomes of the memory of one file's parts. A part that the store has is kept in memory
/// while there is room, for programs that come back to it (headers, tails); then it goes to the
/// staging file, where it can be read and changed; where the disk has no room either its memory is
/// dropped. A part that the store does not have yet is spilled there when memory is short. One part
/// at a time is on its way to the disk.
///
/// Not thread-safe: the file's lock is held by the caller, who also runs the jobs.
class PartMemory {
 public:
  /// What the file is doing meanwhile.
  struct Phase {
    bool committing = false;
    bool abandoned = false;
  };

  /// All of these must outlive it. `readable`: nobody else has the bytes that were sent.
  PartMemory(WriteCore& core, WriterContents& contents, PartTable& parts, bool readable)
      : core_(core), contents_(contents), parts_(parts), readable_(readable) {}
  ~PartMemory();
  PartMemory(const PartMemory&) = delete;
  PartMemory& operator=(const PartMemory&) = delete;

  /// Somebody reads the file, or it is not written from front to back: what is sent stays readable.
  void expect_reads() noexcept { expects_reads_ = true; }

  /// The part is in the store, or as in the base. `awaited`: a change that waits touches it.
  void settle(uint32_t number, bool awaited, Phase phase, Deferred& after);
  /// Lets go of all that is only kept.
  void let_all_go(Phase phase, Deferred& after);
  bool keeps_any() const noexcept { return !kept_.empty(); }
  /// The part is not among the kept ones any more; its memory stays.
  void unkeep(uint32_t number);
  void unkeep_above(uint32_t last);

  /// Whether bytes of `range` are on their way to the disk: they may not be written to.
  bool writes(ByteRange range) const noexcept;
  bool spilling() const noexcept { return spilling_.has_value(); }
  bool idle() const noexcept { return !spilling_ && !moving_; }

  /// The next stored part that is to go to the disk; null: none now. The caller runs the job, and
  /// calls moved() when it has ended.
  std::shared_ptr<StagingJob> next_move(bool abandoned);
  /// True: it was the first that failed, and no other is tried.
  bool moved(const StagingJob& job, bool succeeded, bool abandoned, Deferred& after);

  /// Bytes that spilling could free.
  uint64_t spillable(Phase phase) const;
  /// The idle part with the most bytes in memory; null: none now. As next_move, with spilled().
  std::shared_ptr<StagingJob> next_spill(Phase phase);
  void spilled(const StagingJob& job, bool succeeded, bool abandoned, Deferred& after);

  /// What is staged is superfluous: the object has it, or the file is given up.
  void leave_staging();

 private:
  void keep(uint32_t number, uint64_t bytes) { kept_[number] = bytes; }
  void let_go(uint32_t number, Phase phase, Deferred& after);
  void drop(uint32_t number, Deferred& after);
  bool only_in_upload(uint32_t number) const;
  bool worth_moving(uint32_t number, Phase phase) const;

  WriteCore& core_;
  WriterContents& contents_;
  PartTable& parts_;
  const bool readable_;

  std::map<uint32_t, uint64_t> kept_;  // stored parts that are in memory, with their bytes there
  std::deque<uint32_t> moves_;         // stored parts that go to the staging file, in turn
  std::optional<ByteRange> moving_;    // the first of them, on its way
  std::optional<ByteRange> spilling_;
  uint64_t moved_bytes_ = 0;  // taken of WriteCore::staged
  bool disk_failed_ = false;
  bool expects_reads_ = false;
};

}  // namespace penstock
