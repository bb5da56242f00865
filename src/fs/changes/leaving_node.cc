// SPDX-License-Identifier: Apache-2.0
#include "fs/changes/leaving_node.h"

#include <optional>
#include <utility>

#include "fs/changes/copied_files.h"
#include "fs/changes/store_below.h"

namespace penstock {

void LeavingNode::stop(Callback<void()> done) {
  std::shared_ptr<FileDurability> writer;
  {
    const MutexLock lock(core_.tree.mutex);
    writer = inode_->writer();
  }
  // Opens wait at once: a handle that was opened after keep_open looked would get no copy to go on
  // with.
  leaving_ = core_.leave(inode_);
  if (writer == nullptr) return core_.when_quiet(inode_, std::move(done));
  // An upload that is held ends by itself, and what is under way is not waited for: a write may
  // wait for room on the journal's disk, which this deletion is to make.
  FileDurability& holds = *writer;
  holds.hold(core_.tracked<Held>(
      [this, writer = std::move(writer), done = std::move(done)](const Result<Held>& held) mutable {
        if (*held == Held::no) return core_.when_quiet(inode_, std::move(done));
        held_ = std::move(writer);
        may_be_sent_ = *held == Held::maybe_sent;
        when_saved(std::move(done));
      }));
}

void LeavingNode::when_saved(Callback<void()> done) {
  {
    const MutexLock lock(core_.tree.mutex);
    if (inode_->saving_attributes) return inode_->after_commits.push_back(std::move(done));
  }
  done();
}

void LeavingNode::keep_open(Callback<void()> done) {
  bool open = false;
  {
    const MutexLock lock(core_.tree.mutex);
    open = inode_->handles > 0 && inode_->type == FileType::file && inode_->named();
  }
  if (!open) return done();
  if (held()) {
    // What was promised needs no copy; its base does.
    std::optional<ObjectInfo> base = held_->base();
    if (!base) return done();
    return copy_for_handles(
        {.source = std::move(base->key), .size = base->size, .etag = std::move(base->etag)},
        std::move(done));
  }
  // A file that is being written is stored under its name first, and copied from there: the parts
  // that were sent belong to an upload of that key.
  store_below(parts_, inode_, [this, done = std::move(done)](const Result<void>& stored) mutable {
    CopyObject copy;
    {
      const MutexLock lock(core_.tree.mutex);
      const Result<std::string> key = core_.tree.name_key(*inode_);
      const bool nothing = !stored || !key || inode_->local_only || inode_->etag.empty();
      if (!nothing) copy = {.source = *key, .size = inode_->size, .etag = inode_->etag};
    }
    if (copy.source.empty()) return done();
    copy_for_handles(std::move(copy), std::move(done));
  });
}

void LeavingNode::copy_for_handles(CopyObject copy, Callback<void()> done) {
  copy.target = parts_.deleted.new_key();
  copy.metadata.emplace();  // nobody sees any
  parts_.deleted.lease(
      [this, copy = std::move(copy), done = std::move(done)](const Result<void>& leased) mutable {
        const std::string key = copy.target;
        if (!leased) {
          copied_for_handles(key, leased.error());
          return done();
        }
        core_.parts.copier.copy(
            std::move(copy), core_.tracked<ObjectInfo>([this, key, done = std::move(done)](
                                                           const Result<ObjectInfo>& info) mutable {
              copied_for_handles(key, info);
              done();
            }));
      });
}

void LeavingNode::copied_for_handles(const std::string& key, const Result<ObjectInfo>& info) {
  std::shared_ptr<FileWriter> old;
  bool used = false;
  if (info) {
    const MutexLock lock(core_.tree.mutex);
    used = inode_->handles > 0;
    if (used) old = go_on_with(key, info->etag);
  } else {
    core_.parts.log->warning("a file is deleted while it is open, and who has it open loses it: {}",
                             info.error().describe());
  }
  if (!used) parts_.deleted.drop({.key = key, .leased = true});
  abandon(core_, std::move(old));
}

std::shared_ptr<FileWriter> LeavingNode::go_on_with(const std::string& key, const ETag& etag) {
  inode_->kept_key = key;
  inode_->kept_copy = true;
  inode_->name_etag = inode_->etag;
  if (inode_->writer() != nullptr) inode_->writer()->base_moved(key, etag);
  return follow_copy(core_, *inode_, etag);
}

void LeavingNode::keep_name() {
  DeletedFiles::Copy copy;
  std::shared_ptr<FileWriter> old;
  {
    Deferred after;
    const MutexLock lock(core_.tree.mutex);
    if (inode_->kept_key.empty() || !inode_->named()) return;
    copy = DeletedFiles::take(*inode_);
    inode_->kept_key.clear();
    const std::string key = core_.tree.key_of(*inode_).value();
    if (inode_->local_only && inode_->writer() != nullptr) {
      inode_->writer()->rename({.key = key}, nullptr, after);  // never stored
      return;
    }
    if (inode_->writer() != nullptr) inode_->writer()->base_moved(key, inode_->name_etag);
    old = follow_copy(core_, *inode_, std::exchange(inode_->name_etag, {}));
  }
  abandon(core_, std::move(old));
  parts_.deleted.drop(copy);
}

void LeavingNode::goes(Done<void> done) {
  leaving_.end();
  if (!held()) return done({});
  held_->disclaim(core_.tracked<void>(std::move(done)));
}

void LeavingNode::stays() {
  keep_name();
  if (held()) held_->release();
  leaving_.end();
  if (held()) parts_.committer.plan_upload(inode_);
}

void LeavingNode::left_to_another() {
  keep_name();
  leaving_.end();
}

}  // namespace penstock
