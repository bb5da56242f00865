// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <optional>

#include "app/warm/warm_place.h"
#include "base/mutex.h"

namespace penstock {

/// One file on its way, shared by those who read its pieces.
struct WarmJob {
  WarmFile file;
  std::atomic<uint64_t> pieces_left{1};
  std::atomic<bool> failed{false};
};

/// What one reader does at a time.
struct WarmPiece {
  std::shared_ptr<WarmJob> job;
  std::optional<ByteRange> range;  ///< Absent: look whether anything is to be read at all.
};

/// Files that wait for a reader: a bounded number, whatever the number of files is, and the pieces
/// of those that have been begun, which come first. Thread-safe.
class WarmQueue {
 public:
  /// Waits for room; false where stop() was called.
  bool put(WarmFile file) EXCLUDES(mutex_);
  /// For a reader: more pieces of the job it works on.
  void put_piece(WarmPiece piece) EXCLUDES(mutex_);
  /// There will be no more files.
  void close() EXCLUDES(mutex_);
  /// Drops what waits, and takes no more.
  void stop() EXCLUDES(mutex_);

  /// Waits for work; nothing where all of it is done. Each piece is given back with finished().
  std::optional<WarmPiece> take() EXCLUDES(mutex_);
  void finished() EXCLUDES(mutex_);

 private:
  Mutex mutex_;
  CondVar changed_;
  std::deque<WarmPiece> files_ GUARDED_BY(mutex_);
  std::deque<WarmPiece> pieces_ GUARDED_BY(mutex_);
  uint64_t working_ GUARDED_BY(mutex_) = 0;  // readers that may still put pieces
  bool closed_ GUARDED_BY(mutex_) = false;
  bool stopped_ GUARDED_BY(mutex_) = false;
};

}  // namespace penstock
