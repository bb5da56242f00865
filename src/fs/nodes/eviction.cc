// SPDX-License-Identifier: Apache-2.0
// The bound on how many names are known: what nobody refers to is dropped, a few names at a time.
#include <algorithm>
#include <utility>

#include "fs/nodes/core.h"
#include "fs/nodes/inode_record.h"

namespace penstock {
namespace {

/// How many names are looked at under the lock at once: a tenth of a millisecond.
constexpr uint64_t names_at_once = 500;
/// How many names the kernel is asked to let go at once, at most.
constexpr size_t most_asked_for = 100'000;

/// Nothing but the kernel's memory of it keeps the file.
bool may_be_let_go(NameTable::Slot slot) {
  if (slot.type() != FileType::file || references_of(slot) == 0) return false;
  return slot.node() == nullptr || inode_at(slot).handles == 0;
}

}  // namespace

bool Tree::disposable(NameTable::Slot slot) {
  if (slot.record() != nullptr) return slot.record()->references == 0;
  // Beside the two of the tree and of this function, a pointer is somebody's who has just looked it
  // up.
  constexpr long own_pointers = 2;
  const InodePtr inode = by_number(slot.id());
  const DirectoryState* directory = inode->directory.get();
  return inode.use_count() == own_pointers && inode->references == 0 && inode->handles == 0 &&
         inode->writer() == nullptr && !inode->claims.in_use() && !inode->claims.leaving() &&
         !inode->local_only &&
         (directory == nullptr || (directory->children.empty() && directory->listing == nullptr &&
                                   directory->partial_listings == 0));
}

void Tree::touch(const Inode& directory) {
  if (!inodes_.contains(directory.id)) return;  // removed meanwhile
  by_use_.splice(by_use_.end(), by_use_, directory.directory->use);
}

void Tree::erase(const Inode& inode) {
  if (inode.directory != nullptr && inodes_.contains(inode.id)) by_use_.erase(inode.directory->use);
  inodes_.erase(inode.id);
}

/// A tenth less than allowed, so that this does not run for every new name.
uint64_t Tree::eviction_target() const { return metadata_.memory - metadata_.memory / 10; }

Tree::Eviction Tree::begin_eviction() {
  Eviction eviction;
  eviction.directories_left = by_use_.size();
  return eviction;
}

bool Tree::evict_some(Eviction& eviction) {
  uint64_t looked_at = 0;
  while (bytes() > eviction_target() && looked_at < names_at_once) {
    if (eviction.directory == nullptr) {
      if (eviction.directories_left == 0) return false;
      --eviction.directories_left;
      // What stays in it has been looked at as all others will be before it comes again.
      eviction.directory = by_number(by_use_.front()->id);
      eviction.after.clear();
      touch(*eviction.directory);
    }
    looked_at += 1 + evict_children(eviction, names_at_once - looked_at);
  }
  return bytes() > eviction_target();
}

uint64_t Tree::evict_children(Eviction& eviction, uint64_t most) {
  const InodePtr directory = eviction.directory;
  const NameTable& names = directory->directory->children;
  uint64_t looked_at = 0;
  bool ended = directory->directory->tree_walks > 0;
  while (!ended && bytes() > eviction_target()) {
    if (looked_at == most) return looked_at;
    ++looked_at;
    NameTable::Slot next;
    ended = names.visit(eviction.after, [&next](NameTable::Slot slot) {
      next = slot;
      return false;
    });
    if (ended) break;
    eviction.after = next.name();
    if (disposable(next)) {
      drop(directory, eviction.after);
    } else if (may_be_let_go(next) && eviction.kernel_holds.size() < most_asked_for) {
      eviction.kernel_holds.emplace_back(directory->id, eviction.after);
    }
  }
  eviction.directory.reset();
  return looked_at;
}

void Tree::drop(const InodePtr& directory, const std::string& name) {
  DirectoryState& state = *directory->directory;
  const NameTable::Slot slot = state.children.find(name);
  state.leave_to_listings(name, slot.type(), penstock::told_of(slot).at);
  if (const NamedNode* node = slot.node()) {
    const InodePtr inode = by_number(node->id);
    inode->parent.reset();
    inode->binding = Binding::vanished;
    state.children.erase(name);
    erase(*inode);
  } else {
    state.children.erase(name);
  }
  state.doubt_listings();
  ++state.evictions;
}

std::vector<std::pair<InodeId, std::string>> Tree::end_eviction(Eviction eviction) {
  const bool kept = bytes() <= eviction_target();
  // Where all of it is in use, the next try is worth its while when there is notably more.
  crowded_at_ = kept ? metadata_.memory : std::max(metadata_.memory, bytes() + bytes() / 20);
  if (kept) eviction.kernel_holds.clear();
  return std::move(eviction.kernel_holds);
}

std::vector<InodePtr> Tree::writing() {
  std::vector<InodePtr> result;
  for (auto it = writing_.begin(); it != writing_.end();) {
    InodePtr inode = it->second.lock();
    if (inode == nullptr || inode->writer() == nullptr) {
      it = writing_.erase(it);
    } else {
      result.push_back(std::move(inode));
      ++it;
    }
  }
  return result;
}

void FsCore::bound_names() {
  {
    const MutexLock lock(tree.mutex);
    tree.when_crowded([this] {
      parts.scheduler.post([this, living = living] {
        if (const auto pass = living.lock()) evict_names();
      });
    });
  }
}

void FsCore::evict_names() {
  Tree::Eviction eviction;
  bool more = true;
  {
    const MutexLock lock(tree.mutex);
    eviction = tree.begin_eviction();
  }
  while (more) {
    const MutexLock lock(tree.mutex);
    more = tree.evict_some(eviction);
  }
  std::vector<std::pair<InodeId, std::string>> kernel_holds;
  {
    const MutexLock lock(tree.mutex);
    kernel_holds = tree.end_eviction(std::move(eviction));
  }
  for (auto& [directory, name] : kernel_holds) kernel.forget_entry(directory, std::move(name));
}

}  // namespace penstock
