// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/deferred.h"
#include "base/mutex.h"
#include "data/write/change.h"
#include "data/write/part_memory.h"
#include "data/write/part_table.h"
#include "data/write/write_core.h"
#include "data/write/writer_contents.h"

namespace penstock {

class Gathering;
class Outgoing;

/// One multipart upload from its creation to its end. Requests remember theirs: an answer for an
/// upload that is not the file's present one any more changes nothing.
struct UploadSession {
  std::string key;
  Metadata metadata;
  std::string id;          ///< Empty until it is created.
  uint32_t last_part = 0;  ///< The highest number that was sent; 0: none.
};

/// The contents of one file on their way to the store.
///
/// Changes are applied one by one, under the mutex, in the order in which they came. One that
/// cannot be applied at once waits in `queue_` (its data set aside), and the ones after it behind
/// it: for memory; for a part that it touches and that is being sent or spilled; or for a commit,
/// during which the contents stand still. All bytes that are handed to the store or the disk are
/// thus never written to meanwhile, and no block is copied to make it so.
///
/// Parts (idle → ready → sending → stored) are sent as soon as they are complete and the file has
/// grown past them. A stored part's bytes are kept in memory while there is room, then moved to the
/// staging file: they can be read, and changed, which makes the part idle again. Where the disk has
/// no room either they are dropped: who wants them before the next commit gets Code::no_space, for
/// the object must not be there before a program asks for it. (For who has the bytes elsewhere they
/// are dropped at once, and a change commits the file as it is.) If the store loses the upload, a
/// new one is made from what is still in memory or staged; where bytes were dropped, commit and
/// write report that they are lost.
///
/// Every part that was sent is named when the upload is completed, for some stores (Ceph) refuse to
/// leave one out: a file that is cut off below parts that were sent gets a new upload, or is
/// committed as it is before, where the old one has bytes that nothing else has.
///
/// `busy_` counts everything that is under way; a failed or abandoned file acts when it is 0.
class FileWriterImpl final : public MemoryHolder,
                             public PartSender,
                             public std::enable_shared_from_this<FileWriterImpl> {
 public:
  /// `uploads`: of whoever has the bytes that were sent, too; null: nobody else has them, and the
  /// engine's registry remembers the uploads.
  FileWriterImpl(WriteCore& core, std::string key, std::optional<WriteBase> base, Metadata initial,
                 std::shared_ptr<UploadRegistry> uploads);
  ~FileWriterImpl() override;

  /// Before anything else: see DirectWriteEngine::resume.
  std::vector<ByteRange> resume(LeftUpload upload) EXCLUDES(mutex_);

  // As in FileWriter; `change` answers with the offset of what was written.
  void change(const Change& change, Done<uint64_t> done) EXCLUDES(mutex_);
  void read(ByteRange range, std::stop_token cancel, Done<Slices> done) EXCLUDES(mutex_);
  void commit(CommitRequest request, Done<ObjectInfo> done) EXCLUDES(mutex_);
  void try_again() EXCLUDES(mutex_);
  bool rename(const std::string& key, Deferred& after) EXCLUDES(mutex_);
  /// As abandon, a moment later: also for a thread that holds locks.
  void close() EXCLUDES(mutex_);
  void abandon(Callback<void()> done) EXCLUDES(mutex_);
  uint64_t size() const EXCLUDES(mutex_);
  void set_exclusive(bool exclusive) EXCLUDES(mutex_);
  void expect_reads() EXCLUDES(mutex_);
  bool dirty() const EXCLUDES(mutex_);
  std::optional<ObjectInfo> base() const EXCLUDES(mutex_);
  void base_moved(const std::string& key, const ETag& etag) EXCLUDES(mutex_);
  std::optional<uint64_t> seek(uint64_t offset, bool hole) const EXCLUDES(mutex_);
  uint64_t until_part(uint64_t offset) const;
  void copy_parts(uint64_t offset, CopySource source, Done<uint64_t> done) EXCLUDES(mutex_);

  void send_one() override EXCLUDES(mutex_);
  void copy_one() EXCLUDES(mutex_);

  uint64_t spillable() const override EXCLUDES(mutex_);
  void spill(Callback<void(bool)> done) override EXCLUDES(mutex_);
  void drop_kept() override EXCLUDES(mutex_);

 private:
  struct Queued {
    Change change;
    std::unique_ptr<std::byte[]> data;
    Done<uint64_t> done;
  };

  /// One commit while it runs. Its contents stand still.
  struct CommitRun {
    CommitRequest request;
    std::vector<Done<ObjectInfo>> waiters;
    enum class Step : uint8_t { prepare, putting, completing, describing } step = Step::prepare;
    bool for_change = false;  ///< The first change in the queue waits for it, and fails with it.
    bool reported = false;    ///< Somebody outside is told of the object.
    bool planned = false;
    bool as_put = false;
    bool base_seen = false;     ///< A part was copied from the base's version.
    std::deque<uint32_t> todo;  ///< Parts that are not ready yet.
    uint32_t fetching = 0;      ///< Ranges whose unchanged bytes are on their way.
    uint32_t open_parts = 0;    ///< Parts that are not stored yet.
    std::optional<Error> error;
  };
  struct PendingCommit {
    CommitRequest request;
    Done<ObjectInfo> done;
    bool own = false;  ///< Nobody outside has asked for it.
  };

  /// Parts on their way from another object. Until they have arrived the contents stand still, as
  /// in a commit, and are as before.
  struct PartsCopy {
    CopySource source;
    ByteRange range;  ///< In the file: whole parts.
    uint32_t first = 0;
    uint32_t last = 0;
    std::optional<Error> error;
    Done<uint64_t> done;
  };

  /// Takes the slots for copies inside the store.
  struct CopySender final : PartSender {
    explicit CopySender(FileWriterImpl& the_file) : file(the_file) {}
    void send_one() override { file.copy_one(); }
    FileWriterImpl& file;
  };

  /// Unchanged bytes that a commit needs in memory, one piece after another.
  struct Fetch {
    ByteRange range;
    uint32_t part = 0;  ///< 0: for the whole object as one PUT.
    ByteRange piece;
  };

  // file_writer_impl.cc: changes
  Result<bool> admit(const Change& change, Deferred& after) REQUIRES(mutex_);
  bool needs_sent(uint32_t number, const Change& change) const REQUIRES(mutex_);
  uint64_t memory_for(const Change& change) const REQUIRES(mutex_);
  uint64_t apply(const Change& change, Reservation memory, Deferred& after) REQUIRES(mutex_);
  void apply_truncate(uint64_t size, Deferred& after) REQUIRES(mutex_);
  bool leaves_parts_out(uint64_t size) const REQUIRES(mutex_);
  void touch(uint32_t number) REQUIRES(mutex_);
  void pump() EXCLUDES(mutex_);
  bool pump_one() EXCLUDES(mutex_);
  void granted(MemoryGrant grant) EXCLUDES(mutex_);
  void finish_first(Result<uint64_t> result, Deferred& after) REQUIRES(mutex_);
  void check_abandoned(Deferred& after) REQUIRES(mutex_);
  void went_on() EXCLUDES(mutex_);

  // file_parts.cc: the multipart upload
  void consider(uint32_t number, Deferred& after) REQUIRES(mutex_);
  void make_ready(uint32_t number, Deferred& after) REQUIRES(mutex_);
  void create_upload(Deferred& after) REQUIRES(mutex_);
  void upload_created(const std::shared_ptr<UploadSession>& session, Result<std::string> id)
      EXCLUDES(mutex_);
  void retire(std::shared_ptr<UploadSession> session, Deferred& after) REQUIRES(mutex_);
  void send_copy(uint32_t number, Deferred& after) REQUIRES(mutex_);
  void request_slots(uint32_t parts, uint32_t copies);
  std::shared_ptr<Outgoing> collect(ByteRange range) REQUIRES(mutex_);
  void deliver(const std::shared_ptr<Outgoing>& outgoing, Callback<void(Result<Body>)> send,
               Deferred& after) REQUIRES(mutex_);
  void part_done(const std::shared_ptr<UploadSession>& session, uint32_t number,
                 Result<CompletedPart> result) EXCLUDES(mutex_);
  void part_failed(uint32_t number, const Error& error, Deferred& after) REQUIRES(mutex_);
  void lose_upload(const Error& error, Deferred& after) REQUIRES(mutex_);
  void forget_sent_parts() REQUIRES(mutex_);
  void consider_all(Deferred& after) REQUIRES(mutex_);
  void settle(uint32_t number, Deferred& after) REQUIRES(mutex_);
  bool awaited(uint32_t number) const REQUIRES(mutex_);

  // file_commit.cc
  void begin_commit(PendingCommit pending, Deferred& after) REQUIRES(mutex_);
  bool commits_midway(ByteRange range) const REQUIRES(mutex_);
  void commit_midway(Deferred& after) REQUIRES(mutex_);
  void advance_commit() EXCLUDES(mutex_);
  void plan_commit(Deferred& after) REQUIRES(mutex_);
  void plan_parts(Deferred& after) REQUIRES(mutex_);
  void prepare_parts(Deferred& after) REQUIRES(mutex_);
  Precondition condition_on(const std::string& key) const REQUIRES(mutex_);
  void start_put(Deferred& after) REQUIRES(mutex_);
  void put_done(Result<ObjectInfo> result) EXCLUDES(mutex_);
  void start_complete(Deferred& after) REQUIRES(mutex_);
  void complete_done(const std::shared_ptr<UploadSession>& session, Result<ObjectInfo> result)
      EXCLUDES(mutex_);
  static Metadata of_new_contents(Metadata metadata);
  std::string tags_source() const REQUIRES(mutex_);
  void adopt(ObjectInfo info, const Metadata& metadata, Deferred& after) REQUIRES(mutex_);
  void describe_object(Deferred& after) REQUIRES(mutex_);
  void finish_commit(Result<ObjectInfo> result, Deferred& after) REQUIRES(mutex_);

  // file_reads.cc: reads, and the fetches of commits
  void read_dirty(ByteRange range, std::stop_token cancel, Done<Slices> done) EXCLUDES(mutex_);
  void read_sent(ByteRange range, const std::shared_ptr<Gathering>& gathering,
                 const std::stop_token& cancel, Deferred& after) REQUIRES(mutex_);
  void read_again(ByteRange range, std::stop_token cancel, const std::optional<ObjectInfo>& base,
                  const Error& error, Done<Slices> done) EXCLUDES(mutex_);
  void start_fetch(ByteRange range, uint32_t part, Deferred& after) REQUIRES(mutex_);
  void fetch_next(Fetch fetch, std::optional<MemoryGrant> grant) EXCLUDES(mutex_);
  void fetched(Fetch fetch, const Result<ObjectInfo>& result) EXCLUDES(mutex_);

  // file_copies.cc: parts that the store copies from another object
  bool takes_copy(uint32_t number) const REQUIRES(mutex_);
  bool copies(uint32_t number) const REQUIRES(mutex_);
  void part_copied(const std::shared_ptr<UploadSession>& session, uint32_t number,
                   const Result<CompletedPart>& result, Deferred& after) REQUIRES(mutex_);
  void check_copy() EXCLUDES(mutex_);
  void adopt_copy(const PartsCopy& copy, Deferred& after) REQUIRES(mutex_);
  void undo_copy(const PartsCopy& copy, Deferred& after) REQUIRES(mutex_);

  // file_staging.cc: what goes to the staging disk
  PartMemory::Phase phase() const REQUIRES(mutex_) {
    return {.committing = commit_ != nullptr, .abandoned = abandoned_};
  }
  void move_next(Deferred& after) REQUIRES(mutex_);
  void part_moved(const std::shared_ptr<StagingJob>& job, const Result<void>& result)
      EXCLUDES(mutex_);
  void spill_done(const std::shared_ptr<StagingJob>& job, const Result<void>& result,
                  Callback<void(bool)> done) EXCLUDES(mutex_);
  Error out_of_reach() REQUIRES(mutex_);
  Error say_out_of_reach() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return out_of_reach();
  }

