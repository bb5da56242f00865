// SPDX-License-Identifier: Apache-2.0
#include "cache/reuse_rules.h"

#include <algorithm>
#include <vector>

namespace penstock {
namespace {

/// Fewer say nothing.
constexpr size_t fewest = 32;
/// What is read again within such a share of the oldest use's age is read again soon. In passes in
/// a random order that is one in thirty, where a few things are read over and over it is nearly
/// all.
constexpr int64_t soon_share = 4;
/// Where more than one in so many is read again soon, they are no passes.
constexpr size_t most_soon = 4;
/// In the middle of passes something becomes one of the few that are read over and over: for what
/// is read again so many times sooner than the oldest thing, that goes.
constexpr int64_t much_sooner = 16;
/// What was not read for so many times longer than the oldest thing comes back: it is as new. Of
/// data that are larger than the cache by more than that a cache has next to nothing anyway.
constexpr int64_t much_longer = 16;
/// A pass takes as long as 19 of 20 things were away, and a quarter more, for it was longer for
/// some.
constexpr size_t nearly_all = 19;
constexpr size_t of_all = 20;
constexpr int64_t margin_share = 4;

}  // namespace

void ReuseRules::note(int64_t interval, int64_t now) {
  if (!oldest_use_) return;
  const bool soon = interval < (now - *oldest_use_) / soon_share;
  if (soon) ++soon_count_;
  if (soon_.add(soon)) --soon_count_;
}

void ReuseRules::used_again(int64_t interval, int64_t now) {
  if (interval < same_use) return;
  const MutexLock lock(mutex_);
  note(interval, now);
}

void ReuseRules::sampled(int64_t oldest_use) {
  const MutexLock lock(mutex_);
  oldest_use_ = oldest_use;
}

bool ReuseRules::like_passes() const {
  return soon_.size() < fewest || soon_count_ * most_soon < soon_.size();
}

int64_t ReuseRules::longest_pass() const {
  if (away_.size() < fewest) return INT64_MAX;
  std::vector<int64_t> sorted(away_.values.begin(),
                              away_.values.begin() + static_cast<ptrdiff_t>(away_.size()));
  const auto nth = sorted.begin() + static_cast<ptrdiff_t>(sorted.size() * nearly_all / of_all);
  std::nth_element(sorted.begin(), nth, sorted.end());
  return *nth + *nth / margin_share;
}

int64_t ReuseRules::idle_for(int64_t interval, int64_t now) {
  const MutexLock lock(mutex_);
  if (interval >= same_use) {
    note(interval, now);
    away_.add(interval);
  }
  if (!like_passes()) return 0;
  if (oldest_use_ && interval / much_longer > now - *oldest_use_) return 0;
  // Last uses are known to within same_use.
  return std::min(interval * much_sooner, longest_pass()) + same_use;
}

}  // namespace penstock
