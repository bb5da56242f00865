// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace penstock {

/// What the cache on the local disk has of one file.
struct CacheShare {
  uint64_t present = 0;   ///< Bytes of the file that are there.
  uint64_t coming = 0;    ///< Bytes of it that wait to be written.
  uint64_t limit = 0;     ///< What the cache may keep in all; 0: unknown, its disk is away.
  uint64_t archived = 0;  ///< 1: the store would refuse the rest of it, see Code::archived.
  // Of the cache's disk, see room().
  uint64_t kept = 0;      ///< Bytes that the cache occupies, of all files.
  uint64_t free = 0;      ///< Bytes that are free.
  uint64_t min_free = 0;  ///< Bytes that shall stay so (--cache-min-free).

  /// What the cache can keep in all as the disk is now: what it has, and what is free beyond
  /// `min_free`, or lacks.
  uint64_t room() const noexcept {
    const uint64_t there = kept + free;
    const uint64_t most = there - (there < min_free ? there : min_free);
    return most < limit ? most : limit;
  }
};

}  // namespace penstock
