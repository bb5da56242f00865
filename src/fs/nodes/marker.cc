// SPDX-License-Identifier: Apache-2.0
// The object "dir/" of a directory: written by one request at a time, so that the last state wins,
// and never over the bytes that another client has put there.
#include <memory>
#include <optional>
#include <utility>

#include "fs/nodes/core.h"

namespace penstock {
namespace {

/// A store where the object is another version at each look is not to be asked for ever.
constexpr int most_looks = 3;

}  // namespace

void FsCore::store_marker(const InodePtr& directory, Done<void> done) {
  std::optional<Error> gone;
  Use used;
  {
    const MutexLock lock(tree.mutex);
    if (const Result<std::string> key = marker_key(*directory); !key) {
      gone = key.error();
    } else {
      DirectoryState& state = *directory->directory;
      state.marker_waiters.push_back(std::move(done));
      if (state.marker_writing) return;
      state.marker_writing = true;
      used = use(directory);
    }
  }
  // NOLINTNEXTLINE(bugprone-use-after-move): it was moved only where this begins.
  gone ? done(*gone) : write_marker(directory, std::move(used));
}

/// [look at the object] → PUT, or copy it onto itself → done
///        └───── it is another version: at most three times ─────┘
class FsCore::MarkerWrite : public std::enable_shared_from_this<MarkerWrite> {
 public:
  MarkerWrite(FsCore& core, InodePtr directory, std::string key,
              Callback<void(Result<ObjectInfo>)> done)
      : core_(core),
        directory_(std::move(directory)),
        key_(std::move(key)),
        done_(std::move(done)) {}

  void start() {
    ObjectInfo known;
    {
      const MutexLock lock(core_.tree.mutex);
      // Of a directory that was renamed it is not known which version its marker is by now.
      complete_ = directory_->stored_known && directory_->directory->has_marker;
      if (complete_) known = {.size = directory_->size, .etag = directory_->etag};
    }
    known_ = known.etag;
    // What a mount has written or seen need not be looked at: the condition tells if it has
    // changed.
    known_.empty() ? look() : write(known);
  }

 private:
  void look() {
    ++looks_;
    core_.parts.store.head(
        {.key = key_, .cancel = {}},
        core_.tracked<ObjectInfo>([self = shared_from_this()](const Result<ObjectInfo>& found) {
          if (found) return self->write(*found);
          if (found.code() == Code::not_found) return self->write(std::nullopt);
          self->done_(found.error());
        }));
  }

  /// Over what is there, which may be nothing.
  void write(const std::optional<ObjectInfo>& present) {
    Metadata metadata;
    {
      const MutexLock lock(core_.tree.mutex);
      metadata = to_metadata(directory_->stored, FileType::directory);
      // Of a version that was not known nothing is to be lost.
      const bool other = !complete_ || (present && tell_apart(present->etag, known_));
      if (other && present && present->metadata)
        metadata.insert(present->metadata->begin(), present->metadata->end());
    }
    auto written = core_.tracked<ObjectInfo>(
        [self = shared_from_this()](Result<ObjectInfo> info) { self->written(std::move(info)); });
    if (present && present->size > 0) {
      // Another client's object has bytes there: a directory to a mount, but not to that client.
      return core_.parts.copier.copy({.source = key_,
                                      .target = key_,
                                      .size = present->size,
                                      .etag = present->etag,
                                      .metadata = std::move(metadata)},
                                     std::move(written));
    }
    PutRequest put{.key = key_, .body = {}, .metadata = std::move(metadata), .condition = {}};
    put.condition.if_none_match = !present;
    if (present) put.condition.if_match = present->etag;
    core_.parts.store.put(std::move(put), std::move(written));
  }

  void written(Result<ObjectInfo> info) {
    const bool other =
        !info && (info.code() == Code::changed || info.code() == Code::already_exists ||
                  info.code() == Code::not_found);
    if (other && looks_ < most_looks) return look();
    done_(std::move(info));
  }

  FsCore& core_;
  const InodePtr directory_;
  const std::string key_;
  Callback<void(Result<ObjectInfo>)> done_;
  int looks_ = 0;
  bool complete_ = false;  ///< The tree has all that the object carries, of the version `known_`.
  ETag known_;
};

void FsCore::write_marker(const InodePtr& directory, Use use) {
  std::string key;
  std::vector<Done<void>> waiters;
  std::optional<Error> gone;
  {
    const MutexLock lock(tree.mutex);
    waiters.swap(directory->directory->marker_waiters);
    if (Result<std::string> known = marker_key(*directory); known) {
      key = std::move(*known);
    } else {
      // Another mount may have removed it meanwhile.
      gone = known.error();
      directory->directory->marker_writing = false;
    }
  }
  if (gone) {
    for (Done<void>& waiter : waiters) waiter(*gone);
    return;
  }
  auto written = [this, directory, use = std::move(use),
                  waiters = std::move(waiters)](Result<ObjectInfo> info) mutable {
    bool again = false;
    {
      const MutexLock lock(tree.mutex);
      DirectoryState& state = *directory->directory;
      if (info) {
        state.has_marker = true;
        state.marker_owed = !state.marker_waiters.empty();
        directory->etag = info->etag;
        directory->size = info->size;
        Tree::modified_here(*directory, info->last_modified_ns);
        tree.note_carried(*directory);
      }
      again = !state.marker_waiters.empty();
      state.marker_writing = again;
    }
    for (Done<void>& waiter : waiters) waiter(info ? Result<void>() : Result<void>(info.error()));
    if (again) return write_marker(directory, std::move(use));
    use.end();
  };
  std::make_shared<MarkerWrite>(*this, directory, std::move(key), std::move(written))->start();
}

}  // namespace penstock