  WriteCore& core_;
  const Gate::Pass pass_;
  const std::shared_ptr<UploadRegistry> own_uploads_;
  UploadRegistry& uploads_;
  const bool readable_;
  CopySender copy_sender_{*this};

  mutable Mutex mutex_;
  std::string key_ GUARDED_BY(mutex_);
  Metadata metadata_
      GUARDED_BY(mutex_);  ///< What the next upload is created with: the newest that was asked for.
  std::optional<ObjectInfo> base_ GUARDED_BY(mutex_);
  bool written_ GUARDED_BY(mutex_) = false;  ///< `base_` is our own, with `stored_metadata_`.
  bool exclusive_ GUARDED_BY(mutex_) = false;
  bool replaces_base_ GUARDED_BY(mutex_) = false;  ///< Truncated to nothing: no edit of the base.
  Metadata stored_metadata_ GUARDED_BY(mutex_);
  bool contents_dirty_ GUARDED_BY(mutex_);
  /// The object is there, and whoever holds the file does not know it yet: a commit that it asks
  /// for tells it.
  bool unreported_ GUARDED_BY(mutex_) = false;
  bool metadata_dirty_ GUARDED_BY(mutex_) = false;  ///< The object is there, its metadata are not.

  WriterContents contents_ GUARDED_BY(mutex_);
  PartTable parts_ GUARDED_BY(mutex_);
  PartMemory part_memory_ GUARDED_BY(mutex_);
  bool said_out_of_reach_ GUARDED_BY(mutex_) = false;

