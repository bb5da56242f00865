// SPDX-License-Identifier: Apache-2.0
#include "fs/lookups/walk_ahead.h"

#include <algorithm>
#include <utility>

#include "fs/nodes/inode_record.h"

namespace penstock {
namespace {

/// Requests that are under way ahead of a walk; 32 at 60 ms a LIST are 500 pages a second.
constexpr size_t most_requests = 32;

/// Of the 1,000 keys of a page, those that are counted on: directories are not all alike.
constexpr size_t keys_of_a_page = 800;

/// Directories of one request.
constexpr size_t most_together = 64;

/// Directories that are hoped for in the page of a walk that may be none, or of large directories.
constexpr size_t hoped_for = 16;

/// The next directory behind `name`, or none.
NameTable::Slot next_directory(const NameTable& names, std::string_view name) {
  NameTable::Slot found;
  names.visit(name, [&found](NameTable::Slot slot) {
    if (slot.type() == FileType::directory) found = slot;
    return !found;
  });
  return found;
}

/// A key before all that begin with `prefix`, which ends with '/', and behind most others that are
/// before those: '.' is the character before '/'.
std::string before(std::string prefix) {
  prefix.back() = '.';
  return prefix;
}

/// The page goes on behind all keys that begin with `prefix`.
bool passes(const ListPage& page, const std::string& prefix) {
  if (page.continuation.empty()) return true;
  if (page.objects.empty()) return false;
  const std::string& last = page.objects.back().key;
  return last > prefix && !last.starts_with(prefix);
}

bool in_order(const ListPage& page) {
  return page.common_prefixes.empty() &&
         std::is_sorted(page.objects.begin(), page.objects.end(),
                        [](const ObjectInfo& a, const ObjectInfo& b) { return a.key < b.key; });
}

/// What a listing of the one directory would have told, of a page of keys of all depths in order.
ListPage of_directory(const ListPage& page, const std::string& prefix) {
  ListPage names;
  auto object = std::lower_bound(
      page.objects.begin(), page.objects.end(), prefix,
      [](const ObjectInfo& each, const std::string& key) { return each.key < key; });
  for (; object != page.objects.end() && object->key.starts_with(prefix); ++object) {
    const size_t slash = object->key.find('/', prefix.size());
    if (slash == std::string::npos) {
      names.objects.push_back(*object);
      continue;
    }
    std::string below = object->key.substr(0, slash + 1);
    if (names.common_prefixes.empty() || names.common_prefixes.back() != below)
      names.common_prefixes.push_back(std::move(below));
  }
  return names;
}

}  // namespace

void WalkAhead::note_opened(const InodePtr& directory) {
  // What was listed before the next directory is opened would not be believed.
  if (core_.tree.freshness.asks_at_open()) return;
  std::vector<Group> groups;
  std::string prefix;
  bool guess = false;
  {
    const MutexLock lock(core_.tree.mutex);
    const InodePtr parent = directory->parent;
    // Which directories are next, a listing tells that may be believed no longer: those of young
    // data are read on for longer than that.
    if (parent == nullptr || !parent->directory->complete) return;
    DirectoryState& walk = *parent->directory;
    const std::string last = std::exchange(walk.last_opened, directory->name);
    const NameTable::Slot next = next_directory(walk.children, last);
    walk.walk_length = next && next.node() == directory.get() ? walk.walk_length + 1 : 0;
    // Who has read the parent's names and opens the first one may go on. One page is risked, which
    // tells of the next directories where they are small and there are several.
    guess = walk.walk_length == 1 && last.empty() && walk.children.subdirectories() > 2 &&
            told_by_page(walk);
    if (walk.walk_length < 2 && !guess) return;
    const size_t together = guess ? hoped_for : in_one_page(walk, last);
    // What one request tells of is used up before the next one is due.
    if (walk.walk_length > 3 && walk.walk_length % together != 0) return;
    Result<std::string> key = core_.tree.key_of(*parent);
    if (!key) return;
    prefix = *std::move(key);
    const size_t requests =
        guess ? 1 : std::min<size_t>(most_requests, 4U << std::min(walk.walk_length, 3U));
    groups = begin(*parent, directory->name, requests * together, together);
  }
  for (Group& group : groups) ask(prefix, std::move(group), guess);
}

bool WalkAhead::told_by_page(const DirectoryState& parent) const {
  if (!core_.parts.ordered_listings || refused_) return false;
  // Files beside the directories are keys between theirs.
  return parent.children.subdirectories() >= parent.children.size() / 2;
}

size_t WalkAhead::in_one_page(const DirectoryState& parent, const std::string& like) const {
  if (!told_by_page(parent)) return 1;
  const NameTable::Slot slot = parent.children.find(like);
  if (!slot || slot.node() == nullptr || slot.type() != FileType::directory) return 1;
  const DirectoryState& state = *inode_at(slot).directory;
  if (!state.complete || state.children.subdirectories() > 0) return 1;
  const size_t keys = state.children.size() + 1;
  return std::clamp<size_t>(keys_of_a_page / keys, 1, most_together);
}

std::vector<WalkAhead::Group> WalkAhead::begin(const Inode& parent, const std::string& last,
                                               size_t ahead, size_t together) {
  std::vector<Group> groups;
  const NameTable& names = parent.directory->children;
  NameTable::Slot next = next_directory(names, last);
  for (size_t counted = 0; counted < ahead && next; ++counted) {
    const InodePtr sibling = core_.tree.inode_of(parent, next);
    if (auto listing = loader_.begin_ahead(sibling)) {
      if (groups.empty() || groups.back().size() == together) groups.emplace_back();
      groups.back().push_back(*std::move(listing));
    }
    next = next_directory(names, sibling->name);
  }
  return groups;
}

void WalkAhead::ask(const std::string& parent_prefix, Group group, bool guess) {
  if (group.size() == 1) return loader_.ask(std::move(group.front()));
  // Names are in the order of their bytes, and keys have a '/' behind them.
  const auto first = std::min_element(
      group.begin(), group.end(), [](const auto& a, const auto& b) { return a.prefix < b.prefix; });
  ListRequest request{.prefix = parent_prefix, .start_after = before(first->prefix)};
  const Scheduler::Time asked = core_.parts.scheduler.now();
  core_.parts.store.list(std::move(request),
                         core_.tracked<ListPage>([this, asked, guess, group = std::move(group)](
                                                     Result<ListPage> page) mutable {
                           take(std::move(group), asked, std::move(page), guess);
                         }));
}

void WalkAhead::take(Group group, Scheduler::Time asked, Result<ListPage> page, bool guess) {
  if (!page && page.code() == Code::access_denied) refused_ = true;
  const bool usable = page && in_order(*page);
  for (DirectoryLoader::Ahead& each : group) {
    if (usable && passes(*page, each.prefix)) {
      loader_.answer(each, asked, of_directory(*page, each.prefix));
    } else if (guess) {
      loader_.give_up(std::move(each));
    } else {
      loader_.ask(std::move(each));
    }
  }
}

}  // namespace penstock
