// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/gate.h"
#include "data/copy/object_copier.h"
#include "data/upload_slots.h"
#include "data/write/part_layout.h"
#include "data/write/staging_space.h"
#include "data/write/write_engine.h"
#include "data/write/write_memory.h"

namespace penstock {

/// What the writers of one mount share. Outlives all of them: each holds a pass of the gate.
struct WriteCore {
  WriteCore(WriteEngineParts the_parts, WriteOptions the_options)
      : parts(std::move(the_parts)),
        options(std::move(the_options)),
        limits(parts.store.limits()),
        layout(options.single_put_size, limits),
        copier(parts.store, parts.uploads),
        slots(options.parts_in_flight),
        copy_slots(copies_in_flight),
        memory(std::make_shared<WriteMemory>(parts.budget, parts.scheduler, parts.log,
                                             layout.first_part_size(),
                                             8 * layout.first_part_size())) {}

  /// Copies inside the store cost neither memory nor bandwidth, only round trips: an edit of 1 GiB
  /// waits for two of them.
  static constexpr uint32_t copies_in_flight = 64;

  const WriteEngineParts parts;
  const WriteOptions options;
  const StoreLimits limits;
  const PartLayout layout;
  ObjectCopier copier;
  UploadSlots slots;
  UploadSlots copy_slots;
  const std::shared_ptr<WriteMemory> memory;
  StagingSpace staged;
  Gate gate;
};

}  // namespace penstock
