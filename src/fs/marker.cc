// SPDX-License-Identifier: Apache-2.0
// The object "dir/" of a directory: written by one request at a time, so that the last state wins.
#include <utility>

#include "fs/core.h"

namespace penstock {
namespace {

/// The key of what has lost its name would be that of the mount's root.
bool has_name(const Inode& directory) {
  return directory.parent != nullptr || directory.id == root_inode;
}

}  // namespace

void FsCore::store_marker(const InodePtr& directory, Done<void> done) {
  bool begins = false;
  {
    const MutexLock lock(tree.mutex);
    if (has_name(*directory)) {
      DirectoryState& state = *directory->directory;
      state.marker_waiters.push_back(std::move(done));
      if (state.marker_writing) return;
      state.marker_writing = begins = true;
      begin_work(*directory);
    }
  }
  // NOLINTNEXTLINE(bugprone-use-after-move): it was moved only where this begins.
  begins ? write_marker(directory) : done({});
}

void FsCore::write_marker(const InodePtr& directory) {
  PutRequest marker;
  std::vector<Done<void>> waiters;
  bool gone = false;
  {
    const MutexLock lock(tree.mutex);
    waiters.swap(directory->directory->marker_waiters);
    // Another mount may have removed it meanwhile.
    gone = !has_name(*directory);
    if (gone) directory->directory->marker_writing = false;
    if (!gone) marker.key = marker_key(*directory);
    marker.metadata = to_metadata(directory->stored, FileType::directory);
  }
  if (gone) {
    for (Done<void>& waiter : waiters) waiter(Error(Code::not_found));
    return end_work(*directory);
  }
  parts.store.put(std::move(marker),
                  tracked<ObjectInfo>([this, directory, waiters = std::move(waiters)](
                                          Result<ObjectInfo> info) mutable {
                    bool again = false;
                    {
                      const MutexLock lock(tree.mutex);
                      DirectoryState& state = *directory->directory;
                      if (info) {
                        state.has_marker = true;
                        directory->etag = info->etag;
                        Tree::modified_here(*directory, info->last_modified_ns);
                        tree.note_carried(*directory);
                      }
                      again = !state.marker_waiters.empty();
                      state.marker_writing = again;
                    }
                    for (Done<void>& waiter : waiters)
                      waiter(info ? Result<void>() : Result<void>(info.error()));
                    if (again) return write_marker(directory);
                    end_work(*directory);
                  }));
}

}  // namespace penstock
