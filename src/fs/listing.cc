// SPDX-License-Identifier: Apache-2.0
#include "fs/listing.h"

#include <algorithm>

namespace penstock {
namespace {

/// How many sibling directories are listed ahead of a walk; 32 at 60 ms a LIST are 500 directories
/// a second.
constexpr uint32_t max_walk_ahead = 32;

/// How many names a walk over the tree takes out of it at once: more than one answer to the kernel
/// holds, and few enough for the lock.
constexpr size_t names_at_a_time = 2000;

/// The largest key or common prefix of a page that is not the last one.
std::string last_of(const ListPage& page) {
  const std::string object = page.objects.empty() ? "" : page.objects.back().key;
  return page.common_prefixes.empty() ? object : std::max(object, page.common_prefixes.back());
}

/// True where a page says of `key`, and of the directory of that name, whether they exist.
bool covers(const ListPage& page, const std::string& key) {
  return page.continuation.empty() || last_of(page) > key + '/';
}

}  // namespace

std::shared_ptr<Listing> DirectoryLoader::open(const InodePtr& directory) {
  std::shared_ptr<Listing> listing;
  bool start = false;
  {
    const MutexLock lock(core_.tree.mutex);
    core_.tree.touch(*directory);
    if (core_.tree.freshness.asks_at_open()) {
      listing = begin_anew(directory, start);
      listing->wanted_whole = true;
    } else if (core_.tree.listing_fresh(*directory)) {
      listing = std::make_shared<Listing>();
      listing->of_tree = true;
      listing->evictions_at_start = directory->directory->evictions;
      ++directory->directory->tree_walks;
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
  if (start) state.listing = begin(state);
  return state.listing;
}

std::shared_ptr<Listing> DirectoryLoader::begin_anew(const InodePtr& directory, bool& start) {
  DirectoryState& state = *directory->directory;
  if (state.listing == nullptr) return join(directory, start);
  start = true;
  ++state.partial_listings;
  return begin(state);
}

std::shared_ptr<Listing> DirectoryLoader::begin(const DirectoryState& state) const {
  auto listing = std::make_shared<Listing>();
  listing->changes_at_start = state.change_count;
  listing->evictions_at_start = state.evictions;
  listing->started = core_.parts.scheduler.now();
  return listing;
}

void DirectoryLoader::end(DirectoryState& state, Listing& listing) {
  listing.end();
  if (state.listing.get() == &listing) {
    state.listing.reset();
  } else {
    --state.partial_listings;
  }
  if (state.listing == nullptr && state.partial_listings == 0) state.changed.clear();
}

void DirectoryLoader::refresh_around(const InodePtr& directory, const std::string& name,
                                     Callback<void()> done) {
  ListRequest request{.by_directory = true};
  auto page_names = std::make_shared<Listing>();  // of a walk that is this one page
  bool gone = false;
  {
    const MutexLock lock(core_.tree.mutex);
    Result<std::string> prefix = core_.tree.key_of(*directory);
    gone = !prefix;
    if (prefix) {
      request.prefix = std::move(*prefix);
      ++directory->directory->partial_listings;
      page_names->page_asked = core_.parts.scheduler.now();
      page_names->changes_at_start = directory->directory->change_count;
      page_names->evictions_at_start = directory->directory->evictions;
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
      core_.tracked<ListPage>([this, directory, page_names, prefix, name, component, shorter,
                               done = std::move(done)](Result<ListPage> page) mutable {
        {
          const MutexLock lock(core_.tree.mutex);
          DirectoryState& state = *directory->directory;
          const Result<std::string> present = core_.tree.key_of(*directory);
          if (page && present && *present == prefix) {
            apply(directory, *page_names, prefix, *page);
            note_page(directory, *page_names, component.substr(0, shorter),
                      page->continuation.empty() ? "" : last_of(*page).substr(prefix.size()));
            if (covers(*page, prefix + component) && !core_.leaving(*directory) &&
                core_.tree.child(*directory, name) == nullptr) {
              core_.tree.note_absent(*directory, name, page_names->page_asked);
            }
          }
          if (--state.partial_listings == 0 && state.listing == nullptr) state.changed.clear();
        }
        // What the page did not have is asked for by itself; a failure shows there too.
        done();
      }));
}

void DirectoryLoader::note_page(const InodePtr& directory, const Listing& walk, std::string from,
                                std::string to) {
  DirectoryState& state = *directory->directory;
  // What is missing may have been renamed already, with the directory, or dropped.
  if (core_.leaving(*directory) || state.evictions != walk.evictions_at_start) return;
  state.page = {.from = std::move(from), .to = std::move(to), .asked = walk.page_asked};
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

void DirectoryLoader::close(const Inode& directory, Listing& walk) {
  if (!walk.of_tree || walk.done) return;
  walk.end();
  --directory.directory->tree_walks;
}

void DirectoryLoader::copy_names(const Inode& directory, Listing& walk, size_t index) {
  const auto& children = directory.directory->children;
  while (!walk.done && walk.entries.size() <= index) {
    auto next =
        walk.entries.empty() ? children.begin() : children.upper_bound(walk.entries.back().name);
    for (size_t i = 0; i < names_at_a_time && next != children.end(); ++i, ++next)
      walk.entries.push_back({next->first, next->second->type});
    if (next == children.end()) close(directory, walk);
  }
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
    listing->page_asked = core_.parts.scheduler.now();
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
    if (!more) end(*directory->directory, *listing);
    waiters.swap(listing->waiters);
  }
  // The next page is asked for before readers are served, so that the two overlap.
  if (more) request_page(directory, listing, std::move(page->continuation));
  attributes_.listed(directory);
  for (auto& waiter : waiters) waiter();
}

void DirectoryLoader::apply(const InodePtr& directory, Listing& listing, const std::string& prefix,
                            const ListPage& page) {
  DirectoryState& state = *directory->directory;
  ++listing.pages;
  // What this mount has changed since the walk began, and what did not exist when the store was
  // asked for it later than for this page.
  const auto overtaken = [&](const std::string& name) {
    const auto changed = state.changed.find(name);
    if (changed != state.changed.end() && changed->second > listing.changes_at_start) return true;
    const auto absent = state.absent.find(name);
    return absent != state.absent.end() && absent->second > listing.page_asked;
  };
  for (const ObjectInfo& object : page.objects) {
    listing.note_age(object.last_modified_ns);
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
    if (!shown || overtaken(*shown) || core_.tree.is_own(*directory, *shown)) continue;
    apply_file(directory, listing, *shown, object);
  }
  for (const std::string& common : page.common_prefixes) {
    const auto shown = core_.tree.keys.name_of(
        std::string_view(common).substr(prefix.size(), common.size() - prefix.size() - 1));
    if (!shown || overtaken(*shown) || core_.tree.is_own(*directory, *shown)) continue;
    // Where a file of this name came first, its entry becomes the directory's.
    listing.add(*shown, core_.tree.learn_directory(directory, *shown, listing.page_asked)->type);
  }
}

void DirectoryLoader::apply_file(const InodePtr& directory, Listing& listing,
                                 const std::string& name, const ObjectInfo& object) {
  const InodePtr known = core_.tree.child(*directory, name);
  // A directory of this name hides the file, and comes later in the listing unless it has gone.
  if (known != nullptr && known->type == FileType::directory) {
    listing.hidden.emplace_back(name, object);
    return;
  }
  listing.add(name, FileType::file);
  // While the page was under way another answer told of another version of this name. Which of the
  // two is newer nobody can say: whoever needs to know asks.
  if (known != nullptr && known->etag != object.etag && known->told.at > listing.page_asked) {
    known->told = {};
    return;
  }
  core_.tree.learn_file(directory, name, object, listing.page_asked);
}

void DirectoryLoader::finish(const InodePtr& directory, Listing& listing) {
  DirectoryState& state = *directory->directory;
  std::vector<InodePtr> gone;
  // What is missing may have been renamed already, with the directory.
  const bool moving = core_.leaving(*directory);
  for (const auto& [name, inode] : state.children) {
    if (listing.has(name)) continue;
    const auto changed = state.changed.find(name);
    const bool own_change =
        changed != state.changed.end() && changed->second > listing.changes_at_start;
    // A name that somebody has looked up since the listing began may be younger than its page.
    const bool seen_since = inode->told.at > listing.started;
    if (own_change || moving || seen_since || core_.tree.keeps(*inode)) {
      listing.add(name, inode->type);
    } else {
      gone.push_back(inode);
    }
  }
  for (const InodePtr& inode : gone) core_.tree.detach(inode, Binding::vanished);
  for (const auto& [name, object] : listing.hidden) {
    if (!listing.has(name)) apply_file(directory, listing, name, object);
  }
  // Of a directory no listing tells an age, but what is known to lie below it does.
  for (const auto& [name, inode] : state.children) {
    if (inode->directory != nullptr) listing.note_age(inode->directory->oldest_ns);
  }
  state.oldest_ns = listing.oldest_ns;
  if (directory->named() && !listing.entries.empty())
    core_.tree.told_directory(*directory, listing.page_asked);
  core_.tree.told_listing(*directory, listing.started, listing.newest_ns);
  if (moving || state.evictions != listing.evictions_at_start) state.complete = false;
  // What was new to this listing has not been looked at.
  if (state.carried == DirectoryState::Carried::none)
    state.carried = DirectoryState::Carried::unknown;
  state.has_marker = listing.saw_marker;
  // It may have changed: who wants to know looks, once for each listing.
  if (core_.is_bucket_root(*directory) && !state.marker_writing && directory->busy == 0)
    directory->stored_known = false;
  state.spans_pages = listing.pages > 1;
  state.absent.clear();
}

void DirectoryLoader::note_opened(const InodePtr& directory) {
  std::vector<std::pair<InodePtr, std::shared_ptr<Listing>>> begin;
  {
    const MutexLock lock(core_.tree.mutex);
    const InodePtr parent = directory->parent;
    // Which directories are next, a listing tells that may be believed no longer: those of young
    // data are read on for longer than that.
    if (parent == nullptr || !parent->directory->complete) return;
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
