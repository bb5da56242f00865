// SPDX-License-Identifier: Apache-2.0
#include "fs/lookups/attribute_loader.h"

#include <algorithm>
#include <utility>

#include "base/wall_clock.h"
#include "fs/nodes/inode_record.h"

namespace penstock {
namespace {

using Mode = MetadataOptions::Attributes;
using Carried = DirectoryState::Carried;

/// How many files of a directory are asked for ahead of a program that goes through it in order;
/// 64 at 30 ms a HEAD are 2,000 files a second.
constexpr uint32_t most_ahead = 64;
/// And how many names it may pass over and still be said to go in order.
constexpr uint32_t most_skipped = 16;

/// Some files of the inode's directory are being looked at: when that has ended it is known whether
/// the others carry attributes.
bool is_sampled(const Inode& inode) {
  return inode.named() && inode.parent->directory->sampling > 0;
}

/// A bucket's root is asked for where nothing says that it has changed. Its time is newer here
/// where names were made in it.
bool is_as_known(const FsCore& core, const Inode& inode, const ObjectInfo& info) {
  return core.is_bucket_root(inode) && inode.etag == info.etag &&
         inode.modified_s == info.last_modified_ns / ns_per_second;
}

}  // namespace

bool AttributeLoader::known(const Inode& inode) {
  return inode.stored_known || inode.local_only || inode.deleted() || inode.vanished() ||
         (inode.writer() != nullptr && Tree::changing(inode));
}

bool AttributeLoader::known(NameTable::Slot slot) {
  return slot.node() != nullptr ? known(inode_at(slot)) : slot.record()->stored_known;
}

bool AttributeLoader::has_no_object(const Inode& inode) const {
  const DirectoryState* own = inode.directory.get();
  return own != nullptr && own->complete && !own->has_marker && !core_.is_bucket_root(inode);
}

bool AttributeLoader::may_carry(const Inode& inode) const {
  if (known(inode) || core_.attributes == Mode::none) return false;
  if (has_no_object(inode)) return false;
  const bool marked = inode.directory != nullptr && inode.directory->has_marker;
  if (core_.attributes == Mode::full || marked || !inode.named()) return true;
  return inode.parent->directory->carried == Carried::some;
}

bool AttributeLoader::settled(const Inode& directory, const NameRecord& record) const {
  if (record.stored_known || core_.attributes == Mode::none) return true;
  if (core_.attributes == Mode::full || record.has_marker) return false;
  const DirectoryState& state = *directory.directory;
  return state.carried != Carried::some && state.sampling == 0;
}

bool AttributeLoader::settled(const Inode& inode) const {
  if (known(inode) || core_.attributes == Mode::none) return true;
  return !may_carry(inode) && !is_sampled(inode);
}

void AttributeLoader::learn(const InodePtr& inode, Done<void> done) {
  std::string key;
  {
    Deferred after;
    const MutexLock lock(core_.tree.mutex);
    if (known(*inode) || has_no_object(*inode)) {
      const bool lost = inode->vanished() && !inode->stored_known;
      // Nothing to ask for.
      return after.answer(std::move(done),
                          lost ? Result<void>(Tree::gone(*inode)) : Result<void>());
    }
    Result<std::string> found = object_key(*inode);
    if (!found) return after.answer(std::move(done), found.error());
    key = std::move(*found);
    const bool asked = inode->attribute_waiters != nullptr;
    if (!asked) inode->attribute_waiters = std::make_unique<std::vector<Done<void>>>();
    inode->attribute_waiters->push_back(std::move(done));
    if (asked) return;
  }
  auto answered = [this, inode, key, asked = core_.parts.scheduler.now()](Result<ObjectInfo> info) {
    learned(inode, key, asked, std::move(info));
  };
  core_.parts.store.head({.key = key}, core_.tracked<ObjectInfo>(std::move(answered)));
}

void AttributeLoader::learned(const InodePtr& inode, const std::string& key, Scheduler::Time asked,
                              Result<ObjectInfo> info) {
  std::unique_ptr<std::vector<Done<void>>> waiters;
  {
    const MutexLock lock(core_.tree.mutex);
    waiters = std::move(inode->attribute_waiters);
    // Renamed meanwhile: the answer is about something else, and whoever asks next asks anew.
    const Result<std::string> present = object_key(*inode);
    const bool same = present && *present == key && !known(*inode);
    const bool no_marker = !info && info.code() == Code::not_found && inode->directory != nullptr;
    if (same && (no_marker || (info && is_as_known(core_, *inode, *info)))) {
      inode->stored_known = true;
    } else if (same && info) {
      core_.tree.learn_object(inode, *info, asked);
    } else if (same && info.code() == Code::not_found) {
      inode->told = {};  // who looks the name up next finds out what has become of it
    }
  }
  const Result<void> result = info ? Result<void>() : Result<void>(info.error());
  for (Done<void>& waiter : *waiters) waiter(result);
}

Result<std::string> AttributeLoader::object_key(const Inode& inode) const {
  return inode.directory != nullptr ? core_.marker_key(inode) : core_.tree.key_of(inode);
}

void AttributeLoader::ensure(const InodePtr& inode, Done<void> done) {
  InodePtr directory;
  bool root = false;
  std::vector<InodePtr> further;
  {
    const MutexLock lock(core_.tree.mutex);
    if (!settled(*inode)) {
      directory = inode->parent;
      root = directory == nullptr;
    } else if (inode->named() && inode->parent->directory->carried == Carried::some) {
      further = neighbours(inode);  // this one was asked for ahead: go on
    }
  }
  for (const InodePtr& next : further) learn(next, [](const Result<void>&) {});
  auto shown = [done = std::move(done)](const Result<void>& learned) mutable {
    const bool shown_as_listed =
        !learned && (learned.code() == Code::not_found || learned.code() == Code::access_denied);
    done(shown_as_listed ? Result<void>() : learned);
  };
  if (root) return learn(inode, std::move(shown));
  if (directory == nullptr) return shown({});
  when_sampled(directory, [this, inode, shown = std::move(shown)]() mutable {
    std::vector<InodePtr> ahead;
    bool wanted = false;
    {
      const MutexLock lock(core_.tree.mutex);
      wanted = may_carry(*inode);
      if (wanted) ahead = neighbours(inode);
    }
    if (!wanted) return shown({});
    learn(inode, std::move(shown));
    for (const InodePtr& next : ahead) learn(next, [](const Result<void>&) {});
  });
}

/// The files behind this one that are worth asking for now: none for a lone question, more and more
/// while they come in order.
std::vector<InodePtr> AttributeLoader::neighbours(const InodePtr& inode) {
  const InodePtr directory = inode->parent;
  DirectoryState& state = *directory->directory;
  // What was known already may have been passed over.
  uint32_t skipped = 0;
  bool in_order = false;
  state.children.visit(state.last_asked, [&](NameTable::Slot slot) {
    in_order = slot.node() == inode.get();
    return !in_order && ++skipped <= most_skipped && known(slot);
  });
  state.asked_in_order = in_order ? state.asked_in_order + 1 : 0;
  state.last_asked = inode->name;
  std::vector<InodePtr> ahead;
  if (!in_order || state.asked_in_order < 2) return ahead;
  const uint32_t window = std::min(most_ahead, 4U << std::min(state.asked_in_order, 4U));
  std::vector<std::string> names;
  state.children.visit(inode->name, [&](NameTable::Slot slot) {
    if (names.size() == window) return false;
    names.emplace_back(slot.name());
    return true;
  });
  for (const std::string& name : names) {
    if (known(state.children.find(name))) continue;
    InodePtr next = core_.tree.child(*directory, name);
    if (next->attribute_waiters == nullptr && may_carry(*next)) ahead.push_back(std::move(next));
  }
  return ahead;
}

}  // namespace penstock
