// SPDX-License-Identifier: Apache-2.0
#include "fs/lookups/sibling_samples.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

namespace penstock {
namespace {

/// A walk is in one directory at each depth.
constexpr size_t most_parents = 64;
/// Directories of one time that are looked at before others are taken to be like them.
constexpr uint32_t looked_at_first = 4;
/// Of eight directories that are like others one is looked at.
constexpr size_t most_unchecked = 7;
/// Directories of one parent that are not looked at while requests fail, which come many at a time.
constexpr size_t most_remembered = 64;
/// An upload takes its time, and goes through directories one after the other.
constexpr int64_t same_time_s = 3600;
/// Uploads of one parent's directories that are told apart.
constexpr size_t most_periods = 16;

using Times = SiblingSamples::Times;

bool within(const Times& times, const Times& period) {
  return times.oldest_s >= period.oldest_s - same_time_s &&
         times.newest_s <= period.newest_s + same_time_s;
}

/// Without an hour between the two.
bool meet(const Times& one, const Times& other) {
  return one.oldest_s <= other.newest_s + same_time_s &&
         other.oldest_s <= one.newest_s + same_time_s;
}

}  // namespace

SiblingSamples::Siblings& SiblingSamples::of(InodeId parent) {
  const auto known = std::find_if(siblings_.begin(), siblings_.end(),
                                  [&](const Siblings& each) { return each.parent == parent; });
  if (known != siblings_.end()) {
    std::rotate(known, std::next(known), siblings_.end());
    return siblings_.back();
  }
  if (siblings_.size() == most_parents) siblings_.erase(siblings_.begin());
  Siblings& made = siblings_.emplace_back();
  made.parent = parent;
  return made;
}

SiblingSamples::Judgement SiblingSamples::judge(const InodePtr& directory, Times times) {
  Siblings& siblings = of(directory->parent->id);
  const bool alike =
      std::any_of(siblings.periods.begin(), siblings.periods.end(), [&](const Period& period) {
        return period.looked_at >= looked_at_first && within(times, period.times);
      });
  if (siblings.mixed || !alike) return {};
  if (siblings.unchecked.size() >= most_unchecked)
    return {.stands_for = std::exchange(siblings.unchecked, {})};
  siblings.unchecked.push_back(directory);
  return {.look = false, .stands_for = {}};
}

void SiblingSamples::found_none(InodeId parent, Times times) {
  Siblings& siblings = of(parent);
  Period now{.times = times, .looked_at = 1};
  // All that are less than an hour apart are one period.
  std::erase_if(siblings.periods, [&now](const Period& period) {
    if (!meet(period.times, now.times)) return false;
    now.times.oldest_s = std::min(now.times.oldest_s, period.times.oldest_s);
    now.times.newest_s = std::max(now.times.newest_s, period.times.newest_s);
    now.looked_at += period.looked_at;
    return true;
  });
  if (siblings.periods.size() == most_periods) siblings.periods.erase(siblings.periods.begin());
  siblings.periods.push_back(now);
}

SiblingSamples::Directories SiblingSamples::found_some(InodeId parent, Directories stands_for) {
  Siblings& siblings = of(parent);
  siblings.mixed = true;
  std::move(siblings.unchecked.begin(), siblings.unchecked.end(), std::back_inserter(stands_for));
  siblings.unchecked.clear();
  return stands_for;
}

SiblingSamples::Directories SiblingSamples::found_out_nothing(InodeId parent,
                                                              Directories stands_for) {
  Siblings& siblings = of(parent);
  // Where all are looked at, none will stand for others any more.
  if (siblings.mixed) return stands_for;
  Directories& unchecked = siblings.unchecked;
  std::erase_if(unchecked, [](const auto& each) { return each.expired(); });
  const size_t room = most_remembered - std::min(most_remembered, unchecked.size());
  const size_t kept = std::min(room, stands_for.size());
  const auto rest = stands_for.begin() + static_cast<std::ptrdiff_t>(kept);
  std::move(stands_for.begin(), rest, std::back_inserter(unchecked));
  stands_for.erase(stands_for.begin(), rest);
  return stands_for;
}

}  // namespace penstock
