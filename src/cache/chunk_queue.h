// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "cache/cache_core.h"
#include "cache/chunk_layout.h"
#include "cache/chunk_set.h"
#include "cache/chunk_writer.h"

namespace penstock {

/// The chunks of one file that wait to be written, or are being written, and who writes them: one
/// batch at a time. Not thread-safe: the file's lock guards it. The core must outlive it.
class ChunkQueue {
 public:
  /// Runs that are written together. Their bytes count as waiting until done().
  struct Batch {
    std::vector<ChunkRun> runs;
    uint64_t bytes = 0;
  };

  ChunkQueue(CacheCore& core, const ChunkLayout& layout)
      : core_(core), layout_(layout), chunks_(layout.count()) {}

  /// From offer() until done().
  bool has(uint64_t chunk) const { return chunks_.has(chunk); }
  bool has_any(ChunkRange chunks) const;
  /// Bytes of the object in these chunks.
  uint64_t bytes() const { return bytes_in(chunks_, layout_); }

  /// Adds those of `chunks` that are neither in `present` nor here. `bytes`, which lie at `offset`
  /// of the object and which `owner` keeps, have all of them; `sums` are their checksums, or empty.
  /// What would be more than may wait of all files is refused, and counted. True where nobody
  /// writes: the caller is to begin with take().
  [[nodiscard]] bool offer(ChunkRange chunks, const ChunkSet& present, uint64_t offset,
                           std::span<const std::byte> bytes,
                           const std::shared_ptr<const void>& owner,
                           std::span<const uint64_t> sums);
  /// What is to be written next. What has come while the last batch was written goes together.
  Batch take();
  /// That batch is written, or was refused. True where there is more to take().
  [[nodiscard]] bool done(const Batch& batch);

 private:
  CacheCore& core_;
  const ChunkLayout layout_;
  ChunkSet chunks_;  // in runs_, or being written
  std::deque<ChunkRun> runs_;
  bool writing_ = false;  // somebody is to call take(), or has not called done() yet
};

}  // namespace penstock
