// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/deferred.h"
#include "data/write/file_strand.h"
#include "data/write_back/begun_uploads.h"
#include "data/write_back/commit_waiters.h"
#include "data/write_back/conflict_check.h"
#include "data/write_back/file_upload.h"
#include "data/write_back/journal_uploads.h"
#include "data/write_back/pending_changes.h"
#include "data/write_back/pending_contents.h"
#include "data/write_back/pending_object.h"
#include "data/write_back/promise_records.h"
#include "data/write_back/promises.h"

namespace penstock {

/// How the promises of one file come to the bucket: by one run after another, each with the last
/// promise that is durable, and only while somebody waits for it. A run goes
///
///   waits for its turn among the files that upload (UploadSlots)
///     is put off, where the file has a name that is not promised yet
///   begins: the promise and the key are settled
///     only the metadata differ: the object is copied onto itself
///     a dead mount's upload is asked for its parts (EarlierUpload)
///   prepares the upload: one that has begun (BegunUploads), or a new one
///   feeds and finishes it
///     refused: finds out what is in the way (ConflictCheck), and prepares anew, or keeps both
///   ends: the object is the file's, the journal is told, and then who waits is answered
///
/// While the name is about to go (hold) no run begins, and the one under way is cancelled. Bytes
/// that change under a run make its parts nobody's: no later mount goes on with them. Called under
/// the file's lock.
class UploadRuns final : public PendingChanges::Listener, public PromiseRecords::Listener {
 public:
  /// What it works on; all of that must outlive it.
  struct Rooms {
    WriteBackCore& core;
    LockedFile& file;
    PendingObject& object;
    PendingContents& contents;
    Promises& promises;
    PromiseRecords& records;
    const std::shared_ptr<JournalUploads> uploads;
  };
  /// `initial`, `earlier` and `restored` as for BegunUploads.
  UploadRuns(Rooms rooms, Metadata initial, std::optional<JournalUpload> earlier, bool restored);

  /// As FileDurability::commit.
  void commit(Done<ObjectInfo> done, Deferred& after);
  /// The file is deleted, and nobody's commit ends well.
  void refuse_all(Deferred& after);
  /// Whether something of the file may have been sent under its present key.
  bool sent() const;
  /// The file has another key. No run begins until that is promised, for neither what is to be
  /// replaced there is known nor would the journal know the key.
  void renamed();
  void name_promised(Deferred& after);
  /// As FileDurability; `done` gets whether an object may be under the key because of the file.
  void hold(Done<bool> done, Deferred& after);
  void release(Deferred& after);
  /// No more runs. What there is to cancel or to answer is so a moment later.
  void close();
  bool running() const noexcept { return run_ != nullptr; }
  /// Runs `work` when the run under way has ended, without the lock.
  void when_ended(Callback<void()> work) { enders_.push_back(std::move(work)); }
  /// Uploads have ended of which the journal does not know yet.
  bool answering() const noexcept { return waiters_.answering(); }

  void changing(uint64_t offset, uint64_t end) override;
  void stored(ByteRange range) override;
  bool given_up() const override { return closed_; }
  void recorded(const Result<void>& kept, Deferred& after) override;

 private:
  /// One try to bring a promise to the bucket. Changed under the lock only; its own steps, which
  /// follow one another, look at it without.
  struct Run {
    PromisePtr promise;
    std::shared_ptr<FileUpload> upload;
    std::string key;
    bool begun = false;
    bool conflict = false;  ///< Goes to the conflict key.
    bool looked = false;    ///< At what has the key, since the store has refused this.
    bool disowned = false;  ///< Its parts hold bytes that were written over since.
  };
  using RunPtr = std::shared_ptr<Run>;
  struct Turn;

  // Steps of a run, without the lock.
  void begin(const RunPtr& run);
  void ask_for_parts(const RunPtr& run, JournalUpload earlier);
  void prepare(const RunPtr& run, std::optional<LeftUpload> left);
  BegunUploads::Begun begin_upload(const RunPtr& run, const Metadata& metadata,
                                   std::optional<LeftUpload> left);
  void describe(const RunPtr& run);
  void refused(const RunPtr& run, const Error& error);
  void found(const RunPtr& run, Result<ConflictCheck::Finding> finding, const Error& refusal);
  void rebase(const RunPtr& run, std::optional<ObjectInfo> ours);
  void keep_both(const RunPtr& run, const Error& error);
  void end(const RunPtr& run, Result<ObjectInfo> result);
  void answered(const ObjectInfo& info);

  // Under the lock.
  void go_on(Deferred& after);
  void put_off(Deferred& after);
  void adopt(const Run& run, ObjectInfo info, Deferred& after);
  void failed(const RunPtr& run, const Error& error, Deferred& after);
  void answer_holders(bool sent, Deferred& after);
  void answer_enders(Deferred& after);
  bool meets_conflict(const Run& run, const Error& error) const;
  bool stopped() const noexcept { return held_ || closed_; }
  void in_file(auto&& work) { rooms_.file.run(std::forward<decltype(work)>(work)); }

  const Rooms rooms_;
  WriteBackCore& core_;
  bool held_ = false;
  bool renamed_ = false;
  bool closed_ = false;
  RunPtr run_;
  BegunUploads begun_;
  CommitWaiters waiters_;
  std::vector<Done<bool>> holders_;
  std::vector<Callback<void()>> enders_;
};

}  // namespace penstock
