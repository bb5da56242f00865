// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/pending_file.h"

#include <utility>

namespace penstock {

PendingFile::PendingFile(WriteBackCore& core, std::string key, std::optional<WriteBase> base,
                         Metadata initial)
    : PendingFile(core, core.parts.journal.new_file(), PendingObject(std::move(key), base),
                  PendingContents(base ? base->object.size : 0, !base), Promises(),
                  std::move(initial), std::nullopt, false) {}

PendingFile::PendingFile(WriteBackCore& core, const JournalState& state,
                         const std::optional<JournalUpload>& upload)
    : PendingFile(core, state.file, PendingObject(state), PendingContents(state.ranges),
                  Promises(ContentMap(state.ranges), state.metadata, state.since_ns), {}, upload,
                  true) {}

PendingFile::PendingFile(WriteBackCore& core, uint64_t number, PendingObject object,
                         PendingContents contents, Promises promises, Metadata initial,
                         const std::optional<JournalUpload>& upload, bool restored)
    : core_(core),
      pass_(core.gate),
      room_(core),
      changes_(core, *this, contents_, room_, runs_),
      object_(std::move(object)),
      contents_(std::move(contents)),
      promises_(std::move(promises)),
      records_(core, *this, number, promises_, object_, runs_),
      runs_({.core = core,
             .file = *this,
             .object = object_,
             .contents = contents_,
             .promises = promises_,
             .records = records_,
             .uploads = std::make_shared<JournalUploads>(core.parts.journal, number, upload)},
            std::move(initial), upload, restored) {}

uint64_t PendingFile::size() const {
  const MutexLock lock(mutex_);
  return contents_.size();
}

bool PendingFile::dirty() const {
  const MutexLock lock(mutex_);
  return contents_.changed() || promises_.owes() || runs_.answering();
}

uint64_t PendingFile::owed() const {
  const MutexLock lock(mutex_);
  return promises_.pending() || runs_.answering() ? promises_.count() : 0;
}

Inheritance PendingFile::bequeath() {
  const MutexLock lock(mutex_);
  return {.mark = object_.mark(), .promises = records_.bequeath()};
}

void PendingFile::inherit(Inheritance inheritance) {
  const MutexLock lock(mutex_);
  if (!inheritance.mark.empty()) object_.inherit(std::move(inheritance.mark));
  records_.inherit(inheritance.promises);
}

std::optional<uint64_t> PendingFile::seek(uint64_t offset, bool hole) {
  std::optional<uint64_t> found;
  changes_.flushed([&](const Result<void>& flushed, Deferred&) {
    const MutexLock lock(mutex_);
    found = contents_.seek(offset, hole, flushed.has_value());
  });
  return found;
}

std::optional<ObjectInfo> PendingFile::base() const {
  const MutexLock lock(mutex_);
  return object_.base();
}

void PendingFile::base_moved(const std::string& key, const ETag& etag) {
  const MutexLock lock(mutex_);
  object_.base_moved(key, etag);
}

bool PendingFile::rename(const std::string& key) {
  const MutexLock lock(mutex_);
  if (object_.base() || runs_.sent()) return false;
  // What the journal has under the present name ends with this file's promise for that name.
  if (records_.outlives()) return false;
  object_.rename(key);
  runs_.renamed();
  return true;
}

void PendingFile::commit(Done<ObjectInfo> done) {
  Deferred after;
  const MutexLock lock(mutex_);
  runs_.commit(std::move(done), after);
}

void PendingFile::hold(Done<bool> done) {
  Deferred after;
  const MutexLock lock(mutex_);
  runs_.hold(std::move(done), after);
}

void PendingFile::release() {
  Deferred after;
  const MutexLock lock(mutex_);
  runs_.release(after);
}

void PendingFile::doom(Done<void> done) {
  const MutexLock lock(mutex_);
  records_.doom(std::move(done));
}

void PendingFile::disclaim(Done<void> done) {
  Deferred after;
  const MutexLock lock(mutex_);
  contents_.disclaim();
  runs_.refuse_all(after);
  records_.disclaim(std::move(done), after);
}

void PendingFile::close() {
  const MutexLock lock(mutex_);
  runs_.close();
}

}  // namespace penstock
