// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/deferred.h"
#include "base/mutex.h"
#include "data/write/change.h"
#include "data/write/file_strand.h"
#include "data/write_back/pending_changes.h"
#include "data/write_back/pending_contents.h"
#include "data/write_back/pending_object.h"
#include "data/write_back/promise_records.h"
#include "data/write_back/promises.h"
#include "data/write_back/room_wait.h"
#include "data/write_back/upload_runs.h"
#include "data/write_back/write_back_core.h"

namespace penstock {

/// The contents of one file whose promises are kept in the journal, and its way to the bucket: the
/// lock of the classes that know one side of it, and what programs and the file system ask of it.
///
/// Writes append to the journal (PendingChanges); nothing that was written is ever changed in
/// place, so an upload works on a snapshot (a Promise) while the program writes on (UploadRuns).
/// Every write belongs to the generation that the next promise of contents closes; what an upload
/// brings to the bucket becomes the base for the generations up to its promise's. A promise of
/// other metadata alone closes none: writes since the promise before are not in its contents.
class PendingFile final : public std::enable_shared_from_this<PendingFile>, private LockedFile {
 public:
  /// `initial` as for WriteEngine::open.
  PendingFile(WriteBackCore& core, std::string key, std::optional<WriteBase> base,
              Metadata initial);
  /// As a dead mount left it; `upload` may be gone on with.
  PendingFile(WriteBackCore& core, const JournalState& state,
              const std::optional<JournalUpload>& upload);

  // As in FileBytes and FileDurability; `hold` answers whether an object may be under the key.
  void change(const Change& change, Done<uint64_t> done) EXCLUDES(mutex_) {
    changes_.change(change, std::move(done));
  }
  std::optional<uint64_t> seek(uint64_t offset, bool hole) EXCLUDES(mutex_);
  void read(ByteRange range, std::stop_token cancel, Done<Slices> done) EXCLUDES(mutex_);
  void persist(NextObject request, Done<void> done) EXCLUDES(mutex_);
  void persist_name(NextObject request, Done<void> done) EXCLUDES(mutex_);
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
  uint64_t owed() const EXCLUDES(mutex_);
  Inheritance bequeath() EXCLUDES(mutex_);
  void inherit(Inheritance inheritance) EXCLUDES(mutex_);

 private:
  using Promising = void (PendingFile::*)(NextObject, Done<void>);

  PendingFile(WriteBackCore& core, uint64_t number, PendingObject object, PendingContents contents,
              Promises promises, Metadata initial, const std::optional<JournalUpload>& upload,
              bool restored);
  std::shared_ptr<void> keep() override { return shared_from_this(); }

  // pending_promise.cc
  void promise_when_room(Promising how, NextObject request, Scheduler::Time since, Done<void> done)
      EXCLUDES(mutex_);
  void promise_contents(NextObject request, Done<void> done) EXCLUDES(mutex_);
  void promise_flushed(NextObject request, Done<void> done, Deferred& after) REQUIRES(mutex_);
  void promise_name(NextObject request, Done<void> done) EXCLUDES(mutex_);
  bool describes_anew(const Metadata& metadata) const REQUIRES(mutex_);
  void name_promised() EXCLUDES(mutex_);

  // pending_read.cc
  void gather(ByteRange range, const std::stop_token& cancel, Done<Slices> done) EXCLUDES(mutex_);
  void gather_flushed(ByteRange range, const std::stop_token& cancel, Done<Slices> done,
                      Deferred& after) REQUIRES(mutex_);
  void read_again(ByteRange range, std::stop_token cancel, const std::optional<ObjectInfo>& base,
                  const Error& error, Done<Slices> done) EXCLUDES(mutex_);

  WriteBackCore& core_;
  const Gate::Pass pass_;
  RoomWait room_;
  PendingChanges changes_;
  PendingObject object_ GUARDED_BY(mutex_);
  PendingContents contents_ GUARDED_BY(mutex_);
  Promises promises_ GUARDED_BY(mutex_);
  PromiseRecords records_ GUARDED_BY(mutex_);
  UploadRuns runs_ GUARDED_BY(mutex_);
};

}  // namespace penstock
