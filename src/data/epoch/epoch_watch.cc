// SPDX-License-Identifier: Apache-2.0
#include "data/epoch/epoch_watch.h"

#include <algorithm>
#include <functional>
#include <vector>

namespace penstock {
namespace {

/// Reads that are looked at together.
constexpr size_t window = 64;
/// Groups of directories whose reads are remembered.
constexpr size_t most_groups = 16;
/// So many reads outside the directory that most are in make the epoch one of several directories.
constexpr size_t fewest_elsewhere = 4;

/// Fetched files that nobody has read yet: so many to begin with, so many more for each file that
/// was read, and never more than whose names can be remembered. What is fetched in vain costs no
/// more than a few times what the program has fetched itself.
constexpr uint64_t first_ahead = 256;
constexpr uint64_t ahead_for_each_read = 4;
constexpr uint64_t most_ahead = 100'000;

/// It does not pay where fewer than one in so many are read of those that would be if files were
/// read in any order, once enough of them should have been.
constexpr double least_expected = 32;
constexpr double worst_share = 0.25;

/// Nor where so many were in the cache already, and all but one in so many of those looked at.
constexpr uint64_t many_present = 128;
constexpr uint64_t most_present = 8;

/// "a/b/c" is in "a/b/".
std::string directory_of(std::string_view key) {
  return std::string(key.substr(0, key.find_last_of('/') + 1));
}

/// "a/b/" lies in "a/"; what lies in no directory at all has one that no key can be in.
std::string parent_of(const std::string& directory) {
  if (directory.empty()) return "/";
  return directory_of(std::string_view(directory).substr(0, directory.size() - 1));
}

}  // namespace

void EpochWatch::read(std::string_view key, From from, Time now) {
  const std::string directory = directory_of(key);
  const std::string parent = parent_of(directory);
  Siblings& siblings = siblings_of(parent, now);
  siblings.reads.push_back({.key = std::hash<std::string_view>()(key),
                            .directory = directory,
                            .kept = from == From::cache,
                            .at = now});
  if (siblings.reads.size() > window) siblings.reads.pop_front();

  if (epoch(now)) {
    // In order, the reader goes on from one directory to the next.
    if (!epoch_.below && parent == parent_of(epoch_.directory)) place(siblings, parent);
    if (!covers(directory, parent)) return;
    last_read_ = now;
    ++read_;
    if (in_vain(from)) give_up(siblings, now);
    return;
  }
  if (!is_epoch(siblings, now)) return;
  place(siblings, parent);
  if (!covers(directory, parent)) return;
  under_way_ = true;
  epoch_ = {.id = epoch_.id + 1, .directory = std::move(epoch_.directory), .below = epoch_.below};
  read_ = siblings.reads.size();
  present_ = 0;
  expected_ = 0;
  last_read_ = now;
}

void EpochWatch::give_up(Siblings& siblings, Time now) {
  under_way_ = false;
  siblings.reads.clear();
  siblings.not_before = now + distrust;
}

void EpochWatch::present(Time now) {
  ++present_;
  if (!under_way_ || present_ < many_present || present_ < most_present * epoch_.fetched) return;
  give_up(siblings_of(epoch_.below ? epoch_.directory : parent_of(epoch_.directory), now), now);
}

EpochWatch::Siblings& EpochWatch::siblings_of(const std::string& parent, Time now) {
  const auto last = [](const auto& group) {
    const Siblings& siblings = group.second;
    return siblings.reads.empty() ? siblings.not_before : siblings.reads.back().at;
  };
  if (all_.size() >= most_groups && !all_.contains(parent)) {
    all_.erase(std::min_element(all_.begin(), all_.end(), [&](const auto& one, const auto& other) {
      return last(one) < last(other);
    }));
  }
  Siblings& siblings = all_[parent];
  while (!siblings.reads.empty() && siblings.reads.front().at + memory < now)
    siblings.reads.pop_front();
  return siblings;
}

bool EpochWatch::is_epoch(const Siblings& siblings, Time now) const {
  const size_t count = siblings.reads.size();
  if (count < fewest_files || now < siblings.not_before) return false;
  std::vector<size_t> keys;
  keys.reserve(count);
  size_t kept = 0;
  for (const Read& read : siblings.reads) {
    keys.push_back(read.key);
    if (read.kept) ++kept;
  }
  std::sort(keys.begin(), keys.end());
  const auto end = std::unique(keys.begin(), keys.end());
  const auto different = static_cast<size_t>(end - keys.begin());
  // A program that reads the same files again and again has an interest in those alone; and where
  // the cache has nearly all there is nothing to fetch.
  return different >= fewest_files && (count - different) * 4 <= count && kept * 4 <= count * 3;
}

void EpochWatch::place(const Siblings& siblings, const std::string& parent) {
  std::map<std::string_view, size_t> counts;
  for (const Read& read : siblings.reads) ++counts[read.directory];
  const auto most = std::max_element(
      counts.begin(), counts.end(),
      [](const auto& one, const auto& other) { return one.second < other.second; });
  epoch_.below = siblings.reads.size() - most->second >= fewest_elsewhere;
  epoch_.directory = epoch_.below ? parent : std::string(most->first);
}

bool EpochWatch::covers(const std::string& directory, const std::string& parent) const {
  return epoch_.below ? parent == epoch_.directory : directory == epoch_.directory;
}

bool EpochWatch::in_vain(From from) {
  const uint64_t left = epoch_.known - std::min(epoch_.known, read_);
  if (ahead() > 0)
    expected_ += static_cast<double>(ahead()) / static_cast<double>(std::max(left, ahead()));
  if (from == From::ahead) ++epoch_.used;
  return expected_ >= least_expected && static_cast<double>(epoch_.used) < expected_ * worst_share;
}

std::optional<EpochWatch::Epoch> EpochWatch::epoch(Time now) {
  if (under_way_ && last_read_ + pause <= now) under_way_ = false;
  if (!under_way_) return std::nullopt;
  const uint64_t allowed = std::min(first_ahead + ahead_for_each_read * read_, most_ahead);
  epoch_.room = allowed - std::min(ahead(), allowed);
  return epoch_;
}

}  // namespace penstock
