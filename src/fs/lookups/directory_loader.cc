// SPDX-License-Identifier: Apache-2.0
#include "fs/lookups/directory_loader.h"

#include <algorithm>

namespace penstock {
namespace {

/// How many sibling directories are listed ahead of a walk; 32 at 60 ms a LIST are 500 directories
/// a second.
constexpr uint32_t max_walk_ahead = 32;

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
  const Told told = core_.tree.told_at(state.begun->started, state.begun->newest_ns);
  return prefix && *prefix == state.begun->prefix && told.holds(core_.parts.scheduler.now());
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

void DirectoryLoader::note_opened(const InodePtr& directory) {
  struct Begun {
    InodePtr directory;
    std::shared_ptr<Listing> listing;
    Requests requests;
  };
  std::vector<Begun> begun;
  {
    const MutexLock lock(core_.tree.mutex);
    const InodePtr parent = directory->parent;
    // Which directories are next, a listing tells that may be believed no longer: those of young
    // data are read on for longer than that.
    if (parent == nullptr || !parent->directory->complete) return;
    DirectoryState& walk = *parent->directory;
    // Only names are asked for their kind: what is listed ahead gets an inode.
    const auto next_after = [&walk](const std::string& name) {
      NameTable::Slot found;
      walk.children.visit(name, [&found](NameTable::Slot slot) {
        if (slot.type() == FileType::directory) found = slot;
        return !found;
      });
      return found;
    };
    NameTable::Slot next = next_after(walk.last_opened);
    const bool in_order = next && next.node() == directory.get();
    walk.walk_length = in_order ? walk.walk_length + 1 : 0;
    walk.last_opened = directory->name;
    if (walk.walk_length < 2) return;
    const uint32_t ahead = std::min(max_walk_ahead, 4U << std::min(walk.walk_length, 3U));
    uint32_t counted = 0;
    while (counted < ahead && (next = next_after(std::string(next.name())))) {
      const InodePtr sibling = core_.tree.inode_of(*parent, next);
      next = NameTable::Slot(sibling.get());
      ++counted;
      const bool known = core_.tree.listing_fresh(*sibling) || may_go_on(*sibling);
      if (known || sibling->directory->listing != nullptr) continue;
      Requests requests;
      std::shared_ptr<Listing> listing = join(sibling, requests);
      begun.push_back({sibling, std::move(listing), std::move(requests)});
    }
  }
  for (Begun& next : begun) request_pages(next.directory, next.listing, std::move(next.requests));
}

}  // namespace penstock
