// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

namespace penstock {

/// What a cache has done in this process since it was opened, and what it holds.
struct CacheStats {
  uint64_t bytes = 0;       ///< Of the disk, that the files of all processes occupy.
  uint64_t size_limit = 0;  ///< What they may occupy; 0 while the disk cannot be used.
  uint64_t files = 0;       ///< Object versions, of all processes.
  uint64_t hits = 0;        ///< Reads answered from the disk.
  uint64_t read = 0;        ///< Bytes of those.
  uint64_t misses = 0;      ///< Ranges asked for of which something was not there.
  uint64_t stored = 0;      ///< Bytes written.
  uint64_t refused = 0;     ///< Bytes offered that were not taken: no room, or the disk too slow.
  uint64_t evicted = 0;     ///< Object versions removed to make room.
  uint64_t kept_out = 0;    ///< Times that one was not kept, in favour of what is there.
  uint64_t corrupt = 0;     ///< Chunks that failed their checksum.
};

struct CacheCounters {
  std::atomic<uint64_t> hits{0};
  std::atomic<uint64_t> read{0};
  std::atomic<uint64_t> misses{0};
  std::atomic<uint64_t> stored{0};
  std::atomic<uint64_t> refused{0};
  std::atomic<uint64_t> evicted{0};
  std::atomic<uint64_t> kept_out{0};
  std::atomic<uint64_t> corrupt{0};
};

}  // namespace penstock
