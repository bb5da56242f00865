// SPDX-License-Identifier: Apache-2.0
#include "fs/lookups/directory_loader.h"

#include <algorithm>
#include <utility>

namespace penstock {
namespace {

/// How many names a walk over the tree takes out of it at once: more than one answer to the kernel
/// holds, and few enough for the lock.
constexpr size_t names_at_a_time = 2000;

}  // namespace

std::shared_ptr<Listing> DirectoryLoader::open(const InodePtr& directory) {
  std::shared_ptr<Listing> listing;
  Requests requests;
  {
    const MutexLock lock(core_.tree.mutex);
    core_.tree.touch(*directory);
    if (!core_.tree.freshness.asks_at_open() && core_.tree.listing_fresh(*directory)) {
      listing = std::make_shared<Listing>(core_.parts.ordered_listings);
      listing->of_tree = true;
      ++directory->directory->tree_walks;
      note_walk(*directory->directory, listing);
      return listing;
    }
    if (core_.tree.freshness.asks_at_open()) {
      listing = begin_anew(directory, requests);
    } else {
      DirectoryState& state = *directory->directory;
      if (state.listing != nullptr && !holds(*state.listing)) {
        // For those who read it already; who comes later than this reads the new one.
        ++state.partial_listings;
        state.listing.reset();
      }
      if (state.listing == nullptr && may_go_on(*directory)) state.listing = state.begun;
      state.begun.reset();
      listing = join(directory, requests);
    }
    listing->wanted_whole = true;
    ++listing->readers;
  }
  request_pages(directory, listing, std::move(requests));
  return listing;
}

bool DirectoryLoader::may_go_on(const Inode& directory) const {
  const DirectoryState& state = *directory.directory;
  if (state.begun == nullptr || state.begun->changes_at_start != state.change_count) return false;
  const Result<std::string> prefix = core_.tree.key_of(directory);
  return prefix && *prefix == state.begun->prefix && holds(*state.begun);
}

bool DirectoryLoader::holds(const Listing& listing) const {
  const Told told = core_.tree.told_at(listing.started, listing.newest_ns);
  return told.holds(core_.parts.scheduler.now());
}

void DirectoryLoader::probe(const InodePtr& directory, Callback<void()> done) {
  std::shared_ptr<Listing> listing;
  Requests requests;
  {
    const MutexLock lock(core_.tree.mutex);
    listing = join(directory, requests);
    // A whole listing that is past its first page would be a long wait; the caller finds out that
    // it was no use.
    listing->waiters.push_back(std::move(done));
  }
  request_pages(directory, listing, std::move(requests));
}

std::shared_ptr<Listing> DirectoryLoader::join(const InodePtr& directory, Requests& requests) {
  DirectoryState& state = *directory->directory;
  if (state.listing == nullptr) state.listing = begin(state);
  requests = state.listing->ranges.next();
  return state.listing;
}

std::shared_ptr<Listing> DirectoryLoader::begin_anew(const InodePtr& directory,
                                                     Requests& requests) {
  DirectoryState& state = *directory->directory;
  if (state.listing == nullptr) return join(directory, requests);
  ++state.partial_listings;
  std::shared_ptr<Listing> listing = begin(state);
  requests = listing->ranges.next();
  return listing;
}

std::shared_ptr<Listing> DirectoryLoader::begin(DirectoryState& state) const {
  auto listing = std::make_shared<Listing>(core_.parts.ordered_listings);
  listing->changes_at_start = state.change_count;
  listing->evictions_at_start = state.evictions;
  listing->doubts_at_start = state.doubts;
  listing->started = core_.parts.scheduler.now();
  note_walk(state, listing);
  return listing;
}

void DirectoryLoader::note_walk(DirectoryState& state, const std::shared_ptr<Listing>& walk) {
  std::erase_if(state.walks, [](const std::weak_ptr<Listing>& each) { return each.expired(); });
  state.walks.push_back(walk);
}

void DirectoryLoader::pause(DirectoryState& state, const std::shared_ptr<Listing>& listing) {
  state.begun = listing;
  ListedNames::leave(state, *listing);
}

void DirectoryLoader::wait(const InodePtr& directory, const std::shared_ptr<Listing>& listing,
                           size_t index, Callback<void()> ready) {
  {
    const MutexLock lock(core_.tree.mutex);
    if (listing->of_tree) copy_names(*directory, *listing, index);
    if (!listing->done && listing->entries.size() <= index) {
      listing->waiters.emplace_back(
          [this, directory, listing, index, ready = std::move(ready)]() mutable {
            wait(directory, listing, index, std::move(ready));
          });
      return;
    }
  }
  ready();
}

void DirectoryLoader::close(const InodePtr& directory, const std::shared_ptr<Listing>& walk) {
  std::vector<Callback<void()>> waiters;
  {
    const MutexLock lock(core_.tree.mutex);
    if (walk->of_tree) return end_tree_walk(*directory, *walk);
    if (--walk->readers > 0 || walk->done) return;
    walk->wanted_whole = false;
    if (walk->pages == 0) return;  // that one may be of use to who looks names up
    ListedNames::end(*directory->directory, *walk);
    waiters.swap(walk->waiters);
  }
  walk->stop.request_stop();
  for (auto& waiter : waiters) waiter();
}

void DirectoryLoader::end_tree_walk(const Inode& directory, Listing& walk) {
  if (walk.done) return;
  walk.end();
  --directory.directory->tree_walks;
}

void DirectoryLoader::copy_names(const Inode& directory, Listing& walk, size_t index) {
  const NameTable& names = directory.directory->children;
  while (!walk.done && walk.entries.size() <= index) {
    size_t copied = 0;
    const auto copy = [&](NameTable::Slot slot) {
      if (++copied > names_at_a_time) return false;
      walk.entries.append(slot.name(), slot.type());
      return true;
    };
    const bool ended = walk.entries.empty()
                           ? names.each(copy)
                           : names.visit(walk.entries.name(walk.entries.size() - 1), copy);
    if (ended) end_tree_walk(directory, walk);
  }
}

std::optional<DirectoryLoader::Ahead> DirectoryLoader::begin_ahead(const InodePtr& directory) {
  const DirectoryState& state = *directory->directory;
  if (core_.tree.listing_fresh(*directory) || may_go_on(*directory) || state.listing != nullptr)
    return std::nullopt;
  Result<std::string> prefix = core_.tree.key_of(*directory);
  if (!prefix) return std::nullopt;
  Ahead ahead{.directory = directory, .prefix = *prefix};
  ahead.listing = join(directory, ahead.first_page);
  ahead.listing->begin_again(*std::move(prefix));
  return ahead;
}

void DirectoryLoader::ask(Ahead ahead) {
  request_pages(ahead.directory, ahead.listing, std::move(ahead.first_page));
}

void DirectoryLoader::give_up(Ahead ahead) {
  {
    const MutexLock lock(core_.tree.mutex);
    Listing& listing = *ahead.listing;
    if (listing.readers == 0 && listing.waiters.empty()) {
      return ListedNames::end(*ahead.directory->directory, listing);
    }
  }
  ask(std::move(ahead));
}

void DirectoryLoader::answer(const Ahead& ahead, Scheduler::Time asked, ListPage page) {
  const Asked first{.walker = ahead.first_page.front().walker, .prefix = ahead.prefix, .at = asked};
  take_page(ahead.directory, ahead.listing, first, std::move(page));
}

}  // namespace penstock
