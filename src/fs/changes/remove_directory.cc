// SPDX-License-Identifier: Apache-2.0
#include "fs/changes/remove_directory.h"

#include <utility>

#include "fs/changes/parent_directory.h"
#include "fs/changes/removal.h"
#include "fs/changes/store_below.h"

namespace penstock {

void RemoveDirectory::start() {
  if (waits_for_name(parent_)) return;
  if (core_.stopping) return done_(mount_is_ending());
  parts_.resolver.resolve(parent_, name_,
                          [this, self = shared_from_this()](const Result<InodePtr>& inode) {
                            if (!inode) return done_(inode.error());
                            found(*inode);
                          });
}

void RemoveDirectory::found(const InodePtr& inode) {
  if (inode->type != FileType::directory) return done_(Error(Code::not_a_directory));
  if (waits_for_name(inode) || !use_directories({parent_})) return;
  inode_ = inode;
  // A write of the directory's marker that is under way ends first: the marker must not appear
  // after its deletion.
  leaving_.emplace(parts_, inode_);
  leaving_->stop([this, self = shared_from_this()] {
    looked_ = core_.parts.scheduler.now();
    check_empty(core_, inode_, [this, self](Result<void> empty) {
      if (!empty) return finish(std::move(empty));
      keep_parent();
    });
  });
}

void RemoveDirectory::keep_parent() {
  keep_directory(core_, parent_, name_, [this, self = shared_from_this()](Result<void> kept) {
    if (!kept) return finish(std::move(kept));
    remove();
  });
}

void RemoveDirectory::remove() {
  Result<std::string> key = std::string();
  {
    const MutexLock lock(core_.tree.mutex);
    key = core_.tree.name_key(*inode_);
    if (!key) key = name_lost(*inode_);
  }
  if (!key) return finish(key.error());
  remove_key(
      parts_, inode_, *key, looked_,
      [this, self = shared_from_this()](Result<void> removed) { finish(std::move(removed)); });
}

void RemoveDirectory::finish(Result<void> removed) {
  if (removed) {
    return leaving_->goes([this, self = shared_from_this()](Result<void> gone) {
      leave_directories();
      done_(std::move(gone));
    });
  }
  leaving_->stays();
  leave_directories();
  done_(std::move(removed));
}

}  // namespace penstock
