// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cache/cache_directory.h"

namespace penstock {

/// Removes what was not used for longest, as far as random samples of the shards show: no list of
/// all files is ever made. A cache so small that one sample has all of it is evicted in exact
/// order. Thread-safe.
class Evictor {
 public:
  /// Told what each removal gave back. Called without locks.
  using Removed = std::function<void(const Usage& freed)>;

  /// What is under way breaks off where `ending` is set.
  Evictor(std::shared_ptr<Disk> disk, CacheDirectory& directory, const std::atomic<bool>& ending,
          Removed removed)
      : disk_(std::move(disk)),
        directory_(directory),
        ending_(ending),
        removed_(std::move(removed)) {}

  /// Frees at least `wanted` bytes if so many are not in use. Returns how many it freed.
  uint64_t evict(uint64_t wanted);

 private:
  struct Candidate {
    std::string name;
    int64_t last_use_ns = 0;
  };
  void sample(uint32_t shard, std::vector<Candidate>& candidates);
  /// Removes the oldest ones until `wanted` is freed; at most `most` of them.
  uint64_t remove_oldest(std::vector<Candidate>& candidates, size_t most, uint64_t wanted);
  uint64_t pass(uint64_t wanted);

  const std::shared_ptr<Disk> disk_;
  CacheDirectory& directory_;
  const std::atomic<bool>& ending_;
  const Removed removed_;
};

}  // namespace penstock
