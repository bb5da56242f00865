// SPDX-License-Identifier: Apache-2.0
// FileOperations: reads of objects that may be archived, and what of them is in the cache.
#include <utility>

#include "fs/files/file_operations.h"

namespace penstock {

void FileOperations::read_restored(const FileHandlePtr& handle, ByteRange range,
                                   const std::stop_token& cancel, uint32_t tries,
                                   Done<Slices> done) {
  bool archived = false;
  uint64_t size = 0;
  {
    const MutexLock lock(core_.tree.mutex);
    archived = handle->inode->archive == Inode::Archive::yes;
    size = handle->inode->size;
  }
  if (!archived) return read_or_restore(handle, range, cancel, tries, std::move(done));
  // The store is not asked for what it would refuse; but the cache may have all of it.
  auto known = [this, handle, range, cancel, tries, size,
                done = std::move(done)](const Result<CacheShare>& share) mutable {
    const bool cached = share && share->present >= size;
    cached ? read_or_restore(handle, range, cancel, tries, std::move(done))
           : restore_and_read(handle, range, cancel, tries, std::move(done));
  };
  share_of(*handle, core_.tracked<CacheShare>(std::move(known)));
}

void FileOperations::read_or_restore(const FileHandlePtr& handle, ByteRange range,
                                     const std::stop_token& cancel, uint32_t tries,
                                     Done<Slices> done) {
  auto answered = [this, handle, range, cancel, tries,
                   done = std::move(done)](Result<Slices> slices) mutable {
    const bool refused = !slices && slices.code() == Code::archived;
    if (!refused || tries == 0) return done(std::move(slices));
    restore_and_read(handle, range, cancel, tries, std::move(done));
  };
  read_object(handle, range, cancel, true, core_.tracked<Slices>(std::move(answered)));
}

void FileOperations::restore_and_read(const FileHandlePtr& handle, ByteRange range,
                                      const std::stop_token& cancel, uint32_t tries,
                                      Done<Slices> done) {
  auto ready = [this, handle, range, cancel, tries,
                done = std::move(done)](const Result<void>& readable) mutable {
    if (!readable) return done(readable.error());
    read_restored(handle, range, cancel, tries == 0 ? 0 : tries - 1, std::move(done));
  };
  archived_.met(handle->inode, cancel, core_.tracked<void>(std::move(ready)));
}

void FileOperations::cache_share(FileHandle& handle, Done<CacheShare> done) {
  const InodePtr inode = handle.inode;
  auto told = [this, inode, done = std::move(done)](Result<CacheShare> share) mutable {
    if (share && share->limit != 0) {
      const MutexLock lock(core_.tree.mutex);
      share->archived = inode->archive == Inode::Archive::yes ? 1 : 0;
    }
    done(std::move(share));
  };
  bool open_question = false;
  {
    const MutexLock lock(core_.tree.mutex);
    open_question = inode->archive != Inode::Archive::no;
  }
  if (!open_question) return share_of(handle, std::move(told));
  // The kernel releases the handle only after the reply.
  archived_.look(inode, [this, &handle, told = std::move(told)]() mutable {
    share_of(handle, std::move(told));
  });
}

void FileOperations::share_of(FileHandle& handle, Done<CacheShare> done) {
  std::shared_ptr<ObjectReader> reader;
  std::shared_ptr<ObjectReader> dropped;
  {
    const MutexLock lock(core_.tree.mutex);
    const Inode& inode = *handle.inode;
    // What is not stored yet is nothing that a cache could have.
    if (inode.writer == nullptr && !inode.etag.empty()) {
      auto found = reader_for(handle, dropped);
      if (found) reader = std::move(*found);
    }
  }
  if (reader == nullptr) return done(CacheShare{});
  // The kernel releases the handle, which holds the reader, only after the reply.
  reader->cache_share(core_.tracked<CacheShare>(std::move(done)));
}

}  // namespace penstock
