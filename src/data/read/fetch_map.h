// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "data/read/fetch.h"
#include "penstock/object_store.h"

namespace penstock {

/// The fetches of one object: they never overlap. Guarded by its reader's lock.
class FetchMap {
 public:
  /// Keyed by their end, which stays while a fetch gives up memory at its front.
  using Map = std::map<uint64_t, std::shared_ptr<Fetch>>;

  /// The fetch that has or will have the byte at `offset`, or null.
  Fetch* covering(uint64_t offset) const;
  /// Where the next fetch at or behind `offset` begins; `otherwise` if there is none before it.
  uint64_t next_begin(uint64_t offset, uint64_t otherwise) const;
  /// Where the last fetch before `offset` ends; `otherwise` if there is none behind it. `offset` is
  /// not covered.
  uint64_t previous_end(uint64_t offset, uint64_t otherwise) const;
  /// What of `range` no fetch covers, in order.
  std::vector<ByteRange> gaps(ByteRange range) const;

  /// Calls `visit(fetch, begin, end)` for each part of `range` that a fetch covers, in order.
  template <typename Visit>
  void for_each_in(ByteRange range, Visit&& visit) const {
    for (auto it = map_.upper_bound(range.offset); it != map_.end(); ++it) {
      const uint64_t begin = std::max(it->second->live_begin(), range.offset);
      const uint64_t end = std::min(it->first, range.end());
      if (begin >= range.end()) return;
      visit(it->second, begin, end);
    }
  }

  /// Bytes of memory that all of them hold or will hold.
  uint64_t held() const;

  void insert(std::shared_ptr<Fetch> fetch);
  bool contains(const Fetch& fetch) const;
  /// Null if it is not here (any more).
  std::shared_ptr<Fetch> remove(const Fetch& fetch);
  Map take() { return std::exchange(map_, {}); }
  const Map& all() const noexcept { return map_; }

 private:
  Map map_;
};

}  // namespace penstock
