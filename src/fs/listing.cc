// SPDX-License-Identifier: Apache-2.0
#include "fs/listing.h"

namespace penstock {

void DirectoryState::left(std::string_view name, Scheduler::Time asked) {
  for (const std::weak_ptr<Listing>& walk : walks) {
    // A page that was asked for later knows better.
    if (const auto listing = walk.lock(); listing != nullptr && listing->told_at <= asked)
      listing->entries.mark(name, true);
  }
}

void DirectoryState::leave_to_listings(const std::string& name, FileType type,
                                       Scheduler::Time told_at) {
  const auto change = changed.find(name);
  for (const std::weak_ptr<Listing>& walk : walks) {
    const auto listing = walk.lock();
    if (listing == nullptr || listing->of_tree || listing->done) continue;
    const bool changed_since =
        change != changed.end() && change->second > listing->changes_at_start;
    if (changed_since || told_at > listing->started) listing->entries.add(name, type);
  }
}

void DirectoryState::returned(std::string_view name) {
  for (const std::weak_ptr<Listing>& walk : walks) {
    if (const auto listing = walk.lock()) listing->entries.mark(name, false);
  }
}

}  // namespace penstock
