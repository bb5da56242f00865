// SPDX-License-Identifier: Apache-2.0
// fallocate(2), and lseek(2) to data and holes.
#include <utility>

#include "fs/files/file_operations.h"

namespace penstock {

/// Has `apply` change the contents, as a write does.
void FileOperations::change(const InodePtr& inode, ContentChange apply, Done<void> done) {
  std::shared_ptr<FileBytes> writer;
  NameLock::Use use;
  bool waits = false;
  {
    Deferred after;
    const MutexLock lock(core_.tree.mutex);
    if (core_.stopping) return after.answer(std::move(done), mount_is_ending());
    if (inode->vanished()) return after.answer(std::move(done), Tree::gone(*inode));
    waits = core_.leaving(*inode);
    if (!waits) writer = inode->writer();
    if (writer != nullptr) {
      use = core_.use(inode);
      note_written(*inode);
    }
  }
  if (waits) {
    return core_.when_name_settled(
        inode, [this, inode, apply = std::move(apply), done = std::move(done)]() mutable {
          change(inode, std::move(apply), std::move(done));
        });
  }
  if (writer == nullptr) return done(Error(Code::bad_handle));
  apply(*writer,
        [this, inode, use = std::move(use), done = std::move(done)](Result<void> result) mutable {
          if (result) {
            const MutexLock lock(core_.tree.mutex);
            note_time_alone(*inode);
          }
          use.end();
          done(std::move(result));
        });
}

void FileOperations::allocate(FileHandle& handle, const Allocation& request, Done<void> done) {
  {
    const MutexLock lock(core_.tree.mutex);
    note_writer(handle, request.process);
  }
  const ByteRange range = request.range;
  if (request.keep_size && !request.zero) {
    // Nothing to reserve, and nothing that changes.
    const uint64_t limit = core_.limits.max_object_size;
    const bool fits = range.length <= limit && range.offset <= limit - range.length;
    return fits ? done({}) : done(Error(Code::too_large, "larger than an object may become"));
  }
  change(
      handle.inode,
      [request, range](FileBytes& writer, Done<void> changed) {
        if (request.zero) {
          writer.zero(range, !request.keep_size, std::move(changed));
        } else {
          writer.extend(range.end(), std::move(changed));
        }
      },
      std::move(done));
}

void FileOperations::seek(FileHandle& handle, uint64_t offset, bool hole,
                          Done<std::optional<uint64_t>> done) {
  std::shared_ptr<FileBytes> writer;
  uint64_t size = 0;
  {
    const MutexLock lock(core_.tree.mutex);
    const Inode& inode = *handle.inode;
    size = core_.tree.attributes(inode).size;
    // What a program has written through a mapping may be in the kernel only, and the kernel does
    // not send it first: where somebody may have one there are no holes to be sure of. It stays so
    // when the mapping is gone: the kernel tells of the last close at any time after close(2), so
    // that the data that a program has asked for would be a hole when it asks where they end.
    if (!inode.may_be_mapped) writer = inode.writer();
  }
  if (offset >= size) return done(std::optional<uint64_t>());
  if (writer == nullptr) return done(std::optional(hole ? size : offset));
  done(writer->seek(offset, hole));
}

}  // namespace penstock
