// SPDX-License-Identifier: Apache-2.0
#include "fs/nodes/name_lock.h"

#include <algorithm>

namespace penstock {
namespace {

bool is_or_lies_below(const Inode& inode, const Inode& above) {
  const Inode* at = &inode;
  while (at != nullptr && at != &above) at = at->parent.get();
  return at != nullptr;
}

}  // namespace

/// Takes out the waiters whose wait is over.
std::vector<NameLock::Waiter> NameLock::take(std::vector<Waiter>& waiters,
                                             const std::vector<bool>& over) {
  std::vector<Waiter> taken;
  std::vector<Waiter> left;
  for (size_t i = 0; i < waiters.size(); ++i)
    (over[i] ? taken : left).push_back(std::move(waiters[i]));
  waiters = std::move(left);
  return taken;
}

bool NameLock::leaving(const Inode& inode) const {
  if (names_leaving_ == 0) return false;
  const Inode* at = &inode;
  while (at != nullptr && !at->claims.leaving()) at = at->parent.get();
  return at != nullptr;
}

bool NameLock::quiet(const Inode& inode) const {
  return std::none_of(in_use_.begin(), in_use_.end(),
                      [&](const Inode* used) { return is_or_lies_below(*used, inode); });
}

NameLock::Use NameLock::use(const InodePtr& inode) {
  if (inode->claims.uses_++ == 0) in_use_.insert(inode.get());
  return Use(*this, inode);
}

void NameLock::end_use(Inode& inode) {
  std::vector<Waiter> waited;
  {
    const MutexLock lock(tree.mutex);
    if (--inode.claims.uses_ == 0) in_use_.erase(&inode);
    if (quiet_waiters_.empty()) return;
    std::vector<bool> over;
    for (const Waiter& waiter : quiet_waiters_) over.push_back(quiet(*waiter.inode));
    waited = take(quiet_waiters_, over);
  }
  for (Waiter& waiter : waited) waiter.work();
}

NameLock::Leaving NameLock::leave(const InodePtr& inode) {
  const MutexLock lock(tree.mutex);
  ++inode->claims.leaving_;
  ++names_leaving_;
  return Leaving(*this, inode);
}

void NameLock::stay(Inode& inode) {
  std::vector<Waiter> settled;
  {
    const MutexLock lock(tree.mutex);
    --inode.claims.leaving_;
    --names_leaving_;
    std::vector<bool> over;
    for (const Waiter& waiter : name_waiters_) over.push_back(!leaving(*waiter.inode));
    settled = take(name_waiters_, over);
  }
  for (Waiter& waiter : settled) waiter.work();
}

void NameLock::when_quiet(const InodePtr& inode, Callback<void()> work) {
  {
    const MutexLock lock(tree.mutex);
    if (!quiet(*inode)) return quiet_waiters_.push_back({inode, std::move(work)});
  }
  work();
}

void NameLock::when_name_settled(const InodePtr& inode, Callback<void()> work) {
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

}  // namespace penstock
