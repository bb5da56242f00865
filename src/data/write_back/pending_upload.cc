// SPDX-License-Identifier: Apache-2.0
// A pending file's way to the bucket.
#include <algorithm>
#include <utility>

#include "data/write_back/pending_file.h"

namespace penstock {
namespace {

/// A failed try of more than this is gone on with rather than begun anew: what its parts hold is
/// worth the memory.
constexpr uint64_t worth_going_on = 64ULL << 20;

}  // namespace

/// A run that waits for its turn among the files that upload.
struct PendingFile::Turn final : UploadSlots::User {
  Turn(std::shared_ptr<PendingFile> the_file, RunPtr the_run)
      : file(std::move(the_file)), run(std::move(the_run)) {}
  void use_slot() override {
    file->core_.parts.scheduler.post([file = file, run = run] { file->begin_run(run); });
  }

  const std::shared_ptr<PendingFile> file;
  const RunPtr run;
};

void PendingFile::commit(Done<ObjectInfo> done) {
  Deferred after;
  const MutexLock lock(mutex_);
  if (!promises_.owes() && answering_ > 0) return late_waiters_.push_back(std::move(done));
  if (!promises_.owes()) {
    Result<ObjectInfo> answer = object_.base()
                                    ? Result<ObjectInfo>(*object_.base())
                                    : Error(Code::invalid_argument, "nothing was persisted");
    after.call([done = std::move(done), answer = std::move(answer)]() mutable {
      done(std::move(answer));
    });
    return;
  }
  waiters_.push_back({promises_.last()->number, std::move(done)});
  go_on(after);
}

/// Begins what somebody waits for, unless it has begun or cannot yet.
void PendingFile::go_on(Deferred& after) {
  const bool ready = run_ == nullptr && !held_ && !renamed_ && promises_.durable_owes();
  if (ready && !waiters_.empty()) start_run(after);
}

void PendingFile::start_run(Deferred& after) {
  run_ = std::make_shared<Run>();
  after.call([this, self = shared_from_this(), run = run_] {
    core_.slots.request(std::make_shared<Turn>(self, run), 1);
  });
}

/// The run got its turn among the uploads, and is put off before it has sent anything.
void PendingFile::put_off_run(Deferred& after) {
  run_ = nullptr;
  for (Done<bool>& waiter : std::exchange(hold_waiters_, {}))
    after.call([waiter = std::move(waiter), sent = object_.base().has_value()]() mutable {
      waiter(sent);
    });
  for (Callback<void()>& reader : std::exchange(read_waiters_, {})) after.call(std::move(reader));
  after.call([this, self = shared_from_this()] { core_.slots.release(); });
}

void PendingFile::begin_run(const RunPtr& run) {
  std::optional<JournalUpload> earlier;
  bool description = false;
  std::optional<Error> error;
  {
    Deferred after;
    const MutexLock lock(mutex_);
    if (renamed_ && !held_ && !closed_) return put_off_run(after);
    if (held_ || closed_ || !promises_.durable_owes()) {
      error = Error(Code::cancelled, "the file was deleted");
    } else {
      run->promise = promises_.durable();
      run->key = object_.key();
      run->begun = true;
      const ContentMap& contents = run->promise->contents;
      description =
          object_.base() && object_.base()->size == contents.size() && contents.only_base();
      if (description) earlier_.give_up();
      earlier = earlier_.take();
    }
  }
  if (error) return run_ended(run, *error);
  if (description) return describe(run);
  earlier ? ask_for_parts(run, std::move(*earlier)) : prepare(run, std::nullopt);
}

void PendingFile::ask_for_parts(const RunPtr& run, JournalUpload earlier) {
  JournalUpload asked = earlier;
  auto answered = [self = shared_from_this(), run,
                   earlier = std::move(earlier)](Result<std::optional<LeftUpload>> parts) mutable {
    if (!parts) {
      {
        // To be asked again, if its parts are still the file's then.
        const MutexLock lock(self->mutex_);
        self->earlier_.put_back(std::move(earlier));
        if (run->disowned || self->held_) self->earlier_.give_up();
      }
      return self->run_ended(run, parts.error());
    }
    self->core_.parts.scheduler.post(
        [self, run, left = std::move(*parts)]() mutable { self->prepare(run, std::move(left)); });
  };
  EarlierUpload::ask(core_, uploads_, std::move(asked), std::move(answered));
}

CommitRequest PendingFile::commit_request(const Run& run) const {
  return {.metadata = run.promise->metadata, .condition = object_.condition(run.conflict)};
}

void PendingFile::prepare(const RunPtr& run, std::optional<LeftUpload> left) {
  const ContentMap& contents = run->promise->contents;
  CommitRequest request;
  std::vector<ByteRange> stored;
  bool go_on = false;
  bool cancelled = false;
  {
    const MutexLock lock(mutex_);
    request = commit_request(*run);
    if (failed_run_ != nullptr) {
      go_on = failed_run_->promise == run->promise && !failed_run_->disowned &&
              failed_run_->key == run->key;
      if (go_on) run->upload = failed_run_->upload;
      if (!go_on) give_up(failed_run_->upload);
      failed_run_ = nullptr;
    }
    if (!go_on && early_ != nullptr) {
      run->upload = std::exchange(early_, nullptr);
      stored = {{early_begin_, early_end_ - early_begin_}};
      // What was written after the promise has gone with it.
      if (early_end_ > contents.size()) {
        give_up(std::exchange(run->upload, nullptr));
        stored.clear();
      }
    }
    early_allowed_ = false;
  }
  const bool fresh = run->upload == nullptr;
  std::shared_ptr<FileUpload> upload = run->upload;
  if (fresh) {
    std::optional<WriteBase> base;
    std::shared_ptr<DirectFileWriter> writer;
    if (left && (contents.needs_base() || run->conflict)) {
      EarlierUpload::abort(core_, uploads_, run->key, std::move(left->id));
      left.reset();
    }
    {
      const MutexLock lock(mutex_);
      if (contents.needs_base()) base = WriteBase{*object_.base()};
      // An edit's parts are in part copies of a base that may be gone at the next mount.
      const bool in_parts = contents.size() > core_.parts.direct.first_part_size();
      if (!base && in_parts && !run->disowned && !held_) uploads_->expect(request.metadata);
    }
    if (left) {
      std::erase_if(left->parts,
                    [&](const CompletedPart& part) { return part.size > contents.size(); });
      writer = core_.parts.direct.resume(run->key, std::move(*left), uploads_, stored);
      core_.parts.log->info("'{}': its upload goes on with {} parts that the store has", run->key,
                            stored.size());
    } else {
      Metadata metadata = request.metadata;
      writer = core_.parts.direct.begin(run->key, std::move(base), std::move(metadata), uploads_);
    }
    upload = std::make_shared<FileUpload>(core_, std::move(writer));
  }
  {
    const MutexLock lock(mutex_);
    run->upload = upload;
    cancelled = held_ || closed_;
  }
  if (cancelled) upload->cancel();
  if (!go_on) feed_all(*run, stored, fresh);
  upload->finish(std::move(request), [self = shared_from_this(), run](Result<ObjectInfo> result) {
    self->run_ended(run, std::move(result));
  });
}

/// The pieces that are not in `stored`: the first part last, as it may have been left open. With a
/// base also the holes that it has other bytes in.
void PendingFile::feed_all(const Run& run, const std::vector<ByteRange>& stored, bool fresh) {
  const ContentMap& contents = run.promise->contents;
  std::vector<JournalRange> ranges;
  uint64_t kept = 0;  // of the base
  const auto take = [&](ByteRange part) {
    for (JournalRange& range : contents.ranges(part)) {
      if (range.kind == JournalRange::Kind::base) kept = range.offset + range.length;
      if (range.kind != JournalRange::Kind::base) ranges.push_back(std::move(range));
    }
  };
  uint64_t at = 0;
  std::vector<ByteRange> gaps;
  for (const ByteRange& range : stored) {
    if (range.offset > at) gaps.push_back({at, range.offset - at});
    at = range.end();
  }
  if (at < contents.size()) gaps.push_back({at, contents.size() - at});
  if (!stored.empty() && gaps.size() > 1) std::rotate(gaps.begin(), gaps.begin() + 1, gaps.end());
  for (const ByteRange& gap : gaps) take(gap);
  std::erase_if(ranges, [&](const JournalRange& range) {
    return range.kind == JournalRange::Kind::hole && (!fresh || range.offset >= kept);
  });
  if (fresh && kept > 0) run.upload->resize(kept);
  run.upload->feed(std::move(ranges));
  run.upload->resize(contents.size());
}

/// Only the metadata differ from the object's.
void PendingFile::describe(const RunPtr& run) {
  CopyObject request;
  {
    const MutexLock lock(mutex_);
    request = {.source = run->key,
               .target = run->key,
               .size = object_.base()->size,
               .etag = object_.base()->etag,
               .metadata = run->promise->metadata};
  }
  core_.parts.copier.copy(std::move(request),
                          [self = shared_from_this(), run](Result<ObjectInfo> result) {
                            self->run_ended(run, std::move(result));
                          });
}

void PendingFile::run_ended(const RunPtr& run, Result<ObjectInfo> result) {
  if (!result && run->begun) {
    bool conflict = false;
    {
      const MutexLock lock(mutex_);
      conflict = meets_conflict(*run, result.error());
    }
    if (conflict) return settle_conflict(run, result.error());
  }
  {
    Deferred after;
    const MutexLock lock(mutex_);
    run_ = nullptr;
    uploads_->expect_none();
    if (result) {
      adopt(*run, std::move(*result), after);
    } else {
      const bool keep = run->upload != nullptr && !held_ && !closed_ && !run->disowned &&
                        run->promise == promises_.durable() &&
                        run->promise->contents.size() > worth_going_on;
      if (keep) {
        failed_run_ = run;
      } else if (run->upload != nullptr) {
        if (!closed_) uploads_->disown();
        after.call([upload = run->upload] { upload->cancel(); });
      }
      if (run->begun && !held_ && !closed_) records_.note_failure(result.error());
      // What was promised meanwhile is not refused with it: that has a run of its own.
      const bool newer = run->promise != nullptr && promises_.durable_owes() &&
                         promises_.durable()->number > run->promise->number && !held_ && !closed_;
      fail_waiters(newer ? run->promise->number : UINT64_MAX, result.error(), after);
    }
    for (Done<bool>& waiter : std::exchange(hold_waiters_, {})) {
      after.call([waiter = std::move(waiter),
                  sent = object_.base().has_value() || run->begun]() mutable { waiter(sent); });
    }
    for (Callback<void()>& reader : std::exchange(read_waiters_, {})) after.call(std::move(reader));
    go_on(after);
  }
  core_.slots.release();
}

bool PendingFile::meets_conflict(const Run& run, const Error& error) const {
  const bool refused = error.code() == Code::changed || error.code() == Code::already_exists;
  return refused && !run.conflict && !held_ && !closed_;
}

void PendingFile::settle_conflict(const RunPtr& run, const Error& error) {
  uploads_->disown();
  std::shared_ptr<FileUpload> upload;
  {
    const MutexLock lock(mutex_);
    upload = std::exchange(run->upload, nullptr);
  }
  if (upload != nullptr) upload->cancel();
  auto found = [self = shared_from_this(), run, error](Result<ConflictCheck::Finding> finding) {
    using Kind = ConflictCheck::Finding::Kind;
    if (!finding) {
      {
        const MutexLock lock(self->mutex_);
        run->conflict = true;  // not settled: the next try comes here again
      }
      return self->run_ended(run, finding.error());
    }
    switch (finding->kind) {
      case Kind::ours:
        return self->rebase(run, std::move(finding->object));
      case Kind::gone:
        return self->rebase(run, std::nullopt);
      case Kind::same:
        self->core_.parts.log->info("'{}' is in the bucket already, with the same bytes", run->key);
        return self->run_ended(run, std::move(finding->object));
      case Kind::theirs:
        return self->keep_both(run, error);
    }
  };
  ConflictCheck::begin(core_, run->key, run->promise, error, std::move(found));
}

/// What is there was made of an earlier promise of this file, or of this one. It has the bytes of
/// the base that are still needed: what is promised later only needs fewer. Or nothing is there any
/// more, and nothing of it is needed.
void PendingFile::rebase(const RunPtr& run, std::optional<ObjectInfo> ours) {
  core_.parts.log->info("'{}' {}", run->key,
                        ours ? "is in the bucket already, as it was promised earlier"
                             : "was deleted in the bucket: it is stored anew");
  {
    const MutexLock lock(mutex_);
    object_.found(std::move(ours));
  }
  core_.parts.scheduler.post(
      [self = shared_from_this(), run] { self->prepare(run, std::nullopt); });
}

void PendingFile::keep_both(const RunPtr& run, const Error& error) {
  const bool edit = run->promise->contents.needs_base();
  std::string theirs = run->key;
  {
    const MutexLock lock(mutex_);
    run->conflict = true;
    if (!edit) run->key = conflict_key(theirs);
  }
  if (edit) {
    core_.parts.log->error(
        "'{}' was replaced in the bucket while changes to it were pending: they belong to bytes "
        "that are gone, and stay in the journal. To let go of them, delete the file in the mount.",
        theirs);
    return run_ended(run, error);
  }
  core_.parts.log->warning(
      "'{}' was made or changed by somebody else while it was pending here: what was written here "
      "is stored as '{}'",
      theirs, run->key);
  prepare(run, std::nullopt);
}

/// Takes the waiters of what was promised up to `promise`.
std::vector<Done<ObjectInfo>> PendingFile::waiters_of(uint64_t promise) {
  std::vector<Done<ObjectInfo>> taken;
  std::vector<Waiter> left;
  for (Waiter& waiter : waiters_) {
    if (waiter.promise > promise) {
      left.push_back(std::move(waiter));
    } else {
      taken.push_back(std::move(waiter.done));
    }
  }
  waiters_ = std::move(left);
  return taken;
}

void PendingFile::answered(const ObjectInfo& info) {
  std::vector<Done<ObjectInfo>> late;
  {
    const MutexLock lock(mutex_);
    if (--answering_ == 0) late = std::exchange(late_waiters_, {});
  }
  for (Done<ObjectInfo>& done : late) done(info);
}

void PendingFile::adopt(const Run& run, ObjectInfo info, Deferred& after) {
  const uint64_t number = run.promise->number;
  info.key = run.key;
  info.size = run.promise->contents.size();
  info.metadata = run.promise->metadata;
  object_.stored(info, run.conflict);
  core_.full_disk.arrived(core_.parts.scheduler.now());
  if (run.upload != nullptr) after.release(run.upload);
  contents_.settle(run.promise->generation);
  const bool more = promises_.stored(*run.promise);
  // The next mount would find this object and compare it with what the journal has, so that is said
  // first. It is in the bucket all the same if the disk fails. A deletion or rename that holds the
  // file is to see the result of this upload, and thus is answered last.
  ++answering_;
  auto answer = [self = shared_from_this(), waiters = waiters_of(number),
                 holders = std::exchange(hold_waiters_, {}), info](const Result<void>&) mutable {
    for (Done<ObjectInfo>& done : waiters) done(info);
    self->answered(info);
    for (Done<bool>& holder : holders) holder(true);
  };
  more ? records_.record(std::move(answer)) : records_.forget(std::move(answer));
}

}  // namespace penstock
