// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/pending_file.h"

#include <algorithm>
#include <utility>

#include "base/writer_mark.h"
#include "data/write/gathering.h"
#include "data/write_back/pending_metadata.h"
#include "data/write_back/temporary_name.h"

namespace penstock {

PendingFile::PendingFile(WriteBackCore& core, std::string key, std::optional<WriteBase> base,
                         Metadata initial)
    : core_(core),
      pass_(core.gate),
      file_(core.parts.journal.new_file()),
      uploads_(std::make_shared<JournalUploads>(core.parts.journal, file_, std::nullopt)),
      initial_(std::move(initial)),
      room_(core),
      changes_(core, *this, contents_, room_, *this),
      key_(std::move(key)),
      mark_(new_mark()),
      contents_(base ? base->object.size : 0, !base),
      earlier_(core, uploads_, std::nullopt) {
  if (base) base_ = std::move(base->object);
}

PendingFile::PendingFile(WriteBackCore& core, JournalState state,
                         std::optional<JournalUpload> upload)
    : core_(core),
      pass_(core.gate),
      file_(state.file),
      uploads_(std::make_shared<JournalUploads>(core.parts.journal, file_, upload)),
      room_(core),
      changes_(core, *this, contents_, room_, *this),
      key_(std::move(state.key)),
      mark_(mark_of(state.metadata)),
      base_(std::move(state.base)),
      replaces_(std::move(state.replaces)),
      contents_(state.ranges),
      promises_(1),
      since_ns_(state.since_ns),
      early_allowed_(false),
      earlier_(core, uploads_, std::move(upload)) {
  durable_ = promise_ = std::make_shared<Promise>(Promise{.number = 1,
                                                          .generation = 1,
                                                          .contents = contents_.map(),
                                                          .metadata = std::move(state.metadata)});
}

uint64_t PendingFile::size() const {
  const MutexLock lock(mutex_);
  return contents_.size();
}

bool PendingFile::owes() const { return promise_ != nullptr && promise_->number > committed_; }

bool PendingFile::dirty() const {
  const MutexLock lock(mutex_);
  return contents_.changed() || owes() || answering_ > 0;
}

/// Not where the journal did not take what was owed: that is to be promised again.
bool PendingFile::promised() const { return durable_owes() || (owes() && recording_ > 0); }

bool PendingFile::pending() const {
  const MutexLock lock(mutex_);
  return promised() || answering_ > 0;
}

uint64_t PendingFile::promises() const {
  const MutexLock lock(mutex_);
  return promises_;
}

ETag PendingFile::succeed(PendingFile& replaced) {
  std::string mark;
  ETag known;
  std::vector<uint64_t> outlived;
  {
    const MutexLock lock(replaced.mutex_);
    mark = replaced.mark_;
    if (replaced.base_) known = replaced.base_->etag;
    outlived = std::exchange(replaced.outlived_, {});
    replaced.inherited_ = replaced.owes();
    if (replaced.inherited_) outlived.push_back(replaced.file_);
  }
  const MutexLock lock(mutex_);
  mark_ = std::move(mark);
  outlived_.insert(outlived_.end(), outlived.begin(), outlived.end());
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
  const bool new_file = !base_ && promise_ == nullptr && early_allowed_ && !held_;
  if (!new_file) return;
  if (early_ == nullptr) {
    if (contents_.map().size() < 3 * part || temporary_name(key_)) return;
    uploads_->expect(marked(initial_));
    early_ = std::make_shared<FileUpload>(
        core_, core_.parts.direct.begin(key_, std::nullopt, marked(initial_), uploads_));
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
  return base_;
}

void PendingFile::base_moved(const std::string& key, const ETag& etag) {
  const MutexLock lock(mutex_);
  if (!base_) return;
  base_->key = key;
  base_->etag = etag;
}

bool PendingFile::rename(const std::string& key) {
  const MutexLock lock(mutex_);
  if (base_ || (run_ != nullptr && run_->begun) || early_ != nullptr || failed_run_ != nullptr)
    return false;
  // What the journal has under the present name ends with this file's promise for that name.
  if (!outlived_.empty()) return false;
  earlier_.give_up();
  key_ = key;
  renamed_ = owes();
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
    after.call([done = std::move(done), sent = base_.has_value()]() mutable { done(sent); });
    return;
  }
  hold_waiters_.push_back(std::move(done));
  if (run_->upload != nullptr) after.call([upload = run_->upload] { upload->cancel(); });
}

void PendingFile::release() {
  Deferred after;
  const MutexLock lock(mutex_);
  held_ = false;
  if (std::exchange(doomed_, false) && owes()) record([](const Result<void>&) {});
  go_on(after);
}

void PendingFile::doom(Done<void> done) {
  const MutexLock lock(mutex_);
  // Nothing is owed, but the record that says so may not be durable yet, and after a crash the
  // promise would be uploaded again.
  if (!owes()) {
    forget_outlived();
    return core_.parts.journal.forget(file_, std::move(done));
  }
  doomed_ = true;
  record(std::move(done));
}

void PendingFile::disclaim(Done<void> done) {
  Deferred after;
  const MutexLock lock(mutex_);
  promise_ = durable_ = nullptr;
  contents_.disclaim();
  fail_waiters(UINT64_MAX, Error(Code::cancelled, "the file was deleted"), after);
  if (inherited_) return after.answer(std::move(done), {});
  forget_outlived();
  core_.parts.journal.forget(file_, std::move(done));
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
