// SPDX-License-Identifier: Apache-2.0
#include "data/epoch/hint_room.h"

#include <algorithm>
#include <iterator>

#include "base/wall_clock.h"

namespace penstock {
namespace {

/// What is there and not read yet takes no more than one in so many bytes of the cache.
constexpr uint64_t ahead_of_all = 2;

}  // namespace

bool HintRoom::take_place() {
  const MutexLock lock(mutex_);
  if (under_way_ >= most_at_once_) return false;
  ++under_way_;
  return true;
}

void HintRoom::leave_place() {
  const MutexLock lock(mutex_);
  --under_way_;
}

void HintRoom::note(ListId list, size_t version, uint64_t size, int64_t since_ns) {
  const MutexLock lock(mutex_);
  const Ahead ahead{.list = list, .size = size, .since_ns = since_ns};
  if (!ahead_.try_emplace(version, ahead).second) return;
  ahead_bytes_ += size;
  since_.emplace(since_ns, version);
}

bool HintRoom::has(size_t version) {
  const MutexLock lock(mutex_);
  return ahead_.contains(version);
}

HintRoom::AheadMap::iterator HintRoom::forget(AheadMap::iterator ahead) {
  ahead_bytes_ -= ahead->second.size;
  since_.erase({ahead->second.since_ns, ahead->first});
  return ahead_.erase(ahead);
}

void HintRoom::forget(size_t version) {
  const MutexLock lock(mutex_);
  if (const auto found = ahead_.find(version); found != ahead_.end()) forget(found);
}

void HintRoom::forget_list(ListId list) {
  const MutexLock lock(mutex_);
  for (auto one = ahead_.begin(); one != ahead_.end();)
    one = one->second.list == list ? forget(one) : std::next(one);
}

uint64_t HintRoom::bytes_ahead() {
  const MutexLock lock(mutex_);
  return ahead_bytes_;
}

void HintRoom::begin(uint64_t size) {
  const MutexLock lock(mutex_);
  coming_ += size;
}

void HintRoom::noted(uint64_t size) {
  const MutexLock lock(mutex_);
  noted_coming_ += size;
}

void HintRoom::end(uint64_t size, bool was_noted) {
  const MutexLock lock(mutex_);
  coming_ -= size;
  if (was_noted) noted_coming_ -= size;
}

HintRoom::Room HintRoom::find(uint64_t size, uint64_t present, const CacheShare& share) {
  const uint64_t most = share.room() / ahead_of_all;
  const DiskCache::Queue queue = cache_.queue();
  const MutexLock lock(mutex_);
  // Without a limit nobody knows: the cache's disk is away.
  if (size > most) return {.fits = share.limit == 0};
  if (ahead_bytes_ + coming_ - noted_coming_ + size > most) return {};
  const uint64_t needed = queue.bytes + coming_ + size - std::min(size, present);
  if (cache_.has_spare(needed)) return {.there = true};
  // What was used before any of what is needed goes, so what is read now goes last of all.
  const int64_t age = since_.empty() ? 0 : wall_clock_ns() - since_.begin()->first;
  return {.idle_ns = std::max<int64_t>(age, 1), .needed = needed};
}

}  // namespace penstock
