// SPDX-License-Identifier: Apache-2.0
// The object "dir/" of a directory: written by one request at a time, so that the last state wins.
#include <utility>

#include "fs/core.h"

namespace penstock {

void FsCore::store_marker(const InodePtr& directory, Done<void> done) {
  std::optional<Error> gone;
  {
    const MutexLock lock(tree.mutex);
    if (const Result<std::string> key = marker_key(*directory); !key) {
      gone = key.error();
    } else {
      DirectoryState& state = *directory->directory;
      state.marker_waiters.push_back(std::move(done));
      if (state.marker_writing) return;
      state.marker_writing = true;
      begin_work(*directory);
    }
  }
  // NOLINTNEXTLINE(bugprone-use-after-move): it was moved only where this begins.
  gone ? done(*gone) : write_marker(directory);
}

void FsCore::write_marker(const InodePtr& directory) {
  PutRequest marker;
  std::vector<Done<void>> waiters;
  std::optional<Error> gone;
  {
    const MutexLock lock(tree.mutex);
    waiters.swap(directory->directory->marker_waiters);
    if (Result<std::string> key = marker_key(*directory); key) {
      marker.key = std::move(*key);
    } else {
      // Another mount may have removed it meanwhile.
      gone = key.error();
      directory->directory->marker_writing = false;
    }
    marker.metadata = to_metadata(directory->stored, FileType::directory);
  }
  if (gone) {
    for (Done<void>& waiter : waiters) waiter(*gone);
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
