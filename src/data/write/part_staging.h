// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/deferred.h"
#include "data/write/change_queue.h"
#include "data/write/file_strand.h"
#include "data/write/part_memory.h"
#include "data/write/write_core.h"
#include "data/write/writer_contents.h"
#include "data/write/writer_phase.h"

namespace penstock {

/// Takes the parts of one file to the staging disk that PartMemory chooses, on the engine's
/// scheduler. Called under the file's lock, see FileStrand.
class PartStaging {
 public:
  /// All of these must outlive it.
  PartStaging(WriteCore& core, FileStrand& strand, const WriterContents& contents,
              const ChangeQueue& changes, const WriterPhase& phase, PartMemory& memory)
      : core_(core),
        strand_(strand),
        contents_(contents),
        changes_(changes),
        phase_(phase),
        memory_(memory) {}

  /// The part is in the store: its memory is kept, or its bytes are to be had from elsewhere.
  void settle(uint32_t number, Deferred& after);
  /// Lets go of all that is only kept.
  void let_all_go(Deferred& after);
  /// As MemoryHolder's.
  uint64_t spillable() const { return memory_.spillable(now()); }
  void spill(Callback<void(bool)> done, Deferred& after);

 private:
  PartMemory::Phase now() const noexcept {
    return {.committing = phase_.committing(), .abandoned = phase_.abandoned()};
  }
  void run(const std::shared_ptr<StagingJob>& job, Done<void> done, Deferred& after);
  void move_next(Deferred& after);
  void moved(StagingJob& job, const Result<void>& result, Deferred& after);
  void spilled(StagingJob& job, const Result<void>& result, Callback<void(bool)> done,
               Deferred& after);

  WriteCore& core_;
  FileStrand& strand_;
  const WriterContents& contents_;
  const ChangeQueue& changes_;
  const WriterPhase& phase_;
  PartMemory& memory_;
};

}  // namespace penstock
