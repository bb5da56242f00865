// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/deferred.h"
#include "base/mutex.h"
#include "data/write/change.h"
#include "data/write/file_strand.h"
#include "data/write_back/conflict_check.h"
#include "data/write_back/earlier_upload.h"
#include "data/write_back/file_upload.h"
#include "data/write_back/journal_uploads.h"
#include "data/write_back/pending_changes.h"
#include "data/write_back/pending_contents.h"
#include "data/write_back/pending_object.h"
#include "data/write_back/promise.h"
#include "data/write_back/promise_records.h"
#include "data/write_back/promises.h"
#include "data/write_back/room_wait.h"
#include "data/write_back/write_back_core.h"

namespace penstock {

/// The contents of one file whose promises are kept in the journal, and its way to the bucket.
///
/// Writes append to the journal; nothing that was written is ever changed in place, so an upload
/// works on a snapshot (a Promise) while the program writes on. Every write belongs to the
/// generation that the next promise of contents closes; what an upload brings to the bucket becomes
/// the base for the generations up to its promise's. A promise of other metadata alone closes none:
/// writes since the promise before are not in its contents.
///
/// A new file that is written in order goes to the store while it grows (`early_`), but for its
/// first part, which formats like to rewrite at the end. If more than that is rewritten, the upload
/// starts anew: parts may only hold bytes that the file has still.
class PendingFile final : public std::enable_shared_from_this<PendingFile>,
                          private LockedFile,
                          private PendingChanges::Listener,
                          private PromiseRecords::Listener {
 public:
  /// `initial` as for WriteEngine::open.
  PendingFile(WriteBackCore& core, std::string key, std::optional<WriteBase> base,
              Metadata initial);
  /// As a dead mount left it; `upload` may be gone on with.
  PendingFile(WriteBackCore& core, JournalState state, std::optional<JournalUpload> upload);

  // As in FileWriter; `change` answers with the offset of what was written.
  void change(const Change& change, Done<uint64_t> done) EXCLUDES(mutex_) {
    changes_.change(change, std::move(done));
  }
  std::optional<uint64_t> seek(uint64_t offset, bool hole) EXCLUDES(mutex_);
  void read(ByteRange range, std::stop_token cancel, Done<Slices> done) EXCLUDES(mutex_);
  void persist(CommitRequest request, Done<void> done) EXCLUDES(mutex_);
  void persist_name(CommitRequest request, Done<void> done) EXCLUDES(mutex_);
  void commit(Done<ObjectInfo> done) EXCLUDES(mutex_);
  bool rename(const std::string& key) EXCLUDES(mutex_);
  void hold(Done<bool> done) EXCLUDES(mutex_);
  void release() EXCLUDES(mutex_);
  void doom(Done<void> done) EXCLUDES(mutex_);
  void disclaim(Done<void> done) EXCLUDES(mutex_);
  /// Without forgetting what was promised. Also for a thread that holds locks: what there is to
  /// cancel or to answer is so a moment later.
  void close() EXCLUDES(mutex_);
  uint64_t size() const EXCLUDES(mutex_);
  bool dirty() const EXCLUDES(mutex_);
  std::optional<ObjectInfo> base() const EXCLUDES(mutex_);
  void base_moved(const std::string& key, const ETag& etag) EXCLUDES(mutex_);
  bool pending() const EXCLUDES(mutex_);
  uint64_t promises() const EXCLUDES(mutex_);
  ETag succeed(PendingFile& replaced) EXCLUDES(mutex_);

 private:
  PendingFile(WriteBackCore& core, uint64_t number, PendingObject object, PendingContents contents,
              Promises promises, std::optional<JournalUpload> upload, Metadata initial);

  /// One try to bring a promise to the bucket. Changed under the lock only; its own steps, which
  /// follow one another, look at it without.
  struct Run {
    PromisePtr promise;
    std::shared_ptr<FileUpload> upload;
    std::string key;
    bool begun = false;
    bool conflict = false;  ///< Goes to the conflict key.
    bool disowned = false;  ///< Its parts hold bytes that were written over since.
  };
  using RunPtr = std::shared_ptr<Run>;
  struct Turn;
  struct Waiter {
    uint64_t promise;  ///< Its number.
    Done<ObjectInfo> done;
  };
  using Promising = void (PendingFile::*)(CommitRequest, Done<void>);

  // pending_file.cc: as PendingChanges::Listener, under the lock
  std::shared_ptr<void> keep() override { return shared_from_this(); }
  void changing(uint64_t offset, uint64_t end) override NO_THREAD_SAFETY_ANALYSIS {
    note_change(offset, end);
  }
  void stored(ByteRange range) override NO_THREAD_SAFETY_ANALYSIS {
    feed_early(range.offset, range.length);
  }
  bool given_up() const override NO_THREAD_SAFETY_ANALYSIS { return closed_; }
  void note_change(uint64_t offset, uint64_t end) REQUIRES(mutex_);
  void feed_early(uint64_t offset, uint64_t length) REQUIRES(mutex_);
  void drop_early() REQUIRES(mutex_);
  void give_up(std::shared_ptr<FileUpload> upload);
  void fail_waiters(uint64_t promise, const Error& error, Deferred& after) REQUIRES(mutex_);

  // pending_promise.cc
  bool describes_anew(const Metadata& metadata) const REQUIRES(mutex_);
  void promise_contents(CommitRequest request, Done<void> done) EXCLUDES(mutex_);
  void promise_flushed(CommitRequest request, Done<void> done, Deferred& after) REQUIRES(mutex_);
  void promise_name(CommitRequest request, Done<void> done) EXCLUDES(mutex_);
  void recorded(const Result<void>& kept, Deferred& after) override NO_THREAD_SAFETY_ANALYSIS;
  void name_promised() EXCLUDES(mutex_);

  // pending_read.cc
  void gather(ByteRange range, const std::stop_token& cancel, Done<Slices> done) EXCLUDES(mutex_);
  void gather_flushed(ByteRange range, const std::stop_token& cancel, Done<Slices> done,
                      Deferred& after) REQUIRES(mutex_);
  void read_again(ByteRange range, std::stop_token cancel, const std::optional<ObjectInfo>& base,
                  const Error& error, Done<Slices> done) EXCLUDES(mutex_);

  void promise_when_room(Promising how, CommitRequest request, Scheduler::Time since,
                         Done<void> done) EXCLUDES(mutex_);

  // pending_upload.cc: the way to the bucket
  void go_on(Deferred& after) REQUIRES(mutex_);
  void start_run(Deferred& after) REQUIRES(mutex_);
  void begin_run(const RunPtr& run) EXCLUDES(mutex_);
  void put_off_run(Deferred& after) REQUIRES(mutex_);
  void prepare(const RunPtr& run, std::optional<LeftUpload> left) EXCLUDES(mutex_);
  void feed_all(const Run& run, const std::vector<ByteRange>& stored, bool fresh);
  CommitRequest commit_request(const Run& run) const REQUIRES(mutex_);
  void describe(const RunPtr& run) EXCLUDES(mutex_);
  void run_ended(const RunPtr& run, Result<ObjectInfo> result) EXCLUDES(mutex_);
  void adopt(const Run& run, ObjectInfo info, Deferred& after) REQUIRES(mutex_);
  void answered(const ObjectInfo& info) EXCLUDES(mutex_);
  std::vector<Done<ObjectInfo>> waiters_of(uint64_t promise) REQUIRES(mutex_);

  void ask_for_parts(const RunPtr& run, JournalUpload earlier) EXCLUDES(mutex_);
  bool meets_conflict(const Run& run, const Error& error) const REQUIRES(mutex_);
  void settle_conflict(const RunPtr& run, const Error& error) EXCLUDES(mutex_);
  void rebase(const RunPtr& run, std::optional<ObjectInfo> ours) EXCLUDES(mutex_);
  void keep_both(const RunPtr& run, const Error& error) EXCLUDES(mutex_);

  WriteBackCore& core_;
  const Gate::Pass pass_;
  const std::shared_ptr<JournalUploads> uploads_;
  const Metadata initial_;

  RoomWait room_;
  PendingChanges changes_;

  PendingObject object_ GUARDED_BY(mutex_);
  PendingContents contents_ GUARDED_BY(mutex_);
  Promises promises_ GUARDED_BY(mutex_);
  PromiseRecords records_ GUARDED_BY(mutex_);
  bool held_ GUARDED_BY(mutex_) = false;
  /// Has a new key, which is not promised yet: no run begins, for neither what is to be replaced
  /// there is known nor would the journal know the key.
  bool renamed_ GUARDED_BY(mutex_) = false;
  bool closed_ GUARDED_BY(mutex_) = false;
  RunPtr run_ GUARDED_BY(mutex_);
  std::vector<Waiter> waiters_ GUARDED_BY(mutex_);
  /// Uploads that have ended and are not answered yet, for the journal is still being told. Until
  /// then the file counts as pending: nobody knows the version of its object.
  uint32_t answering_ GUARDED_BY(mutex_) = 0;
  std::vector<Done<ObjectInfo>> late_waiters_ GUARDED_BY(mutex_);  ///< Come after those answers.
  std::vector<Done<bool>> hold_waiters_ GUARDED_BY(mutex_);
  std::vector<Callback<void()>> read_waiters_ GUARDED_BY(mutex_);  ///< For the end of the run.
  std::shared_ptr<FileUpload> early_ GUARDED_BY(mutex_);
  uint64_t early_begin_ GUARDED_BY(mutex_) = 0;
  uint64_t early_end_ GUARDED_BY(mutex_) = 0;
  bool early_allowed_ GUARDED_BY(mutex_) = true;
  EarlierUpload earlier_ GUARDED_BY(mutex_);
  /// A try that failed, to be gone on with by the next one of the same promise.
  RunPtr failed_run_ GUARDED_BY(mutex_);
};

}  // namespace penstock
