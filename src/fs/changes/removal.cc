// SPDX-License-Identifier: Apache-2.0
#include "fs/changes/removal.h"

#include <utility>

#include "base/wall_clock.h"

namespace penstock {

void detach_deleted(FsCore& core, const InodePtr& inode) {
  core.tree.note_change(*inode->parent, inode->name);
  Tree::names_changed(*inode->parent);
  inode->ctime_ns = wall_clock_ns();
  core.tree.detach(inode, Binding::deleted);
}

void remove_key(const ChangeParts& parts, const InodePtr& inode, const std::string& key,
                Scheduler::Time since, Done<void> done) {
  parts.core.parts.store.remove(
      key, parts.core.tracked<void>(
               [&parts, inode, since, done = std::move(done)](Result<void> removed) mutable {
                 if (!removed) return done(std::move(removed));
                 {
                   FsCore& core = parts.core;
                   const MutexLock lock(core.tree.mutex);
                   if (inode->named()) {
                     core.tree.note_absent(*inode->parent, inode->name, since);
                     detach_deleted(core, inode);
                   }
                 }
                 parts.committer.writing_ended(inode);
                 done({});
               }));
}

}  // namespace penstock
