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
  /// Told what was removed, when it was last used, and what that gave back. Called without locks.
  using Removed =
      std::function<void(const std::string& name, int64_t last_use_ns, const Usage& freed)>;
  /// Told the oldest last use of each sample. Called without locks.
  using Sampled = std::function<void(int64_t oldest_use_ns)>;

  /// What is under way breaks off where `ending` is set.
  Evictor(std::shared_ptr<Disk> disk, CacheDirectory& directory, const std::atomic<bool>& ending,
          Removed removed, Sampled sampled)
      : disk_(std::move(disk)),
        directory_(directory),
        ending_(ending),
        removed_(std::move(removed)),
        sampled_(std::move(sampled)) {}

  /// Frees at least `wanted` bytes if so many are not in use. Returns how many it freed. Nothing
  /// goes that was used after `used_before_ns`; where a sample has nothing older it is over.
  uint64_t evict(uint64_t wanted, int64_t used_before_ns = INT64_MAX);

 private:
  struct Candidate {
    std::string name;
    int64_t last_use_ns = 0;
  };
  void sample(uint32_t shard, std::vector<Candidate>& candidates);
  /// Removes the oldest ones until `wanted` is freed; at most `most` of them.
  uint64_t remove_oldest(std::vector<Candidate>& candidates, size_t most, uint64_t wanted,
                         int64_t used_before_ns);
  uint64_t pass(uint64_t wanted, int64_t used_before_ns);

  const std::shared_ptr<Disk> disk_;
  CacheDirectory& directory_;
  const std::atomic<bool>& ending_;
  const Removed removed_;
  const Sampled sampled_;
};

}  // namespace penstock
