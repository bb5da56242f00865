// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fs/lookups/listing_ranges.h"
#include "fs/names/walked_names.h"
#include "fs/nodes/core.h"

namespace penstock {

/// The names of one directory as a walk over it finds them: page by page while the store lists
/// them, from several places at once and so in no order, for every reader at once; or piece by
/// piece out of the tree where the tree has them all. A
/// name keeps its index for as long as the walk exists, which is what a readdir cookie is. What a
/// name stands for by the time that a program reads it is the tree's to say, not the walk's. Every
/// field is guarded by Tree::mutex.
class Listing {
 public:
  WalkedNames entries;  ///< With their types as in Inode::type, when the walk came by.
  bool done = false;
  std::optional<Error> error;
  std::vector<Callback<void()>>
      waiters;           ///< Called (without the lock) when entries or `done` changed.
  bool of_tree = false;  ///< The tree had all names when it began: see DirectoryLoader::wait.
  uint64_t changes_at_start = 0;    ///< DirectoryState::change_count.
  uint64_t evictions_at_start = 0;  ///< DirectoryState::evictions.
  uint64_t doubts_at_start = 0;     ///< DirectoryState::doubts.
  Scheduler::Time started{};
  Scheduler::Time told_at{};  ///< When the last of the pages that had names was asked for.
  bool saw_marker = false;
  int64_t newest_ns = 0;  ///< Last-Modified of the newest and the oldest object; 0: none had one.
  int64_t oldest_ns = 0;
  /// A file whose name a directory has that the tree knows: its where that turns out to be gone.
  struct Hidden {
    std::string name;
    ObjectInfo object;
    Scheduler::Time asked;
  };
  std::vector<Hidden> hidden;
  uint32_t pages = 0;
  uint32_t readers = 0;  ///< Walks of programs. When the last one has gone, it ends.
  /// Someone reads the whole directory. Else one page is enough to know that the directory is
  /// large, and it stops there.
  bool wanted_whole = false;
  /// Of the keys that are asked for; absent: nothing is yet.
  std::optional<std::string> prefix;
  /// The directory got another key while it was listed, and the walk began again under that one.
  bool moved = false;
  /// A name that the store does not list was kept while a deletion or rename is under way, whose
  /// end will tell: whether the directory has it is not known after that.
  bool unsettled = false;
  ListingRanges ranges;   ///< What is still to be asked for.
  std::stop_source stop;  ///< Of the requests under way; used without the lock.

  /// Every page is there, and what the tree has beside them is being compared: up to this name.
  bool comparing = false;
  std::string compared_to;

  explicit Listing(bool ordered) : ranges(ordered) {}

  void note_age(int64_t last_modified_ns) {
    if (last_modified_ns == 0) return;
    newest_ns = std::max(newest_ns, last_modified_ns);
    oldest_ns = oldest_ns == 0 ? last_modified_ns : std::min(oldest_ns, last_modified_ns);
  }
  /// The keys begin with this from now on: pages of other keys are of no use any more. Names keep
  /// their index.
  void begin_again(std::string new_prefix) {
    moved = prefix.has_value();
    if (moved) ranges = ListingRanges(ranges.ordered());
    hidden.clear();
    saw_marker = false;
    prefix = std::move(new_prefix);
  }
  /// No more names are added.
  void end() { done = true; }
};

}  // namespace penstock
