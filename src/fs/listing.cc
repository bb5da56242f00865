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

void DirectoryState::returned(std::string_view name) {
  for (const std::weak_ptr<Listing>& walk : walks) {
    if (const auto listing = walk.lock()) listing->entries.mark(name, false);
  }
}

}  // namespace penstock
