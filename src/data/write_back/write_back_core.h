// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "base/gate.h"
#include "base/log.h"
#include "base/scheduler.h"
#include "data/copy/object_copier.h"
#include "data/upload_slots.h"
#include "data/write/write_engine.h"
#include "data/write_back/full_disk.h"
#include "journal/journal.h"

namespace penstock {

struct WriteBackParts {
  DirectWriteEngine& direct;
  Journal& journal;
  ObjectStore& store;
  ObjectCopier& copier;
  Scheduler& scheduler;  ///< May block on the journal's disk.
  std::shared_ptr<Log> log;
};

/// What the pending files of one mount share. Outlives all of them: each holds a pass of the gate.
struct WriteBackCore {
  explicit WriteBackCore(WriteBackParts the_parts)
      : parts(std::move(the_parts)), slots(uploads_at_once), full_disk(parts.log) {}

  /// As many small PUTs as hide a round trip of 30 ms at 2,000 files per second.
  static constexpr uint32_t uploads_at_once = 64;

  const WriteBackParts parts;
  UploadSlots slots;  ///< Of the files that upload at once.
  FullDisk full_disk;
  Gate gate;
};

}  // namespace penstock
