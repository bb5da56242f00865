// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/mutex.h"
#include "cache/disk_cache.h"
#include "penstock/cache_share.h"

namespace penstock {

/// What those who fetch by hints share: how many requests they have under way, and how much of the
/// cache is taken by what they have fetched and nobody has read yet, or is on its way there. Sizes
/// are bytes in the cache, see occupied(). Versions are told by their hashes. Thread-safe.
class HintRoom {
 public:
  using ListId = uint64_t;

  /// When who found no room looks again; and how exactly a GrowingPause is kept.
  static constexpr std::chrono::milliseconds rest{100};

  /// `most_at_once`: requests. The cache must outlive it.
  HintRoom(DiskCache& cache, uint32_t most_at_once) : cache_(cache), most_at_once_(most_at_once) {}

  /// Takes the place of a request; false where all are taken.
  bool take_place() EXCLUDES(mutex_);
  void leave_place() EXCLUDES(mutex_);

  /// This version is there, or all of it will be, and has not been read; of that list, and not used
  /// since `since_ns` (wall clock). Nothing where that was known.
  void note(ListId list, size_t version, uint64_t size, int64_t since_ns) EXCLUDES(mutex_);
  bool has(size_t version) EXCLUDES(mutex_);
  /// It was read, or will not come.
  void forget(size_t version) EXCLUDES(mutex_);
  void forget_list(ListId list) EXCLUDES(mutex_);
  uint64_t bytes_ahead() EXCLUDES(mutex_);

  /// So much is on its way to the cache's disk, and was not noted.
  void begin(uint64_t size) EXCLUDES(mutex_);
  /// Of that so much was noted by now.
  void noted(uint64_t size) EXCLUDES(mutex_);
  /// So much is there, or does not come.
  void end(uint64_t size, bool was_noted) EXCLUDES(mutex_);

  struct Room {
    bool fits = true;  ///< It might, once others were read.
    bool there = false;
    int64_t idle_ns = 0;  ///< What was not used for longer may go for it; 0: nothing shall.
    uint64_t needed = 0;  ///< Bytes, with what is on its way.
  };
  /// Whether there is room for so much more: what is there and not read takes half of the cache at
  /// most, and what was used before any of that goes for it. The cache has `present` of it already.
  Room find(uint64_t size, uint64_t present, const CacheShare& share) EXCLUDES(mutex_);

 private:
  struct Ahead {
    ListId list = 0;
    uint64_t size = 0;
    int64_t since_ns = 0;
  };
  using AheadMap = std::unordered_map<size_t, Ahead>;

  AheadMap::iterator forget(AheadMap::iterator ahead) REQUIRES(mutex_);

  DiskCache& cache_;
  const uint32_t most_at_once_;
  Mutex mutex_;
  uint32_t under_way_ GUARDED_BY(mutex_) = 0;
  AheadMap ahead_ GUARDED_BY(mutex_);
  uint64_t ahead_bytes_ GUARDED_BY(mutex_) = 0;
  std::set<std::pair<int64_t, size_t>> since_ GUARDED_BY(mutex_);  // of ahead_, oldest first
  uint64_t coming_ GUARDED_BY(mutex_) = 0;
  uint64_t noted_coming_ GUARDED_BY(mutex_) = 0;  // of these what was noted
};

}  // namespace penstock
