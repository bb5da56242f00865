// SPDX-License-Identifier: Apache-2.0
// The pages of listings: what is asked for, and what they tell of a directory's names.
#include <algorithm>

#include "fs/inode_record.h"
#include "fs/listing.h"

namespace penstock {
namespace {

/// How many names are compared under the lock at once: less than a millisecond.
constexpr size_t names_compared_at_once = 1000;

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

void DirectoryLoader::request_pages(const InodePtr& directory,
                                    const std::shared_ptr<Listing>& listing, Requests requests) {
  if (requests.empty()) return;
  Asked asked;
  std::optional<Error> gone;
  {
    const MutexLock lock(core_.tree.mutex);
    const Result<std::string> prefix = core_.tree.key_of(*directory);
    if (!prefix) gone = prefix.error();
    if (prefix && listing->prefix != *prefix) {
      // What pages of other keys are to be continued with means nothing under this one.
      listing->begin_again(*prefix);
      if (listing->moved) requests = listing->ranges.next();
    }
    asked.prefix = listing->prefix.value_or("");
    asked.at = core_.parts.scheduler.now();
  }
  for (ListingRanges::Request& page : requests) {
    asked.walker = page.walker;
    if (gone) {
      take_page(directory, listing, asked, *gone);
      continue;
    }
    ListRequest request{.prefix = asked.prefix,
                        .by_directory = true,
                        .continuation = std::move(page.continuation),
                        .cancel = listing->stop.get_token()};
    if (!page.start_after.empty()) request.start_after = asked.prefix + page.start_after;
    core_.parts.store.list(
        std::move(request),
        core_.tracked<ListPage>([this, directory, listing, asked](Result<ListPage> answer) {
          take_page(directory, listing, asked, std::move(answer));
        }));
  }
}

void DirectoryLoader::take_page(const InodePtr& directory, const std::shared_ptr<Listing>& listing,
                                const Asked& asked, Result<ListPage> page) {
  std::vector<Callback<void()>> waiters;
  Requests requests;
  bool ended = false;
  bool comparing = false;
  {
    const MutexLock lock(core_.tree.mutex);
    // The listing is whole without this page, or has ended otherwise; or the directory was renamed,
    // and it goes on under the new key.
    if (listing->done || listing->comparing || asked.prefix != listing->prefix.value_or("")) return;
    const Result<std::string> present = core_.tree.key_of(*directory);
    if (page && !present) page = present.error();
    if (page && *present != asked.prefix) {
      listing->begin_again(*present);
      requests = listing->ranges.next();
    } else if (page) {
      requests = take(directory, listing, asked, *page);
    } else {
      listing->error = page.error();
      end(*directory->directory, *listing);
    }
    ended = listing->done;
    comparing = listing->comparing;
    if (!comparing) waiters.swap(listing->waiters);
  }
  if (ended || comparing) listing->stop.request_stop();
  // The next pages are asked for before readers are served, so that the two overlap.
  request_pages(directory, listing, std::move(requests));
  while (comparing && compare_some(directory, *listing)) {
  }
  if (comparing) {
    const MutexLock lock(core_.tree.mutex);
    waiters.swap(listing->waiters);
  }
  attributes_.listed(directory);
  for (auto& waiter : waiters) waiter();
}

DirectoryLoader::Requests DirectoryLoader::take(const InodePtr& directory,
                                                const std::shared_ptr<Listing>& listing,
                                                const Asked& asked, const ListPage& page) {
  DirectoryState& state = *directory->directory;
  apply(directory, *listing, asked, page);
  listing->ranges.take(asked.walker, page, asked.prefix.size());
  if (listing->ranges.done()) {
    listing->comparing = true;
    return {};
  }
  state.spans_pages = true;
  if (listing->wanted_whole) return listing->ranges.next();
  pause(state, listing);
  return {};
}

void DirectoryLoader::apply(const InodePtr& directory, Listing& listing, const Asked& asked,
                            const ListPage& page) {
  DirectoryState& state = *directory->directory;
  const size_t prefix = asked.prefix.size();
  ++listing.pages;
  if (!page.objects.empty() || !page.common_prefixes.empty())
    listing.told_at = std::max(listing.told_at, asked.at);
  // What this mount has changed since the walk began, and what did not exist when the store was
  // asked for it later than for this page.
  const auto overtaken = [&](const std::string& name) {
    const auto changed = state.changed.find(name);
    if (changed != state.changed.end() && changed->second > listing.changes_at_start) return true;
    const auto absent = state.absent.find(name);
    return absent != state.absent.end() && absent->second > asked.at;
  };
  for (const ObjectInfo& object : page.objects) {
    listing.note_age(object.last_modified_ns);
    if (object.key.size() == prefix) {
      listing.saw_marker = true;
      if (directory->etag != object.etag) {
        directory->etag = object.etag;
        directory->stored_known = false;
      }
      Tree::compare_modified(*directory, object.last_modified_ns);
      continue;
    }
    const auto shown = core_.tree.keys.name_of(std::string_view(object.key).substr(prefix));
    if (!shown || overtaken(*shown) || core_.tree.is_own(*directory, *shown)) continue;
    apply_file(directory, listing, *shown, object, asked.at);
  }
  for (const std::string& common : page.common_prefixes) {
    const auto shown = core_.tree.keys.name_of(
        std::string_view(common).substr(prefix, common.size() - prefix - 1));
    if (!shown || overtaken(*shown) || core_.tree.is_own(*directory, *shown)) continue;
    // Where a file of this name came first, its entry becomes the directory's.
    listing.entries.add(*shown, core_.tree.learn_listed_directory(directory, *shown, asked.at));
  }
}

void DirectoryLoader::apply_file(const InodePtr& directory, Listing& listing,
                                 const std::string& name, const ObjectInfo& object,
                                 Scheduler::Time asked) {
  const NameTable::Slot known = directory->directory->children.find(name);
  // A directory of this name hides the file; this listing has it too, unless it has gone.
  if (known && known.type() == FileType::directory) {
    listing.hidden.push_back({name, object, asked});
    return;
  }
  listing.entries.add(name, FileType::file);
  // While the page was under way another answer told of another version of this name. Which of the
  // two is newer nobody can say: whoever needs to know asks.
  if (known && told_of(known).at > asked && etag_of(known) != object.etag) {
    told_of(known) = {};
    return;
  }
  core_.tree.learn_listed_file(directory, name, object, asked);
}

bool DirectoryLoader::compare_some(const InodePtr& directory, Listing& listing) {
  const MutexLock lock(core_.tree.mutex);
  if (listing.done) return false;  // nobody reads it any more
  if (!compare_names(directory, listing)) return true;
  finish(directory, listing);
  end(*directory->directory, listing);
  return false;
}

bool DirectoryLoader::compare_names(const InodePtr& directory, Listing& listing) {
  const DirectoryState& state = *directory->directory;
  // What is missing may have been renamed already, with the directory.
  const Result<std::string> present = core_.tree.key_of(*directory);
  listing.moved |= core_.leaving(*directory) || !present || *present != listing.prefix;
  size_t compared = 0;
  std::vector<std::string> gone;
  const auto compare = [&](NameTable::Slot slot) REQUIRES(core_.tree.mutex) {
    if (++compared > names_compared_at_once) return false;
    listing.compared_to = slot.name();
    if (slot.type() == FileType::directory) listing.note_age(oldest_below(slot));
    if (listing.entries.has(slot.name())) return true;
    const auto changed = state.changed.find(listing.compared_to);
    const bool own_change =
        changed != state.changed.end() && changed->second > listing.changes_at_start;
    // A name that somebody has looked up since the listing began may be younger than its page.
    const bool seen_since = told_of(slot).at > listing.started;
    const bool kept = slot.node() != nullptr && core_.tree.keeps(inode_at(slot));
    if (own_change || listing.moved || seen_since || kept) {
      listing.entries.add(slot.name(), slot.type());
    } else {
      gone.push_back(listing.compared_to);
    }
    return true;
  };
  const std::string from = listing.compared_to;
  const bool ended =
      from.empty() ? state.children.each(compare) : state.children.visit(from, compare);
  for (const std::string& name : gone) core_.tree.displace(*directory, name, Binding::vanished);
  return ended;
}

void DirectoryLoader::finish(const InodePtr& directory, Listing& listing) {
  DirectoryState& state = *directory->directory;
  for (const Listing::Hidden& file : listing.hidden) {
    if (!listing.entries.has(file.name))
      apply_file(directory, listing, file.name, file.object, file.asked);
  }
  state.oldest_ns = listing.oldest_ns;
  if (directory->named() && !listing.entries.empty())
    core_.tree.told_directory(*directory, listing.told_at);
  core_.tree.told_listing(*directory, listing.started, listing.newest_ns);
  if (listing.moved || state.evictions != listing.evictions_at_start ||
      state.doubts != listing.doubts_at_start)
    state.complete = false;
  // What was new to this listing has not been looked at.
  if (state.carried == DirectoryState::Carried::none)
    state.carried = DirectoryState::Carried::unknown;
  state.has_marker = listing.saw_marker;
  // The marker of a bucket's root lies under a key that no listing shows, so another mount may have
  // changed the root's attributes: the next one who asks for them has them fetched, once for each
  // listing.
  if (core_.is_bucket_root(*directory) && !state.marker_writing && directory->busy == 0)
    directory->stored_known = false;
  state.spans_pages = listing.pages > 1;
  state.absent.clear();
}

void DirectoryLoader::refresh_around(const InodePtr& directory, const std::string& name,
                                     Callback<void()> done) {
  ListRequest request{.by_directory = true};
  Asked asked;
  // Of a walk that is this one page.
  auto page_names = std::make_shared<Listing>(core_.parts.ordered_listings);
  bool gone = false;
  {
    const MutexLock lock(core_.tree.mutex);
    Result<std::string> prefix = core_.tree.key_of(*directory);
    gone = !prefix;
    if (prefix) {
      asked = {.prefix = std::move(*prefix), .at = core_.parts.scheduler.now()};
      ++directory->directory->partial_listings;
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
  request.prefix = asked.prefix;
  request.start_after = asked.prefix + component.substr(0, shorter);
  core_.parts.store.list(
      std::move(request),
      core_.tracked<ListPage>([this, directory, page_names, asked, name, component, shorter,
                               done = std::move(done)](Result<ListPage> page) mutable {
        {
          const MutexLock lock(core_.tree.mutex);
          DirectoryState& state = *directory->directory;
          const Result<std::string> present = core_.tree.key_of(*directory);
          if (page && present && *present == asked.prefix) {
            apply(directory, *page_names, asked, *page);
            note_page(directory, *page_names, asked.at, component.substr(0, shorter),
                      page->continuation.empty() ? "" : last_of(*page).substr(asked.prefix.size()));
            if (covers(*page, asked.prefix + component) && !core_.leaving(*directory) &&
                !directory->directory->children.contains(name)) {
              core_.tree.note_absent(*directory, name, asked.at);
            }
          }
          if (--state.partial_listings == 0 && state.listing == nullptr) state.changed.clear();
        }
        // What the page did not have is asked for by itself; a failure shows there too.
        done();
      }));
}

void DirectoryLoader::note_page(const InodePtr& directory, const Listing& walk,
                                Scheduler::Time asked, std::string from, std::string to) {
  DirectoryState& state = *directory->directory;
  // What is missing may have been renamed already, with the directory, or dropped.
  if (core_.leaving(*directory) || state.evictions != walk.evictions_at_start) return;
  state.page = {.from = std::move(from), .to = std::move(to), .asked = asked};
}

}  // namespace penstock
