// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/disk.h"
#include "base/gate.h"
#include "cache/cache_core.h"
#include "cache/map_format.h"

namespace penstock {

/// Whole chunks, next to each other, that wait to be written.
struct ChunkRun {
  ChunkRange chunks;
  std::span<const std::byte> bytes;   ///< All of theirs.
  std::shared_ptr<const void> owner;  ///< Keeps them alive and unchanged.
  std::vector<uint64_t> sums;         ///< Their checksums; empty: to be made.
  Gate::Pass pass;
};

/// Writes chunks and their entries into a pair of files. Not thread-safe: one call at a time.
class ChunkWriter {
 public:
  /// All of these must outlive it; `data` and `map_file` are open for writing. What goes for what
  /// is written must not have been used for `idle_ns`, see CacheSpace::admit.
  ChunkWriter(CacheCore& core, const ParsedMap& map, const DiskFile& data, const DiskFile& map_file,
              int64_t idle_ns)
      : core_(core),
        map_(map),
        layout_(map.layout()),
        data_(data),
        map_file_(map_file),
        idle_ns_(idle_ns) {}

  /// Writes those of `runs` for which there is room, but for chunks that another process has
  /// written: these are left to be found in the map. `runs` come in any order, without a chunk
  /// twice. Returns what was written. Blocks on the disk.
  std::vector<ChunkRange> write(std::span<const ChunkRun> runs);
  /// Nothing more is expected soon: gives back what only writing needs.
  void rest() { direct_ = {}; }

 private:
  using Runs = std::span<const ChunkRun* const>;
  /// Chunks next to each other, of one or more runs.
  struct Stretch {
    ChunkRange chunks;
    Runs runs;
    std::vector<uint64_t> sums;
  };

  bool admit(const ChunkRun& run);
  Stretch next_stretch(Runs runs) const;
  Disk::Pieces bytes_of(const Stretch& stretch, ChunkRange chunks) const;
  int write_absent(const Stretch& stretch, std::vector<ChunkRange>& written);
  int write_bytes(const Disk::Pieces& pieces, uint64_t offset);
  int write_uncached(std::span<const Disk::Piece> pieces, bool direct, uint64_t offset);
  bool may_go_direct();
  std::optional<uint64_t> occupied() const;

  CacheCore& core_;
  const ParsedMap& map_;
  const ChunkLayout layout_;
  const DiskFile& data_;
  const DiskFile& map_file_;
  const int64_t idle_ns_;
  DiskFile direct_;           // the data once more, open for writing past the page cache
  bool takes_direct_ = true;  // as far as is known
  bool locked_out_ = false;   // another process did not let go of the map
};

}  // namespace penstock
