// SPDX-License-Identifier: Apache-2.0
#include "fs/lookups/listed_names.h"

#include <algorithm>

#include "fs/nodes/inode_record.h"

namespace penstock {
namespace {

/// How many names are compared under the lock at once: less than a millisecond.
constexpr size_t names_compared_at_once = 1000;

}  // namespace

void ListedNames::apply(const InodePtr& directory, Listing& listing, const Asked& asked,
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

void ListedNames::apply_file(const InodePtr& directory, Listing& listing, const std::string& name,
                             const ObjectInfo& object, Scheduler::Time asked) {
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

bool ListedNames::compare_some(const InodePtr& directory, Listing& listing) {
  const MutexLock lock(core_.tree.mutex);
  if (listing.done) return false;  // nobody reads it any more
  if (!compare_names(directory, listing)) return true;
  finish(directory, listing);
  end(*directory->directory, listing);
  return false;
}

bool ListedNames::compare_names(const InodePtr& directory, Listing& listing) {
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
    listing.unsettled |= kept && core_.any_leaving();
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

void ListedNames::finish(const InodePtr& directory, Listing& listing) {
  DirectoryState& state = *directory->directory;
  for (const Listing::Hidden& file : listing.hidden) {
    if (!listing.entries.has(file.name))
      apply_file(directory, listing, file.name, file.object, file.asked);
  }
  state.oldest_ns = listing.oldest_ns;
  if (directory->named() && !listing.entries.empty())
    core_.tree.told_directory(*directory, listing.told_at);
  core_.tree.told_listing(*directory, listing.started, listing.newest_ns);
  if (listing.moved || listing.unsettled || state.evictions != listing.evictions_at_start ||
      state.doubts != listing.doubts_at_start)
    state.complete = false;
  // What was new to this listing has not been looked at.
  if (state.carried == DirectoryState::Carried::none)
    state.carried = DirectoryState::Carried::unknown;
  state.has_marker = listing.saw_marker;
  // The marker of a bucket's root lies under a key that no listing shows, so another mount may have
  // changed the root's attributes: the next one who asks for them has them fetched, once for each
  // listing.
  if (core_.is_bucket_root(*directory) && !state.marker_writing && !directory->claims.in_use())
    directory->stored_known = false;
  state.spans_pages = listing.pages > 1;
  std::erase_if(state.absent, [&](const auto& name) { return name.second <= listing.started; });
}

void ListedNames::leave(DirectoryState& state, const Listing& listing) {
  if (state.listing.get() == &listing) {
    state.listing.reset();
  } else {
    --state.partial_listings;
  }
  if (state.listing == nullptr && state.partial_listings == 0) state.changed.clear();
}

void ListedNames::end(DirectoryState& state, Listing& listing) {
  listing.end();
  leave(state, listing);
}

}  // namespace penstock
