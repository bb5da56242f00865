// SPDX-License-Identifier: Apache-2.0
#include "fs/listing.h"

#include <algorithm>

namespace penstock {
namespace {

/// How many sibling directories are listed ahead of a walk; 32 at 60 ms a LIST are 500 directories
/// a second.
constexpr uint32_t max_walk_ahead = 32;

/// True where a page says of `key`, and of the directory of that name, whether they exist.
bool covers(const ListPage& page, const std::string& key) {
  if (page.continuation.empty()) return true;
  const std::string beyond = key + '/';
  return (!page.objects.empty() && page.objects.back().key > beyond) ||
         (!page.common_prefixes.empty() && page.common_prefixes.back() > beyond);
}

}  // namespace

std::shared_ptr<Listing> DirectoryLoader::open(const InodePtr& directory) {
  std::shared_ptr<Listing> listing;
  bool start = false;
  {
    const MutexLock lock(core_.tree.mutex);
    directory->directory->used_at = core_.parts.scheduler.now();
    if (core_.tree.listing_fresh(*directory)) {
      listing = std::make_shared<Listing>();
      listing->done = true;
      listing->entries.reserve(directory->directory->children.size());
      for (const auto& [name, inode] : directory->directory->children)
        listing->entries.push_back({name, inode});
    } else {
      listing = join(directory, start);
      listing->wanted_whole = true;
    }
  }
  if (start) request_page(directory, listing, "");
  return listing;
}

void DirectoryLoader::probe(const InodePtr& directory, Callback<void()> done) {
  std::shared_ptr<Listing> listing;
  bool start = false;
  {
    const MutexLock lock(core_.tree.mutex);
    listing = join(directory, start);
    // A whole listing that is past its first page would be a long wait; the caller finds out that
    // it was no use.
    listing->waiters.push_back(std::move(done));
  }
  if (start) request_page(directory, listing, "");
}

std::shared_ptr<Listing> DirectoryLoader::join(const InodePtr& directory, bool& start) {
  DirectoryState& state = *directory->directory;
  start = state.listing == nullptr;
  if (start) {
    state.listing = std::make_shared<Listing>();
    state.listing->number = next_number_++;
    state.listing->changes_at_start = state.change_count;
    state.listing->started = core_.parts.scheduler.now();
  }
  return state.listing;
}

void DirectoryLoader::refresh_around(const InodePtr& directory, const std::string& name,
                                     Callback<void()> done) {
  ListRequest request{.by_directory = true};
  auto page_names = std::make_shared<Listing>();
  bool gone = false;
  {
    const MutexLock lock(core_.tree.mutex);
    Result<std::string> prefix = core_.tree.key_of(*directory);
    gone = !prefix;
    if (prefix) {
      request.prefix = std::move(*prefix);
      ++directory->directory->partial_listings;
      page_names->number = next_number_++;
      page_names->changes_at_start = directory->directory->change_count;
    }
  }
  if (gone) return done();
  // Everything after the name without its last character begins with the name's nearest neighbours.
  const std::string component = core_.tree.keys.component_of(name);
  size_t shorter = component.empty() ? 0 : component.size() - 1;
  while (shorter > 0 && (static_cast<unsigned char>(component[shorter]) & 0xC0U) == 0x80U)
    --shorter;
  request.start_after = request.prefix + component.substr(0, shorter);
  std::string prefix = request.prefix;
  core_.parts.store.list(
      std::move(request),
      core_.tracked<ListPage>([this, directory, page_names, prefix, name, component,
                               done = std::move(done)](Result<ListPage> page) mutable {
        {
          const MutexLock lock(core_.tree.mutex);
          DirectoryState& state = *directory->directory;
          const Result<std::string> present = core_.tree.key_of(*directory);
          if (page && present && *present == prefix) {
            apply(directory, *page_names, prefix, *page);
            if (covers(*page, prefix + component) && !core_.leaving(*directory) &&
                core_.tree.child(*directory, name) == nullptr) {
              core_.tree.note_absent(*directory, name);
            }
          }
          if (--state.partial_listings == 0 && state.listing == nullptr) state.changed.clear();
        }
        // What the page did not have is asked for by itself; a failure shows there too.
        done();
      }));
}

void DirectoryLoader::wait(const std::shared_ptr<Listing>& listing, size_t index,
                           Callback<void()> ready) {
  {
    const MutexLock lock(core_.tree.mutex);
    if (!listing->done && listing->entries.size() <= index) {
      listing->waiters.emplace_back([this, listing, index, ready = std::move(ready)]() mutable {
        wait(listing, index, std::move(ready));
      });
      return;
    }
  }
  ready();
}

void DirectoryLoader::request_page(const InodePtr& directory,
                                   const std::shared_ptr<Listing>& listing,
                                   std::string continuation) {
  ListRequest request;
  std::optional<Error> gone;
  {
    const MutexLock lock(core_.tree.mutex);
    Result<std::string> prefix = core_.tree.key_of(*directory);
    if (prefix) request.prefix = std::move(*prefix);
    if (!prefix) gone = prefix.error();
  }
  if (gone) return take_page(directory, listing, "", *gone);
  request.by_directory = true;
  request.continuation = std::move(continuation);
  std::string prefix = request.prefix;
  core_.parts.store.list(
      std::move(request),
      core_.tracked<ListPage>([this, directory, listing, prefix](Result<ListPage> page) {
        take_page(directory, listing, prefix, std::move(page));
      }));
}

void DirectoryLoader::take_page(const InodePtr& directory, const std::shared_ptr<Listing>& listing,
                                const std::string& prefix, Result<ListPage> page) {
  std::vector<Callback<void()>> waiters;
  bool more = false;
  {
    const MutexLock lock(core_.tree.mutex);
    // A directory that was renamed meanwhile is listed again under its new key by the next who
    // asks.
    const Result<std::string> present = core_.tree.key_of(*directory);
    if (page && !present) {
      page = present.error();
    } else if (page && *present != prefix) {
      page = Error(Code::changed, "the directory was renamed while it was being listed");
    }
    if (page) {
      apply(directory, *listing, prefix, *page);
      const bool last = page->continuation.empty();
      more = !last && listing->wanted_whole;
      if (last) finish(directory, *listing);
      if (!last) directory->directory->spans_pages = true;
    } else {
      listing->error = page.error();
    }
    if (!more) {
      listing->done = true;
      directory->directory->listing.reset();
      if (directory->directory->partial_listings == 0) directory->directory->changed.clear();
    }
    waiters.swap(listing->waiters);
  }
  // The next page is asked for before readers are served, so that the two overlap.
  if (more) request_page(directory, listing, std::move(page->continuation));
  attributes_.listed(directory);
  for (auto& waiter : waiters) waiter();
  if (!more) evict();
}

void DirectoryLoader::apply(const InodePtr& directory, Listing& listing, const std::string& prefix,
                            const ListPage& page) {
  DirectoryState& state = *directory->directory;
  ++listing.pages;
  const auto changed_here = [&](const std::string& name) {
    const auto it = state.changed.find(name);
    return it != state.changed.end() && it->second > listing.changes_at_start;
  };
  const auto take = [&](const std::string& name, const InodePtr& inode) {
    if (inode->seen_by == listing.number) return;
    inode->seen_by = listing.number;
    listing.entries.push_back({name, inode});
  };
  for (const ObjectInfo& object : page.objects) {
    if (object.key.size() == prefix.size()) {
      listing.saw_marker = true;
      if (directory->etag != object.etag) {
        directory->etag = object.etag;
        directory->stored_known = false;
      }
      Tree::compare_modified(*directory, object.last_modified_ns);
      continue;
    }
    const auto shown = core_.tree.keys.name_of(std::string_view(object.key).substr(prefix.size()));
    if (!shown || changed_here(*shown) || core_.tree.is_own(*directory, *shown)) continue;
    const std::string& name = *shown;
    // A directory of this name hides the file; it comes later in the listing, so a known one is
    // left to it.
    const InodePtr known = core_.tree.child(*directory, name);
    if (known != nullptr && known->type == FileType::directory) continue;
    take(name, core_.tree.learn_file(directory, name, object));
  }
  for (const std::string& common : page.common_prefixes) {
    const auto shown = core_.tree.keys.name_of(
        std::string_view(common).substr(prefix.size(), common.size() - prefix.size() - 1));
    if (!shown || changed_here(*shown) || core_.tree.is_own(*directory, *shown)) continue;
    const std::string& name = *shown;
    // Where a file of this name came first, its entry becomes the directory's.
    const InodePtr known = core_.tree.child(*directory, name);
    const InodePtr inode = core_.tree.learn_directory(directory, name);
    if (known != nullptr && known != inode && known->seen_by == listing.number) {
      std::erase_if(listing.entries,
                    [&](const Listing::Entry& entry) { return entry.inode == known; });
    }
    take(name, inode);
  }
}

void DirectoryLoader::finish(const InodePtr& directory, Listing& listing) {
  DirectoryState& state = *directory->directory;
  std::vector<InodePtr> gone;
  // What is missing may have been renamed already, with the directory.
  const bool moving = core_.leaving(*directory);
  for (const auto& [name, inode] : state.children) {
    if (inode->seen_by == listing.number) continue;
    const auto changed = state.changed.find(name);
    const bool own_change =
        changed != state.changed.end() && changed->second > listing.changes_at_start;
    if (own_change || moving || core_.tree.keeps(*inode)) {
      listing.entries.push_back({name, inode});
    } else {
      gone.push_back(inode);
    }
  }
  for (const InodePtr& inode : gone) core_.tree.detach(inode, Binding::vanished);
  state.complete = !moving;
  // What was new to this listing has not been looked at.
  if (state.carried == DirectoryState::Carried::none)
    state.carried = DirectoryState::Carried::unknown;
  state.listed_at = listing.started;
  state.own = false;
  state.has_marker = listing.saw_marker;
  // It may have changed: who wants to know looks, once for each listing.
  if (core_.is_bucket_root(*directory) && !state.marker_writing && directory->busy == 0)
    directory->stored_known = false;
  state.spans_pages = listing.pages > 1;
  state.absent.clear();
}

void DirectoryLoader::evict() {
  std::vector<std::pair<InodeId, std::string>> kernel_holds;
  {
    const MutexLock lock(core_.tree.mutex);
    kernel_holds = core_.tree.evict();
  }
  for (auto& [directory, name] : kernel_holds)
    core_.kernel.forget_entry(directory, std::move(name));
}

void DirectoryLoader::note_opened(const InodePtr& directory) {
  std::vector<std::pair<InodePtr, std::shared_ptr<Listing>>> begin;
  {
    const MutexLock lock(core_.tree.mutex);
    const InodePtr parent = directory->parent;
    if (parent == nullptr || !core_.tree.listing_fresh(*parent)) return;
    DirectoryState& walk = *parent->directory;
    auto next = walk.last_opened.empty() ? walk.children.begin()
                                         : walk.children.upper_bound(walk.last_opened);
    while (next != walk.children.end() && next->second->type != FileType::directory) ++next;
    const bool in_order = next != walk.children.end() && next->second == directory;
    walk.walk_length = in_order ? walk.walk_length + 1 : 0;
    walk.last_opened = directory->name;
    if (walk.walk_length < 2) return;
    const uint32_t ahead = std::min(max_walk_ahead, 4U << std::min(walk.walk_length, 3U));
    uint32_t counted = 0;
    for (++next; next != walk.children.end() && counted < ahead; ++next) {
      const InodePtr& sibling = next->second;
      if (sibling->type != FileType::directory) continue;
      ++counted;
      if (core_.tree.listing_fresh(*sibling) || sibling->directory->listing != nullptr) continue;
      bool start = false;
      std::shared_ptr<Listing> listing = join(sibling, start);
      begin.emplace_back(sibling, std::move(listing));
    }
  }
  for (const auto& [sibling, listing] : begin) request_page(sibling, listing, "");
}

}  // namespace penstock
