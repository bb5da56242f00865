// SPDX-License-Identifier: Apache-2.0
#include "data/read/fetch_map.h"

#include <algorithm>

namespace penstock {

Fetch* FetchMap::covering(uint64_t offset) const {
  const auto it = map_.upper_bound(offset);
  if (it == map_.end() || it->second->live_begin() > offset) return nullptr;
  return it->second.get();
}

uint64_t FetchMap::next_begin(uint64_t offset, uint64_t otherwise) const {
  const auto it = map_.upper_bound(offset);
  if (it == map_.end()) return otherwise;
  return std::min(otherwise, std::max(offset, it->second->live_begin()));
}

uint64_t FetchMap::previous_end(uint64_t offset, uint64_t otherwise) const {
  const auto it = map_.upper_bound(offset);
  if (it == map_.begin()) return otherwise;
  return std::max(otherwise, std::prev(it)->first);
}

std::vector<ByteRange> FetchMap::gaps(ByteRange range) const {
  std::vector<ByteRange> found;
  uint64_t at = range.offset;
  for_each_in(range, [&](const std::shared_ptr<Fetch>&, uint64_t begin, uint64_t end) {
    if (begin > at) found.push_back(ByteRange{at, begin - at});
    at = end;
  });
  if (at < range.end()) found.push_back(ByteRange{at, range.end() - at});
  return found;
}

uint64_t FetchMap::held() const {
  uint64_t sum = 0;
  for (const auto& [end, fetch] : map_) sum += fetch->held();
  return sum;
}

void FetchMap::insert(std::shared_ptr<Fetch> fetch) {
  const uint64_t end = fetch->end();
  map_.emplace(end, std::move(fetch));
}

bool FetchMap::contains(const Fetch& fetch) const {
  const auto it = map_.find(fetch.end());
  return it != map_.end() && it->second.get() == &fetch;
}

std::shared_ptr<Fetch> FetchMap::remove(const Fetch& fetch) {
  const auto it = map_.find(fetch.end());
  if (it == map_.end() || it->second.get() != &fetch) return nullptr;
  std::shared_ptr<Fetch> removed = std::move(it->second);
  map_.erase(it);
  return removed;
}

}  // namespace penstock
