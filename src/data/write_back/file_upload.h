// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "base/mutex.h"
#include "data/write_back/content_map.h"
#include "data/write_back/write_back_core.h"

namespace penstock {

/// Carries a file's bytes from the journal to a writer into the store, and commits that. One try
/// may fail and the next go on where it ended. Thread-safe.
class FileUpload : public std::enable_shared_from_this<FileUpload> {
 public:
  FileUpload(WriteBackCore& core, std::shared_ptr<DirectFileWriter> writer)
      : core_(core), pass_(core.gate), writer_(std::move(writer)) {}
  FileUpload(const FileUpload&) = delete;
  FileUpload& operator=(const FileUpload&) = delete;

  /// What is to be written next, in order: pieces, and holes where the writer has other bytes.
  void feed(std::vector<JournalRange> ranges) EXCLUDES(mutex_);
  /// The file's size is to be this, once what was fed before is written.
  void resize(uint64_t size) EXCLUDES(mutex_);
  /// All of `contents` that is not in `stored`, and its size: the first part last, as it may have
  /// been left open. With a base also the holes that it has other bytes in; `fresh`: the writer has
  /// that base's bytes, and nothing else.
  void feed_contents(const ContentMap& contents, const std::vector<ByteRange>& stored, bool fresh)
      EXCLUDES(mutex_);
  /// Commits when all that was fed is written. After an error another call tries again.
  void finish(CommitRequest request, Done<ObjectInfo> done) EXCLUDES(mutex_);
  /// Gives the upload up; a finish under way ends with cancelled, or with its result where the
  /// store was faster.
  void cancel() EXCLUDES(mutex_);
  /// The same a moment later, for who holds locks.
  void cancel_soon();

 private:
  struct Step {
    std::optional<JournalRange> range;  ///< Absent: a resize.
    uint64_t size = 0;
  };

  /// What is written in one go.
  struct Load {
    uint64_t offset = 0;               ///< Without a length: the new size.
    uint64_t length = 0;               ///< Bytes of all pieces; without pieces: of a hole.
    std::vector<JournalRange> pieces;  ///< Follow one another, inside one block of the writer.
  };

  void add(std::vector<Step> steps) EXCLUDES(mutex_);
  void start() REQUIRES(mutex_);
  void run() EXCLUDES(mutex_);
  bool write_next() EXCLUDES(mutex_);
  Load next_load() const REQUIRES(mutex_);
  Result<void> carry(const Load& load, Done<void> done);
  void written(const Result<void>& result, uint64_t length) EXCLUDES(mutex_);
  void finish_now() EXCLUDES(mutex_);
  void end(Result<ObjectInfo> result) EXCLUDES(mutex_);

  WriteBackCore& core_;
  const Gate::Pass pass_;
  const std::shared_ptr<DirectFileWriter> writer_;
  std::vector<std::byte> buffer_;  ///< For less than a block; of the one who runs.
  Mutex mutex_;
  std::deque<Step> steps_ GUARDED_BY(mutex_);
  bool running_ GUARDED_BY(mutex_) = false;
  bool committing_ GUARDED_BY(mutex_) = false;
  bool cancelled_ GUARDED_BY(mutex_) = false;
  std::optional<Error> error_ GUARDED_BY(mutex_);
  CommitRequest request_ GUARDED_BY(mutex_);
  Done<ObjectInfo> done_ GUARDED_BY(mutex_);
};

}  // namespace penstock
