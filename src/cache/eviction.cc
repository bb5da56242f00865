// SPDX-License-Identifier: Apache-2.0
#include "cache/eviction.h"

#include <algorithm>
#include <numeric>
#include <random>

namespace penstock {
namespace {

constexpr size_t sample_size = 128;
// Of a sample that is not all there is, the oldest quarter goes: the rest may be young.
constexpr size_t sample_share = 4;

}  // namespace

void Evictor::sample(uint32_t shard, std::vector<Candidate>& candidates) {
  std::vector<CacheDirectory::Pair> pairs;
  // What cannot be listed has no candidates; whoever needs the disk next says what is wrong.
  if (directory_.list(shard, pairs) != 0) return;
  for (CacheDirectory::Pair& pair : pairs) {
    Disk::Status status;
    const bool mapped = disk_->stat(directory_.map_path(pair.name), status) == 0;
    candidates.push_back({std::move(pair.name), mapped ? status.modified_ns : 0});
  }
}

uint64_t Evictor::remove_oldest(std::vector<Candidate>& candidates, size_t most, uint64_t wanted,
                                int64_t used_before_ns) {
  std::ranges::sort(candidates, {}, &Candidate::last_use_ns);
  // What has no map was never used, and says nothing.
  const auto first = std::ranges::find_if(
      candidates, [](const Candidate& candidate) { return candidate.last_use_ns != 0; });
  if (first != candidates.end()) sampled_(first->last_use_ns);
  uint64_t freed = 0;
  size_t gone = 0;
  for (const Candidate& candidate : candidates) {
    if (freed >= wanted || gone >= most || ending_) break;
    if (candidate.last_use_ns > used_before_ns) break;
    const auto removed = directory_.remove(candidate.name, candidate.last_use_ns);
    if (removed.outcome != CacheDirectory::Removal::removed) continue;
    ++gone;
    freed += removed.freed.bytes;
    removed_(candidate.name, candidate.last_use_ns, removed.freed);
  }
  return freed;
}

uint64_t Evictor::pass(uint64_t wanted, int64_t used_before_ns) {
  std::vector<uint32_t> shards(CacheDirectory::shard_count);
  std::iota(shards.begin(), shards.end(), 0);
  std::ranges::shuffle(shards, std::minstd_rand(std::random_device{}()));
  uint64_t freed = 0;
  std::vector<Candidate> candidates;
  for (size_t next = 0; next < shards.size() && freed < wanted && !ending_;) {
    const bool from_start = next == 0;
    candidates.clear();
    while (next < shards.size() && candidates.size() < sample_size)
      sample(shards[next++], candidates);
    const bool is_all = from_start && next == shards.size();
    const size_t most =
        is_all ? candidates.size() : std::max<size_t>(candidates.size() / sample_share, 1);
    const uint64_t now = remove_oldest(candidates, most, wanted - freed, used_before_ns);
    freed += now;
    // All the others are young, as far as a sample shows.
    if (now == 0 && used_before_ns != INT64_MAX) break;
  }
  return freed;
}

uint64_t Evictor::evict(uint64_t wanted, int64_t used_before_ns) {
  uint64_t freed = 0;
  while (freed < wanted) {
    const uint64_t now = pass(wanted - freed, used_before_ns);
    if (now == 0) break;
    freed += now;
  }
  return freed;
}

}  // namespace penstock
