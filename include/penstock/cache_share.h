// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace penstock {

/// What the cache on the local disk has of one file.
struct CacheShare {
  uint64_t present = 0;  ///< Bytes of the file that are there.
  uint64_t coming = 0;   ///< Bytes of it that wait to be written.
  uint64_t limit = 0;    ///< What the cache may keep in all; 0: unknown, its disk is away.
};

}  // namespace penstock
