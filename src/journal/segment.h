// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "base/disk.h"
#include "base/log.h"
#include "penstock/result.h"

namespace penstock {

/// What the segments of one journal share. Thread-safe.
class SegmentFolder {
 public:
  SegmentFolder(std::shared_ptr<Disk> disk, std::string path, std::shared_ptr<Log> log)
      : disk_(std::move(disk)), path_(std::move(path)), log_(std::move(log)) {}

  const std::shared_ptr<Disk>& disk() const noexcept { return disk_; }
  const std::string& path() const noexcept { return path_; }
  const std::shared_ptr<Log>& log() const noexcept { return log_; }
  std::string segment_path(uint64_t number) const;

  /// Until this is called, and after `keep_files`, segments leave their files when they go: what
  /// the log says decides about them.
  void remove_files() noexcept { removing_ = true; }
  void keep_files() noexcept { removing_ = false; }

  uint64_t segments() const noexcept { return segments_; }
  uint64_t bytes() const noexcept { return bytes_; }

 private:
  friend class JournalSegment;
  void remove(uint64_t number);

  const std::shared_ptr<Disk> disk_;
  const std::string path_;
  const std::shared_ptr<Log> log_;
  std::atomic<bool> removing_{false};
  std::atomic<uint64_t> segments_{0};
  std::atomic<uint64_t> bytes_{0};
};

/// A file with bytes of many pieces. It goes with the last one who holds it: pieces, and the
/// states of the journal that have them.
class JournalSegment {
 public:
  /// A new file; the negated errno in `error` where there is none then.
  static std::shared_ptr<JournalSegment> create(std::shared_ptr<SegmentFolder> folder,
                                                uint64_t number, int& error);
  /// One that the log names, not opened yet.
  static std::shared_ptr<JournalSegment> named(std::shared_ptr<SegmentFolder> folder,
                                               uint64_t number);
  ~JournalSegment();
  JournalSegment(const JournalSegment&) = delete;
  JournalSegment& operator=(const JournalSegment&) = delete;

  uint64_t number() const noexcept { return number_; }
  const SegmentFolder* folder() const noexcept { return folder_.get(); }
  const DiskFile& file() const noexcept { return file_; }

  /// Opens a named one for reading: 0, or a negated errno. Before others know the segment.
  int open();
  /// corrupt: the file ends before that.
  Result<void> read(uint64_t position, std::span<std::byte> out) const;
  /// For the count of bytes.
  void grew(uint64_t bytes) noexcept;

 private:
  JournalSegment(std::shared_ptr<SegmentFolder> folder, uint64_t number, DiskFile file);

  const std::shared_ptr<SegmentFolder> folder_;
  const uint64_t number_;
  DiskFile file_;
  std::atomic<uint64_t> bytes_{0};
};

/// XXH3 with 64 bits, as pieces and records have it.
uint64_t journal_hash(std::span<const std::byte> bytes, uint64_t seed = 0) noexcept;

/// Whether the piece's bytes are on the disk as they were written; read in steps of 1 MiB.
Result<void> verify_piece(uint64_t position, uint64_t length, uint64_t hash,
                          const JournalSegment& segment);

/// What a failed call of a Disk means: no_space, or unavailable, with `what` as its message's
/// beginning.
Error disk_error(int error, const std::string& what);

}  // namespace penstock
