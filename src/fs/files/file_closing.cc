// SPDX-License-Identifier: Apache-2.0
// FileOperations: who has a file open for writing, and what its close, fsync and release store.
#include <algorithm>
#include <utility>

#include "fs/files/file_operations.h"

namespace penstock {

void FileOperations::set_unflushed(FileHandle& handle, bool unflushed) {
  if (handle.unflushed == unflushed) return;
  handle.unflushed = unflushed;
  unflushed ? ++handle.inode->unflushed_handles : --handle.inode->unflushed_handles;
}

void FileOperations::note_writer(FileHandle& handle, std::optional<ProcessId> process) {
  if (!handle.writes) return;
  set_unflushed(handle, true);
  if (process && std::ranges::find(handle.owners, *process) == handle.owners.end())
    handle.owners.push_back(*process);
}

std::vector<ProcessId> FileOperations::owners(FileHandle& handle) {
  const MutexLock lock(core_.tree.mutex);
  return handle.owners;
}

void FileOperations::flush(FileHandle& handle, const Closer& closer, Done<void> done) {
  bool stores = false;
  {
    const MutexLock lock(core_.tree.mutex);
    const auto owns = [&](ProcessId process) {
      return std::ranges::find(handle.owners, process) != handle.owners.end();
    };
    // While a program writes a file, a child process that has inherited the descriptor ends, or
    // closes it before it runs another program: what is there so far is not the child's to store.
    stores = handle.writes &&
             (closer.process == unknown_process || owns(unknown_process) || owns(closer.process));
    if (closer.ended) std::erase(handle.owners, closer.process);
    if (stores) set_unflushed(handle, false);
  }
  if (!stores) return done({});
  committer_.close(handle.inode, std::move(done));
}

void FileOperations::sync(FileHandle& handle, Done<void> done) {
  committer_.sync(handle.inode, std::move(done));
}

void FileOperations::release(FileHandle* handle) {
  const std::shared_ptr<FileHandle> owned = std::move(handle->held);
  const InodePtr inode = owned->inode;
  bool ended = false;
  bool owes = false;
  DeletedFiles::Copy kept;
  {
    const MutexLock lock(core_.tree.mutex);
    core_.open_files.erase(handle);
    if (--inode->handles == 0) kept = DeletedFiles::take(*inode);
    // What was written to a deleted file is there for those who still read it.
    ended = inode->deleted() && inode->handles == 0;
    if (owned->flags.read) --inode->read_handles;
    // At the end of the mount, Committer::commit_all stores it.
    owes = owned->unflushed && !inode->deleted() && !core_.stopping;
    set_unflushed(*owned, false);
    if (owned->writes && --inode->write_handles == 0) ended = true;
    // Drops an inode without a name that nobody refers to any more.
    (void)core_.tree.forget(inode->id, 0);
  }
  deleted_.drop(kept);
  auto end = [this, inode, ended](const Result<void>&) {
    if (ended) committer_.writing_ended(inode);
  };
  // No owner of the handle has closed it since its last write, so nothing of that is stored or
  // promised yet. Nobody waits for this commit: where it fails, the log says so.
  owes ? committer_.close(inode, std::move(end)) : end({});
}

}  // namespace penstock
