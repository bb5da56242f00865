// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/pending_file.h"

#include <utility>

#include "data/write_back/temporary_name.h"

namespace penstock {

PendingFile::PendingFile(WriteBackCore& core, std::string key, std::optional<WriteBase> base,
                         Metadata initial)
    : PendingFile(core, core.parts.journal.new_file(), PendingObject(std::move(key), base),
                  PendingContents(base ? base->object.size : 0, !base), Promises(), std::nullopt,
                  std::move(initial)) {}

PendingFile::PendingFile(WriteBackCore& core, JournalState state,
                         std::optional<JournalUpload> upload)
    : PendingFile(core, state.file, PendingObject(state), PendingContents(state.ranges),
                  Promises(ContentMap(state.ranges), state.metadata, state.since_ns),
                  std::move(upload), {}) {
  early_allowed_ = false;
}

PendingFile::PendingFile(WriteBackCore& core, uint64_t number, PendingObject object,
                         PendingContents contents, Promises promises,
                         std::optional<JournalUpload> upload, Metadata initial)
    : core_(core),
      pass_(core.gate),
      uploads_(std::make_shared<JournalUploads>(core.parts.journal, number, upload)),
      initial_(std::move(initial)),
      room_(core),
      changes_(core, *this, contents_, room_, *this),
      object_(std::move(object)),
      contents_(std::move(contents)),
      promises_(std::move(promises)),
      records_(core, *this, number, promises_, object_, *this),
      earlier_(core, uploads_, std::move(upload)) {}

uint64_t PendingFile::size() const {
  const MutexLock lock(mutex_);
  return contents_.size();
}

bool PendingFile::dirty() const {
  const MutexLock lock(mutex_);
  return contents_.changed() || promises_.owes() || answering_ > 0;
}

bool PendingFile::pending() const {
  const MutexLock lock(mutex_);
  return promises_.pending() || answering_ > 0;
}

uint64_t PendingFile::promises() const {
  const MutexLock lock(mutex_);
  return promises_.count();
}

ETag PendingFile::succeed(PendingFile& replaced) {
  std::string mark;
  ETag known;
  std::vector<uint64_t> outlived;
  {
    const MutexLock lock(replaced.mutex_);
    mark = replaced.object_.mark();
    if (const auto& base = replaced.object_.base()) known = base->etag;
    outlived = replaced.records_.bequeath();
  }
  const MutexLock lock(mutex_);
  object_.inherit(std::move(mark));
  records_.inherit(outlived);
  return known;
}

std::optional<uint64_t> PendingFile::seek(uint64_t offset, bool hole) {
  std::optional<uint64_t> found;
  changes_.flushed([&](const Result<void>& flushed, Deferred&) {
    const MutexLock lock(mutex_);
    found = contents_.seek(offset, hole, flushed.has_value());
  });
  return found;
}

/// Before bytes from `offset` to `end` change: what parts hold of them is no longer the file's.
void PendingFile::note_change(uint64_t offset, uint64_t end) {
  if (early_ != nullptr && offset < early_end_ && end > early_begin_) drop_early();
  if (run_ != nullptr && run_->begun && !run_->disowned &&
      offset < run_->promise->contents.size()) {
    run_->disowned = true;
    uploads_->disown();
  }
  const bool of_failed = failed_run_ != nullptr && offset < failed_run_->promise->contents.size();
  if (of_failed && !std::exchange(failed_run_->disowned, true)) uploads_->disown();
  earlier_.give_up();
}

void PendingFile::feed_early(uint64_t offset, uint64_t length) {
  const uint64_t part = core_.parts.direct.first_part_size();
  const bool new_file = !object_.base() && promises_.last() == nullptr && early_allowed_ && !held_;
  if (!new_file) return;
  if (early_ == nullptr) {
    if (contents_.map().size() < 3 * part || temporary_name(object_.key())) return;
    uploads_->expect(object_.marked(initial_));
    early_ = std::make_shared<FileUpload>(
        core_,
        core_.parts.direct.begin(object_.key(), std::nullopt, object_.marked(initial_), uploads_));
    early_begin_ = early_end_ = offset = part;
    length = contents_.map().size() - part;
  }
  if (offset > early_end_ || offset + length <= early_end_) return;
  // What was written ahead of a gap follows once the gap is filled.
  std::vector<JournalRange> ranges;
  for (JournalRange& range :
       contents_.map().ranges({early_end_, contents_.map().size() - early_end_})) {
    if (range.kind != JournalRange::Kind::piece) break;
    early_end_ = range.offset + range.length;
    ranges.push_back(std::move(range));
  }
  early_->feed(std::move(ranges));
}

void PendingFile::drop_early() {
  early_allowed_ = false;
  if (early_ == nullptr) return;
  give_up(std::exchange(early_, nullptr));
}

/// Ends an upload whose parts hold bytes that the file has no longer. No later mount goes on with
/// it either.
void PendingFile::give_up(std::shared_ptr<FileUpload> upload) {
  uploads_->disown();
  core_.parts.scheduler.post([upload = std::move(upload)] { upload->cancel(); });
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
  if (object_.base() || (run_ != nullptr && run_->begun) || early_ != nullptr ||
      failed_run_ != nullptr)
    return false;
  // What the journal has under the present name ends with this file's promise for that name.
  if (records_.outlives()) return false;
  earlier_.give_up();
  object_.rename(key);
  renamed_ = promises_.owes();
  return true;
}

void PendingFile::hold(Done<bool> done) {
  Deferred after;
  const MutexLock lock(mutex_);
  held_ = true;
  drop_early();
  earlier_.give_up();
  uploads_->disown();
  if (failed_run_ != nullptr) {
    after.call([run = std::exchange(failed_run_, nullptr)] { run->upload->cancel(); });
  }
  if (run_ == nullptr) {
    after.call(
        [done = std::move(done), sent = object_.base().has_value()]() mutable { done(sent); });
    return;
  }
  hold_waiters_.push_back(std::move(done));
  if (run_->upload != nullptr) after.call([upload = run_->upload] { upload->cancel(); });
}

void PendingFile::release() {
  Deferred after;
  const MutexLock lock(mutex_);
  held_ = false;
  records_.spare();
  go_on(after);
}

void PendingFile::doom(Done<void> done) {
  const MutexLock lock(mutex_);
  records_.doom(std::move(done));
}

void PendingFile::disclaim(Done<void> done) {
  Deferred after;
  const MutexLock lock(mutex_);
  contents_.disclaim();
  fail_waiters(UINT64_MAX, Error(Code::cancelled, "the file was deleted"), after);
  records_.disclaim(std::move(done), after);
}

void PendingFile::close() {
  const MutexLock lock(mutex_);
  closed_ = true;
  std::vector<std::shared_ptr<FileUpload>> uploads;
  if (early_ != nullptr) uploads.push_back(std::exchange(early_, nullptr));
  if (failed_run_ != nullptr) uploads.push_back(std::exchange(failed_run_, nullptr)->upload);
  const bool waited_for = run_ == nullptr && !waiters_.empty();
  if (uploads.empty() && !waited_for) return;
  core_.parts.scheduler.post([this, self = shared_from_this(), uploads = std::move(uploads)] {
    for (const std::shared_ptr<FileUpload>& upload : uploads) upload->cancel();
    Deferred after;
    const MutexLock again(mutex_);
    if (run_ == nullptr)
      fail_waiters(UINT64_MAX, Error(Code::cancelled, "the file was deleted"), after);
  });
}

/// Answers those who asked to commit what was promised up to `promise`, where no run will do that
/// any more.
void PendingFile::fail_waiters(uint64_t promise, const Error& error, Deferred& after) {
  after.call([waiters = waiters_of(promise), error]() mutable {
    for (Done<ObjectInfo>& done : waiters) done(error);
  });
}

}  // namespace penstock