  std::deque<Queued> queue_ GUARDED_BY(mutex_);
  bool waiting_for_memory_ GUARDED_BY(mutex_) = false;
  std::optional<Error> failure_
      GUARDED_BY(mutex_);  ///< Of a part that was sent early; until a commit tries again.
  std::optional<Error> lost_ GUARDED_BY(mutex_);  ///< Acknowledged bytes are gone: for ever.

  std::shared_ptr<UploadSession> upload_ GUARDED_BY(mutex_);
  bool no_early_upload_ GUARDED_BY(mutex_) = false;
  bool no_part_copy_ GUARDED_BY(mutex_) = false;
  bool said_recommit_ GUARDED_BY(mutex_) = false;
  uint32_t restarts_ GUARDED_BY(mutex_) = 0;  ///< Uploads lost since the last commit.

  std::optional<PartsCopy> copying_ GUARDED_BY(mutex_);
  std::unique_ptr<CommitRun> commit_ GUARDED_BY(mutex_);
  std::deque<PendingCommit> pending_commits_ GUARDED_BY(mutex_);

  uint32_t busy_ GUARDED_BY(mutex_) = 0;
  bool abandoned_ GUARDED_BY(mutex_) = false;
  std::vector<Callback<void()>> abandon_waiters_ GUARDED_BY(mutex_);
};

}  // namespace penstock
