// SPDX-License-Identifier: Apache-2.0
// NameOperations: files that lose their name while they are open.
#include <utility>

#include "fs/changes/name_operations.h"

namespace penstock {

void NameOperations::end_storing(const InodePtr& inode, Done<Stopped> done) {
  std::shared_ptr<FileDurability> writer;
  {
    const MutexLock lock(core_.tree.mutex);
    writer = inode->writer;
  }
  // Opens wait at once: a handle that was opened after keep_open looked would get no copy to go on
  // with.
  Stopped stopped{.leaving = core_.leave(inode)};
  if (writer == nullptr) return when_stored(inode, std::move(stopped), std::move(done));
  // An upload that is held ends by itself, and what is under way is not waited for: a write may
  // wait for room on the journal's disk, which this deletion is to make.
  writer->hold(core_.tracked<Held>([this, inode, writer, stopped = std::move(stopped),
                                    done = std::move(done)](const Result<Held>& held) mutable {
    if (*held == Held::no) return when_stored(inode, std::move(stopped), std::move(done));
    stopped.held = writer;
    stopped.may_be_sent = *held == Held::maybe_sent;
    done(std::move(stopped));
  }));
}

void NameOperations::when_stored(const InodePtr& inode, Stopped stopped, Done<Stopped> done) {
  core_.when_quiet(inode, [stopped = std::move(stopped), done = std::move(done)]() mutable {
    done(std::move(stopped));
  });
}

void NameOperations::keep_open(const InodePtr& inode, const FileDurability* held,
                               Callback<void()> done) {
  bool open = false;
  {
    const MutexLock lock(core_.tree.mutex);
    open = inode->handles > 0 && inode->type == FileType::file && inode->named();
  }
  if (!open) return done();
  if (held != nullptr) {
    // What was promised needs no copy; its base does.
    std::optional<ObjectInfo> base = held->base();
    if (!base) return done();
    return copy_for_handles(
        inode, {.source = std::move(base->key), .size = base->size, .etag = std::move(base->etag)},
        std::move(done));
  }
  // A file that is being written is stored under its name first, and copied from there: the parts
  // that were sent belong to an upload of that key.
  store_rest(inode, [this, inode, done = std::move(done)](const Result<void>& stored) mutable {
    CopyObject copy;
    {
      const MutexLock lock(core_.tree.mutex);
      const Result<std::string> key = core_.tree.name_key(*inode);
      const bool nothing = !stored || !key || inode->local_only || inode->etag.empty();
      if (!nothing) copy = {.source = *key, .size = inode->size, .etag = inode->etag};
    }
    if (copy.source.empty()) return done();
    copy_for_handles(inode, std::move(copy), std::move(done));
  });
}

void NameOperations::copy_for_handles(const InodePtr& inode, CopyObject copy,
                                      Callback<void()> done) {
  copy.target = deleted_.new_key();
  copy.metadata.emplace();  // nobody sees any
  deleted_.lease([this, inode, copy = std::move(copy),
                  done = std::move(done)](const Result<void>& leased) mutable {
    auto copied = [this, inode, key = copy.target,
                   done = std::move(done)](const Result<ObjectInfo>& info) mutable {
      if (!info) {
        core_.parts.log->warning(
            "a file is deleted while it is open, and who has it open loses it: {}",
            info.error().describe());
        deleted_.drop({.key = key, .leased = true});
        return done();
      }
      std::shared_ptr<FileWriter> old;
      bool closed = false;
      {
        const MutexLock lock(core_.tree.mutex);
        closed = inode->handles == 0;
        if (!closed) old = go_on_with(*inode, key, info->etag);
      }
      if (closed) deleted_.drop({.key = key, .leased = true});
      abandon(std::move(old));
      done();
    };
    if (!leased) return copied(leased.error());
    core_.parts.copier.copy(std::move(copy), core_.tracked<ObjectInfo>(std::move(copied)));
  });
}

std::shared_ptr<FileWriter> NameOperations::go_on_with(Inode& inode, const std::string& key,
                                                       const ETag& etag) {
  inode.kept_key = key;
  inode.kept_copy = true;
  inode.name_etag = inode.etag;
  if (inode.writer != nullptr) inode.writer->base_moved(key, etag);
  return follow_copy(inode, etag);
}

void NameOperations::keep_name(const InodePtr& inode) {
  DeletedFiles::Copy copy;
  std::shared_ptr<FileWriter> old;
  {
    Deferred after;
    const MutexLock lock(core_.tree.mutex);
    if (inode->kept_key.empty() || !inode->named()) return;
    copy = DeletedFiles::take(*inode);
    inode->kept_key.clear();
    const std::string key = core_.tree.key_of(*inode).value();
    if (inode->local_only && inode->writer != nullptr) {
      inode->writer->rename({.key = key}, nullptr, after);  // never stored
      return;
    }
    if (inode->writer != nullptr) inode->writer->base_moved(key, inode->name_etag);
    old = follow_copy(*inode, std::exchange(inode->name_etag, {}));
  }
  abandon(std::move(old));
  deleted_.drop(copy);
}

void NameOperations::name_stays(const InodePtr& inode, FileDurability* held,
                                NameLock::Leaving leaving) {
  keep_name(inode);
  if (held != nullptr) held->release();
  leaving.end();
}

}  // namespace penstock
