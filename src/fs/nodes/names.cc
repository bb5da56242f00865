// SPDX-License-Identifier: Apache-2.0
// Names that are about to go, and who waits for them.
#include <algorithm>
#include <utility>

#include "fs/nodes/core.h"
#include "fs/nodes/inode_record.h"

namespace penstock {
namespace {

bool is_or_lies_below(const Inode& inode, const Inode& above) {
  const Inode* at = &inode;
  while (at != nullptr && at != &above) at = at->parent.get();
  return at != nullptr;
}

/// Takes out the waiters whose wait is over.
std::vector<FsCore::NameWaiter> take(std::vector<FsCore::NameWaiter>& waiters,
                                     const std::vector<bool>& over) {
  std::vector<FsCore::NameWaiter> taken;
  std::vector<FsCore::NameWaiter> left;
  for (size_t i = 0; i < waiters.size(); ++i)
    (over[i] ? taken : left).push_back(std::move(waiters[i]));
  waiters = std::move(left);
  return taken;
}

/// Of the inode and all below it.
void forget_age(Inode& inode) {
  inode.told = {};
  if (inode.directory == nullptr) return;
  inode.directory->doubt_absences();
  inode.directory->children.each([](NameTable::Slot slot) {
    if (slot.node() != nullptr) {
      forget_age(inode_at(slot));
    } else {
      slot.record()->told = {};
    }
    return true;
  });
}

}  // namespace

bool FsCore::leaving(const Inode& inode) const {
  if (names_leaving == 0) return false;
  const Inode* at = &inode;
  while (at != nullptr && at->leaving == 0) at = at->parent.get();
  return at != nullptr;
}

bool FsCore::quiet(const Inode& inode) const {
  return std::none_of(busy.begin(), busy.end(),
                      [&](const Inode* working) { return is_or_lies_below(*working, inode); });
}

void FsCore::quiesce(const InodePtr& inode, Callback<void()> quiet_now) {
  {
    const MutexLock lock(tree.mutex);
    ++inode->leaving;
    ++names_leaving;
    if (!quiet(*inode)) return quiet_waiters.push_back({inode, std::move(quiet_now)});
  }
  quiet_now();
}

void FsCore::resume(const InodePtr& inode) {
  std::vector<NameWaiter> settled;
  {
    const MutexLock lock(tree.mutex);
    --inode->leaving;
    --names_leaving;
    std::vector<bool> over;
    for (const NameWaiter& waiter : name_waiters) over.push_back(!leaving(*waiter.inode));
    settled = take(name_waiters, over);
  }
  for (NameWaiter& waiter : settled) waiter.work();
}

void FsCore::when_name_settled(const InodePtr& inode, Callback<void()> work) {
  {
    const MutexLock lock(tree.mutex);
    if (leaving(*inode)) {
      return wait_for_name(inode, [this, inode, work = std::move(work)]() mutable {
        when_name_settled(inode, std::move(work));
      });
    }
  }
  work();
}

void FsCore::begin_work(Inode& inode) {
  if (inode.busy++ == 0) busy.insert(&inode);
}

void FsCore::end_work(Inode& inode) {
  std::vector<NameWaiter> waited;
  {
    const MutexLock lock(tree.mutex);
    if (--inode.busy == 0) busy.erase(&inode);
    if (quiet_waiters.empty()) return;
    std::vector<bool> over;
    for (const NameWaiter& waiter : quiet_waiters) over.push_back(quiet(*waiter.inode));
    waited = take(quiet_waiters, over);
  }
  for (NameWaiter& waiter : waited) waiter.work();
}

Error FsCore::already_there(const InodePtr& directory, const std::string& name) {
  const MutexLock lock(tree.mutex);
  tree.note_taken(*directory, name);
  return Error(Code::already_exists);
}

void FsCore::look_anew(const std::string& key) {
  if (!key.starts_with(own.prefix) || key.starts_with(own.root)) return;
  std::string_view path = std::string_view(key).substr(own.prefix.size());
  if (path.ends_with('/')) path.remove_suffix(1);
  InodeId parent = 0;
  std::optional<std::string> last;
  {
    const MutexLock lock(tree.mutex);
    InodePtr directory = tree.root();
    for (size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/')) {
      directory->directory->doubt_absences();
      const auto component = tree.keys.name_of(path.substr(0, slash));
      directory = component ? tree.child(*directory, *component) : nullptr;
      if (directory == nullptr || directory->type != FileType::directory) return;
      path.remove_prefix(slash + 1);
    }
    directory->directory->doubt_absences();
    last = tree.keys.name_of(path);
    if (!last) return;
    if (const InodePtr known = tree.child(*directory, *last)) forget_age(*known);
    parent = directory->id;
  }
  kernel.forget_entry(parent, std::move(*last));
}

}  // namespace penstock
