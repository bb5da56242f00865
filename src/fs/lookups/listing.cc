// SPDX-License-Identifier: Apache-2.0
#include "fs/lookups/listing.h"

namespace penstock {

void DirectoryState::left(std::string_view name, Scheduler::Time asked) {
  for (const std::weak_ptr<Listing>& walk : walks) {
    // A page that was asked for later knows better.
    if (const auto open = walk.lock(); open != nullptr && open->told_at <= asked)
      open->entries.mark(name, true);
  }
}

void DirectoryState::leave_to_listings(const std::string& name, FileType type,
                                       Scheduler::Time told_at) {
  const auto change = changed.find(name);
  for (const std::weak_ptr<Listing>& walk : walks) {
    const auto open = walk.lock();
    if (open == nullptr || open->of_tree || open->done) continue;
    const bool changed_since = change != changed.end() && change->second > open->changes_at_start;
    if (changed_since || told_at > open->started) open->entries.add(name, type);
  }
}

void DirectoryState::returned(std::string_view name) {
  for (const std::weak_ptr<Listing>& walk : walks) {
    if (const auto open = walk.lock()) open->entries.mark(name, false);
  }
}

}  // namespace penstock
