// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/mutex.h"
#include "base/scheduler.h"
#include "journal/live_records.h"
#include "journal/log_file.h"
#include "journal/log_reserve.h"
#include "journal/make_room.h"
#include "journal/segment_writer.h"
#include "penstock/result.h"

namespace penstock {

/// An open journal. Records wait in a queue; one flush at a time takes all that wait and makes
/// them durable together. Thread-safe.
class JournalCore : public std::enable_shared_from_this<JournalCore> {
 public:
  /// What opening found, or made.
  struct Parts {
    std::shared_ptr<SegmentFolder> folder;
    DiskFile lock;
    LogFile log;
    LiveRecords live;
    OwnerRecord owner;
    bool keep_folder = false;  ///< There is damage in it that somebody may want to look at.
    MakeRoom make_room;
  };
  JournalCore(Parts parts, Scheduler& scheduler, std::shared_ptr<Log> log);

  uint64_t new_file() noexcept { return next_file_++; }
  Result<std::shared_ptr<const JournalPiece>> append(std::span<const std::byte> bytes)
      EXCLUDES(mutex_);
  /// `done` may be empty; then nobody waits, and the record is written, but not flushed.
  void record(LogRecord record, Done<void> done) EXCLUDES(mutex_);
  JournalStats stats() const EXCLUDES(mutex_);

  /// Makes durable what waits, and lets go of the folder: of all of it where nothing is pending.
  void close() EXCLUDES(mutex_);

 private:
  struct Entry {
    LogRecord record;
    Done<void> done;
    uint64_t bytes = 0;          // in the log
    std::optional<Error> error;  // why it did not get there
  };
  using Group = std::vector<Entry>;
  class Ticket;

  // All below but `abandon` is called by the one thread that flushes.
  void flush() EXCLUDES(mutex_);
  bool take_group(Group& group) EXCLUDES(mutex_);
  void flush_group(Group& group) EXCLUDES(mutex_);
  void commit(Group& group) EXCLUDES(mutex_);
  static void fail(Group& group, const Error& error);
  bool write(Group& group) EXCLUDES(mutex_);
  /// `most`: bytes of the log.
  Result<void> append_entries(Group& group, uint64_t most, bool& uncertain);
  Result<void> append_to_full_disk(Group& group, const Error& full, bool& uncertain)
      EXCLUDES(mutex_);
  void apply(Group& group) EXCLUDES(mutex_);
  void keep_unwaited(Group& group) EXCLUDES(mutex_);
  void renew_log_if_long() EXCLUDES(mutex_);
  Result<void> renew_log() EXCLUDES(mutex_);
  OwnerRecord owner_now() const;
  void publish() EXCLUDES(mutex_);
  void break_down(const Error& error) EXCLUDES(mutex_);
  void abandon() EXCLUDES(mutex_);
  void let_go() EXCLUDES(mutex_);

  const std::shared_ptr<SegmentFolder> folder_;
  Scheduler& scheduler_;
  const std::shared_ptr<Log> log_;
  const OwnerRecord owner_;
  const bool keep_folder_;
  const MakeRoom make_room_;
  LogReserve reserve_;
  SegmentWriter data_;
  std::atomic<uint64_t> next_file_;

  // Of the thread that flushes.
  DiskFile lock_;
  LogFile log_file_;
  LiveRecords live_;
  uint64_t renew_at_ = 0;  // the log's length from which on a new one is tried

  mutable Mutex mutex_;
  CondVar idle_;
  Group queue_ GUARDED_BY(mutex_);
  bool wanted_ GUARDED_BY(mutex_) = false;   // something came since a flush took the queue
  bool posted_ GUARDED_BY(mutex_) = false;   // a flush will run, or runs
  bool running_ GUARDED_BY(mutex_) = false;  // and it does
  bool closed_ GUARDED_BY(mutex_) = false;
  std::optional<Error> broken_ GUARDED_BY(mutex_);
  JournalStats stats_ GUARDED_BY(mutex_);  // but for what folder_ counts
};

}  // namespace penstock
