// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "cache/cache_core.h"
#include "cache/map_format.h"

namespace penstock {

/// What the cache holds of one version of an object.
struct CachedEntry {
  VersionId id;
  std::string name;            ///< Of its files.
  uint64_t present_bytes = 0;  ///< Of the object.
  uint64_t disk_bytes = 0;     ///< What its files occupy.
  int64_t last_use_ns = 0;     ///< Since the epoch; to a minute.
  bool complete = false;
};

/// False ends a walk.
using CacheVisitor = std::function<bool(const CachedEntry& entry)>;

/// Tells `visit` of every pair, in no order, while other processes may change them. `broken`, where
/// given, gets the names of those whose map is none. Blocks on the disk.
void walk_cache(CacheCore& core, const CacheVisitor& visit,
                const std::function<void(const std::string& name)>& broken = nullptr);

/// Counts what all files occupy, and removes what a crash has left: data without a map, maps
/// without data, maps that were never put in place. One process at a time; others do nothing.
void recount_usage(CacheCore& core);

}  // namespace penstock
