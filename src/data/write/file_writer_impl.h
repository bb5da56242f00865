// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/deferred.h"
#include "base/mutex.h"
#include "data/write/change_queue.h"
#include "data/write/contents_reader.h"
#include "data/write/file_changes.h"
#include "data/write/file_commit.h"
#include "data/write/file_strand.h"
#include "data/write/multipart_upload.h"
#include "data/write/part_memory.h"
#include "data/write/part_staging.h"
#include "data/write/part_table.h"
#include "data/write/write_core.h"
#include "data/write/writer_contents.h"
#include "data/write/writer_object.h"
#include "data/write/writer_phase.h"

namespace penstock {

/// The contents of one file on their way to the store: the lock, and what is asked of the file.
/// What is behind it has an owner each, which the lock guards:
///
///     WriterContents   where each byte is: map, blocks, staging file
///     PartTable        the states of the parts       PartMemory, PartStaging   their memory
///     MultipartUpload  the unfinished upload         FileCommit   one commit after another
///     FileChanges      applying changes              ContentsReader   reads
///     WriterObject     key, base, metadata, and the condition of the next version
///     WriterPhase      taking changes, committing, or given up
///
/// Changes are applied one by one, in the order in which they came. One that cannot be applied at
/// once waits in the queue (its data set aside), and the ones after it behind it: for memory; for a
/// part that it touches and that is being sent or staged; or for a commit. A failed or abandoned
/// file acts when nothing is under way any more.
class FileWriterImpl final : public MemoryHolder,
                             public FileStrand,
                             public FileCommit::Listener,
                             public std::enable_shared_from_this<FileWriterImpl> {
 public:
  /// `uploads`: of whoever has the bytes that were sent, too; null: nobody else has them, and the
  /// engine's registry remembers the uploads.
  FileWriterImpl(WriteCore& core, NewName name, std::optional<WriteBase> base, Metadata initial,
                 std::shared_ptr<UploadRegistry> uploads);
  ~FileWriterImpl() override;

  /// Before anything else: see DirectWriteEngine::resume.
  std::vector<ByteRange> resume(LeftUpload upload) EXCLUDES(mutex_);

  // As in FileBytes and FileDurability.
  void change(const Change& change, Done<uint64_t> done) EXCLUDES(mutex_);
  void read(ByteRange range, std::stop_token cancel, Done<Slices> done) EXCLUDES(mutex_);
  /// What the next commit is to do.
  void ask(NextObject request) EXCLUDES(mutex_);
  void commit(Done<ObjectInfo> done) EXCLUDES(mutex_);
  void commit_as(CommitRequest request, Done<ObjectInfo> done) EXCLUDES(mutex_);
  void try_again() EXCLUDES(mutex_);
  bool rename(const NewName& name, Deferred& after) EXCLUDES(mutex_);
  /// As abandon, a moment later: also for a thread that holds locks.
  void close() EXCLUDES(mutex_);
  void abandon(Callback<void()> done) EXCLUDES(mutex_);
  uint64_t size() const EXCLUDES(mutex_);
  void expect_reads() EXCLUDES(mutex_);
  bool dirty() const EXCLUDES(mutex_);
  std::optional<ObjectInfo> base() const EXCLUDES(mutex_);
  void base_moved(const std::string& key, const ETag& etag) EXCLUDES(mutex_);
  std::optional<uint64_t> seek(uint64_t offset, bool hole) const EXCLUDES(mutex_);
  uint64_t until_part(uint64_t offset) const { return core_.layout.until_part(offset); }
  void copy_parts(uint64_t offset, CopySource source, Done<uint64_t> done) EXCLUDES(mutex_);

  uint64_t spillable() const override EXCLUDES(mutex_);
  void spill(Callback<void(bool)> done) override EXCLUDES(mutex_);
  void drop_kept() override EXCLUDES(mutex_);

 private:
  std::shared_ptr<void> keep() override { return shared_from_this(); }
  void went_on() override EXCLUDES(mutex_);
  void committed(const Result<ObjectInfo>& result, bool for_change, Deferred& after) override
      REQUIRES(mutex_);

  MultipartUpload::Rooms rooms() NO_THREAD_SAFETY_ANALYSIS;
  void pump() EXCLUDES(mutex_);
  bool pump_one() EXCLUDES(mutex_);
  void granted(MemoryGrant grant) EXCLUDES(mutex_);
  void finish_first(Result<uint64_t> result, Deferred& after) REQUIRES(mutex_);
  void check_abandoned(Deferred& after) REQUIRES(mutex_);
  void read_now(ByteRange range, std::stop_token cancel, Done<Slices> done, Deferred& after)
      REQUIRES(mutex_);
  void read_again(ByteRange range, std::stop_token cancel, const std::optional<ObjectInfo>& base,
                  const Error& error, Done<Slices> done) EXCLUDES(mutex_);

  WriteCore& core_;
  const Gate::Pass pass_;
  const std::shared_ptr<UploadRegistry> own_uploads_;
  const bool readable_;  // nobody else has the bytes that were sent

  WriterObject object_ GUARDED_BY(mutex_);
  WriterPhase phase_ GUARDED_BY(mutex_);
  ChangeQueue queue_ GUARDED_BY(mutex_);
  WriterContents contents_ GUARDED_BY(mutex_);
  PartTable parts_ GUARDED_BY(mutex_);
  PartMemory part_memory_ GUARDED_BY(mutex_);
  PartStaging staging_ GUARDED_BY(mutex_);
  MultipartUpload upload_ GUARDED_BY(mutex_);
  FileCommit commit_ GUARDED_BY(mutex_);
  ContentsReader reader_ GUARDED_BY(mutex_);
  FileChanges changes_ GUARDED_BY(mutex_);

  bool waiting_for_memory_ GUARDED_BY(mutex_) = false;
  std::vector<Callback<void()>> abandon_waiters_ GUARDED_BY(mutex_);
};

}  // namespace penstock
