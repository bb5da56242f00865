// SPDX-License-Identifier: Apache-2.0
// The pages of listings: what is asked for, and what they tell of a directory's names.
#include <algorithm>

#include "fs/lookups/directory_loader.h"

namespace penstock {
namespace {

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
      ListedNames::end(*directory->directory, *listing);
    }
    ended = listing->done;
    comparing = listing->comparing;
    if (!comparing) waiters.swap(listing->waiters);
  }
  if (ended || comparing) listing->stop.request_stop();
  // The next pages are asked for before readers are served, so that the two overlap.
  request_pages(directory, listing, std::move(requests));
  while (comparing && names_.compare_some(directory, *listing)) {
  }
  if (comparing) {
    const MutexLock lock(core_.tree.mutex);
    waiters.swap(listing->waiters);
  }
  attributes_.listed(directory, *listing);
  for (auto& waiter : waiters) waiter();
}

DirectoryLoader::Requests DirectoryLoader::take(const InodePtr& directory,
                                                const std::shared_ptr<Listing>& listing,
                                                const Asked& asked, const ListPage& page) {
  DirectoryState& state = *directory->directory;
  names_.apply(directory, *listing, asked, page);
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
            names_.apply(directory, *page_names, asked, *page);
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
