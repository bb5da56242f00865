// SPDX-License-Identifier: Apache-2.0
#include "fs/files/file_reads.h"

#include <utility>

namespace penstock {
namespace {

/// A read that meets a version which this mount itself has just replaced is repeated with the new
/// one: so often.
constexpr uint32_t most_own_changes = 200;

/// A read that was told that the object can be read, and was refused, asks again: so often.
constexpr uint32_t most_restored = 3;

}  // namespace

void FileReads::read(const FileHandlePtr& handle, ByteRange range, std::stop_token cancel,
                     Done<Slices> done) {
  read_present(handle, range, std::move(cancel), most_own_changes, std::move(done));
}

void FileReads::read_present(const FileHandlePtr& handle, ByteRange range, std::stop_token cancel,
                             uint32_t tries, Done<Slices> done) {
  const uint64_t version = handle->inode->local_version;
  auto checked = [this, handle, range, cancel, tries, version,
                  done = std::move(done)](Result<Slices> slices) mutable {
    bool own_change = false;
    bool wait = false;
    bool moving = false;
    // A writer that was asked just before it was dropped answers that it was cancelled; and the
    // store does for a read that was interrupted.
    const bool dropped = !slices && slices.code() == Code::cancelled;
    const bool other_version = !slices && (dropped || slices.code() == Code::changed);
    if (other_version && tries > 0 && !cancel.stop_requested()) {
      const MutexLock lock(core_.tree.mutex);
      const Inode& inode = *handle->inode;
      wait = inode.commits_running > 0;
      // A rename of the file is under way, and the store may have the object under the new key
      // already: which one holds is known when the rename is over.
      moving = core_.leaving(inode);
      own_change = wait || moving || dropped || inode.local_version != version;
    }
    if (dropped && cancel.stop_requested()) return done(Error(Code::interrupted));
    if (!own_change && !slices) return done(look_up_again(slices.error()));
    if (!own_change) return done(std::move(slices));
    auto again = [this, handle, range, cancel, tries, done = std::move(done)]() mutable {
      read_present(handle, range, std::move(cancel), tries - 1, std::move(done));
    };
    if (moving) return core_.when_name_settled(handle->inode, std::move(again));
    wait ? committer_.when_stored(handle->inode, std::move(again)) : again();
  };
  read_once(handle, range, std::move(cancel), core_.tracked<Slices>(std::move(checked)));
}

void FileReads::read_once(const FileHandlePtr& handle, ByteRange range, std::stop_token cancel,
                          Done<Slices> done) {
  std::shared_ptr<FileBytes> writer;
  if (handle->inode->has_writer()) {
    const MutexLock lock(core_.tree.mutex);
    const Inode& inode = *handle->inode;
    // While its commit is being answered the writer is clean, and the object's ETag is not known.
    // Of a deleted file nothing is promised, or to be stored, any more: the writer has its bytes.
    const bool newer = inode.writer() != nullptr &&
                       (inode.writer()->dirty() || inode.commits_running > 0 || inode.deleted());
    if (newer) writer = inode.writer();
  }
  if (writer != nullptr) return writer->read(range, std::move(cancel), std::move(done));
  read_restored(handle, range, cancel, most_restored, std::move(done));
}

Result<std::shared_ptr<HandleVersion>> FileReads::find_version(FileHandle& handle) {
  // Once a handle has begun to read a version, which has bytes, it goes on without the lock of the
  // names until this mount stores another one.
  const uint64_t local_version = handle.inode->local_version;
  std::shared_ptr<HandleVersion> version = handle.reads.get();
  if (version != nullptr && version->local_version == local_version) return version;
  std::shared_ptr<HandleVersion> dropped;
  const MutexLock lock(core_.tree.mutex);
  if (handle.inode->size == 0) return std::shared_ptr<HandleVersion>();
  return version_for(core_, handle, dropped);
}

void FileReads::read_object(const FileHandlePtr& handle, ByteRange range,
                            const std::stop_token& cancel, bool may_restart, Done<Slices> done) {
  const Result<std::shared_ptr<HandleVersion>> found = find_version(*handle);
  if (!found) return done(found.error());
  const std::shared_ptr<HandleVersion>& version = *found;
  if (version == nullptr) return done(Slices{});
  version->reader->read(
      range, cancel,
      core_.tracked<Slices>([this, handle, range, cancel, may_restart, version,
                             done = std::move(done)](Result<Slices> slices) mutable {
        if (slices) {
          version->delivered = true;
          return done(std::move(slices));
        }
        read_failed(handle, range, cancel, may_restart, *version, slices.error(), std::move(done));
      }));
}

void FileReads::read_failed(const FileHandlePtr& handle, ByteRange range,
                            const std::stop_token& cancel, bool may_restart,
                            const HandleVersion& version, const Error& error, Done<Slices> done) {
  bool restart = false;
  // The kernel has pages of it, perhaps, which this read shows to be wrong.
  const bool wrong = error.code() == Code::corrupt;
  std::string replaced;
  // Let go of without the lock, see version_for.
  std::shared_ptr<HandleVersion> old;
  std::shared_ptr<ObjectReader> present;
  {
    const MutexLock lock(core_.tree.mutex);
    Inode& inode = *handle->inode;
    // Nothing of the old version has been seen by anyone: start over with the new one.
    restart = error.code() == Code::changed && may_restart && !version.delivered &&
              inode.handles == 1 && inode.named();
    present = inode.reader.lock();
    if (restart) {
      old = handle->reads.set(nullptr);
    } else if (present == version.reader && is_replaced(error, inode)) {
      replaced = core_.tree.key_of(inode).value();
      inode.reader.reset();  // one look is enough
    }
    if (wrong) {
      if (present == version.reader) inode.reader.reset();
      inode.cached_pages.clear();
    }
  }
  // Not before this read has its answer: the kernel waits for the page that it is for.
  if (wrong) {
    done = [this, id = handle->inode->id, done = std::move(done)](Result<Slices> answer) mutable {
      done(std::move(answer));
      core_.kernel.forget_data(id, [] {});
    };
  }
  // The next open shall see what the store has, however young our knowledge is.
  if (!replaced.empty()) core_.look_anew(replaced);
  if (!restart) return done(error);
  resolver_.revalidate(handle->inode, [this, handle, range, cancel,
                                       done = std::move(done)](const Result<void>& known) mutable {
    if (!known) return done(known.error().with_code(Code::changed));
    // The store has another version under the name, which has another inode since: this handle's is
    // gone.
    if (!has_name(handle->inode)) return done(Error(Code::changed));
    read_object(handle, range, cancel, false, std::move(done));
  });
}

bool FileReads::has_name(const InodePtr& inode) const {
  const MutexLock lock(core_.tree.mutex);
  return inode->named();
}

bool FileReads::is_replaced(const Error& error, const Inode& inode) {
  return error.code() == Code::changed && inode.named() && inode.commits_running == 0;
}

void FileReads::read_restored(const FileHandlePtr& handle, ByteRange range,
                              const std::stop_token& cancel, uint32_t tries, Done<Slices> done) {
  if (handle->inode->archive != Inode::Archive::yes)
    return read_or_restore(handle, range, cancel, tries, std::move(done));
  uint64_t size = 0;
  {
    const MutexLock lock(core_.tree.mutex);
    size = handle->inode->size;
  }
  // The store is not asked for what it would refuse; but the cache may have all of it.
  auto known = [this, handle, range, cancel, tries, size,
                done = std::move(done)](const Result<CacheShare>& share) mutable {
    const bool cached = share && share->present >= size;
    cached ? read_or_restore(handle, range, cancel, tries, std::move(done))
           : restore_and_read(handle, range, cancel, tries, std::move(done));
  };
  share_of(*handle, core_.tracked<CacheShare>(std::move(known)));
}

void FileReads::read_or_restore(const FileHandlePtr& handle, ByteRange range,
                                const std::stop_token& cancel, uint32_t tries, Done<Slices> done) {
  auto answered = [this, handle, range, cancel, tries,
                   done = std::move(done)](Result<Slices> slices) mutable {
    const bool refused = !slices && slices.code() == Code::archived;
    if (!refused || tries == 0) return done(std::move(slices));
    restore_and_read(handle, range, cancel, tries, std::move(done));
  };
  read_object(handle, range, cancel, true, core_.tracked<Slices>(std::move(answered)));
}

void FileReads::restore_and_read(const FileHandlePtr& handle, ByteRange range,
                                 const std::stop_token& cancel, uint32_t tries, Done<Slices> done) {
  auto ready = [this, handle, range, cancel, tries,
                done = std::move(done)](const Result<void>& readable) mutable {
    if (!readable) return done(readable.error());
    read_restored(handle, range, cancel, tries == 0 ? 0 : tries - 1, std::move(done));
  };
  archived_.met(handle->inode, cancel, core_.tracked<void>(std::move(ready)));
}

void FileReads::cache_share(FileHandle& handle, Done<CacheShare> done) {
  const InodePtr inode = handle.inode;
  auto told = [inode, done = std::move(done)](Result<CacheShare> share) mutable {
    if (share && share->limit != 0) share->archived = inode->archive == Inode::Archive::yes ? 1 : 0;
    done(std::move(share));
  };
  if (inode->archive == Inode::Archive::no) return share_of(handle, std::move(told));
  // The kernel releases the handle only after the reply.
  archived_.look(inode, [this, &handle, told = std::move(told)]() mutable {
    share_of(handle, std::move(told));
  });
}

void FileReads::share_of(FileHandle& handle, Done<CacheShare> done) {
  std::shared_ptr<ObjectReader> reader;
  std::shared_ptr<HandleVersion> dropped;
  {
    const MutexLock lock(core_.tree.mutex);
    const Inode& inode = *handle.inode;
    // What is not stored yet is nothing that a cache could have.
    if (inode.writer() == nullptr && !inode.etag.empty()) {
      auto found = version_for(core_, handle, dropped);
      if (found) reader = (*found)->reader;
    }
  }
  if (reader == nullptr) return done(CacheShare{});
  // The kernel releases the handle, which holds the reader, only after the reply.
  reader->cache_share(core_.tracked<CacheShare>(std::move(done)));
}

Result<std::shared_ptr<HandleVersion>> FileReads::version_for(
    FsCore& core, FileHandle& handle, std::shared_ptr<HandleVersion>& dropped) {
  const uint64_t local_version = handle.inode->local_version;
  std::shared_ptr<HandleVersion> version = handle.reads.get();
  if (version != nullptr && version->local_version == local_version) return version;
  Result<std::shared_ptr<ObjectReader>> reader = present_reader(core, handle.inode);
  if (!reader) return reader.error();
  version = std::make_shared<HandleVersion>(std::move(*reader), local_version);
  dropped = handle.reads.set(version);
  return version;
}

Result<std::shared_ptr<ObjectReader>> FileReads::present_reader(FsCore& core,
                                                                const InodePtr& inode) {
  std::shared_ptr<ObjectReader> reader = inode->reader.lock();
  if (reader != nullptr) return reader;
  Result<std::string> key = inode->stored_as != nullptr ? Result<std::string>(*inode->stored_as)
                                                        : core.tree.key_of(*inode);
  if (!key) return key.error();
  ObjectVersion version{.key = std::move(*key), .etag = inode->etag, .size = inode->size};
  // A get may end after the file system has: it must not keep either alive.
  reader = core.parts.reads.open(
      std::move(version), [weak_core = core.weak_from_this(), weak = std::weak_ptr<Inode>(inode),
                           asked = core.parts.scheduler.now()](const ObjectInfo& info) {
        const std::shared_ptr<FsCore> alive = weak_core.lock();
        const InodePtr known = weak.lock();
        if (alive == nullptr || known == nullptr) return;
        const MutexLock lock(alive->tree.mutex);
        if (known->etag == info.etag && !known->stored_known)
          alive->tree.learn_object(known, info, asked);
      });
  inode->reader = reader;
  return reader;
}

}  // namespace penstock
