// SPDX-License-Identifier: Apache-2.0
#include "fs/changes/unlink.h"

#include <utility>

#include "fs/changes/parent_directory.h"
#include "fs/changes/removal.h"
#include "fs/changes/store_below.h"

namespace penstock {

void Unlink::start() {
  if (waits_for_name(parent_)) return;
  if (core_.stopping) return done_(mount_is_ending());
  parts_.resolver.resolve(parent_, name_,
                          [this, self = shared_from_this()](const Result<InodePtr>& inode) {
                            if (!inode) return done_(inode.error());
                            found(*inode);
                          });
}

void Unlink::found(const InodePtr& inode) {
  if (inode->type == FileType::directory) return done_(Error(Code::is_a_directory));
  if (waits_for_name(inode) || waits_for_turn(parent_, name_) || !use_directories({parent_}))
    return;
  inode_ = inode;
  keep_directory(core_, parent_, name_, [this, self = shared_from_this()](Result<void> kept) {
    if (!kept) return finish(std::move(kept));
    stop_storing();
  });
}

/// An object must not appear after its deletion.
void Unlink::stop_storing() {
  std::optional<Error> lost;
  {
    const MutexLock lock(core_.tree.mutex);
    if (!inode_->named()) lost = name_lost(*inode_);
  }
  if (lost) return finish(*lost);
  leaving_.emplace(parts_, inode_);
  leaving_->stop(
      [this, self = shared_from_this()] { leaving_->held() ? remove_held() : remove_settled(); });
}

void Unlink::remove_settled() {
  bool unsent = false;
  {
    Deferred after;
    const MutexLock lock(core_.tree.mutex);
    if (inode_->local_only && inode_->handles > 0 && inode_->writer() != nullptr) {
      // Nothing of it is in the store: it goes on existing for those who have it open, and ends
      // with them.
      const std::string key = parts_.deleted.new_key();
      if (inode_->writer()->rename({.key = key}, nullptr, after)) inode_->kept_key = key;
    }
    unsent = inode_->local_only && (inode_->handles == 0 || !inode_->kept_key.empty());
  }
  if (unsent) return remove_kept();
  leaving_->keep_open([this, self = shared_from_this()] { remove_kept(); });
}

void Unlink::remove_kept() {
  std::string key;
  std::optional<Error> lost;
  {
    const MutexLock lock(core_.tree.mutex);
    if (!inode_->named()) {
      lost = name_lost(*inode_);
    } else if (!inode_->local_only || !inode_->replaces.empty()) {
      // What it has replaced by a rename may still be there.
      key = core_.tree.name_key(*inode_).value();
    } else {
      detach_deleted(core_, inode_);
    }
  }
  if (lost) return removed(*lost);
  if (!key.empty()) return remove_from_store(key);
  parts_.committer.writing_ended(inode_);
  removed({});
}

void Unlink::remove_held() {
  std::string key;
  std::optional<Error> lost;
  {
    const MutexLock lock(core_.tree.mutex);
    const bool never_sent =
        !leaving_->may_be_sent() && inode_->local_only && inode_->replaces.empty();
    if (!inode_->named()) {
      lost = name_lost(*inode_);
    } else if (never_sent) {
      detach_deleted(core_, inode_);
    } else {
      key = core_.tree.name_key(*inode_).value();
    }
  }
  if (lost) return removed(*lost);
  if (key.empty()) {
    const InodePtr inode = inode_;
    Committer& committer = parts_.committer;
    removed({});
    return committer.writing_ended(inode);
  }
  leaving_->doom([this, key, self = shared_from_this()](Result<void> noted) {
    if (!noted) return removed(std::move(noted));
    leaving_->keep_open([this, key, self] { remove_from_store(key); });
  });
}

void Unlink::remove_from_store(const std::string& key) {
  remove_key(
      parts_, inode_, key, core_.parts.scheduler.now(),
      [this, self = shared_from_this()](Result<void> result) { removed(std::move(result)); });
}

void Unlink::removed(Result<void> result) {
  if (result) {
    return leaving_->goes([this, self = shared_from_this()](Result<void> disclaimed) {
      finish(std::move(disclaimed));
    });
  }
  if (result.code() == Code::not_found) {
    leaving_->left_to_another();
  } else {
    leaving_->stays();
  }
  finish(std::move(result));
}

void Unlink::finish(Result<void> result) {
  leave_directories();
  done_(std::move(result));
}

}  // namespace penstock
