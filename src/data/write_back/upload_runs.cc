// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/upload_runs.h"

#include <utility>

namespace penstock {
namespace {

/// A failed try of more than this is gone on with rather than begun anew: what its parts hold is
/// worth the memory.
constexpr uint64_t worth_going_on = 64ULL << 20;

Error deleted() { return Error(Code::cancelled, "the file was deleted"); }

}  // namespace

/// A run that waits for its turn among the files that upload.
struct UploadRuns::Turn final : UploadSlots::User {
  Turn(UploadRuns& the_runs, RunPtr the_run)
      : keep(the_runs.rooms_.file.keep()), runs(the_runs), run(std::move(the_run)) {}
  void use_slot() override {
    runs.core_.parts.scheduler.post([keep = keep, &runs = runs, run = run] { runs.begin(run); });
  }

  const std::shared_ptr<void> keep;
  UploadRuns& runs;
  const RunPtr run;
};

UploadRuns::UploadRuns(Rooms rooms, Metadata initial, std::optional<JournalUpload> earlier,
                       bool restored)
    : rooms_(std::move(rooms)),
      core_(rooms_.core),
      begun_(core_, rooms_.uploads, std::move(initial), std::move(earlier), restored) {}

void UploadRuns::commit(Done<ObjectInfo> done, Deferred& after) {
  if (rooms_.promises.owes()) {
    waiters_.add(rooms_.promises.last()->number, std::move(done));
    return go_on(after);
  }
  if (waiters_.answering()) return waiters_.add_late(std::move(done));
  const std::optional<ObjectInfo>& base = rooms_.object.base();
  if (base) return after.answer(std::move(done), *base);
  after.answer(std::move(done), Error(Code::invalid_argument, "nothing was persisted"));
}

void UploadRuns::refuse_all(Deferred& after) { waiters_.fail(UINT64_MAX, deleted(), after); }

bool UploadRuns::sent() const { return (run_ != nullptr && run_->begun) || begun_.any(); }

void UploadRuns::renamed() {
  begun_.earlier().give_up();
  renamed_ = rooms_.promises.owes();
}

void UploadRuns::name_promised(Deferred& after) {
  renamed_ = false;
  go_on(after);
}

void UploadRuns::hold(Done<bool> done, Deferred& after) {
  held_ = true;
  begun_.drop(after);
  holders_.push_back(std::move(done));
  if (run_ == nullptr) return answer_holders(rooms_.object.base().has_value(), after);
  if (run_->upload != nullptr) after.call([upload = run_->upload] { upload->cancel(); });
}

void UploadRuns::release(Deferred& after) {
  held_ = false;
  rooms_.records.spare();
  go_on(after);
}

void UploadRuns::close() {
  closed_ = true;
  std::vector<std::shared_ptr<FileUpload>> uploads = begun_.close();
  const bool waited_for = run_ == nullptr && !waiters_.empty();
  if (uploads.empty() && !waited_for) return;
  core_.parts.scheduler.post([this, keep = rooms_.file.keep(), uploads = std::move(uploads)] {
    for (const std::shared_ptr<FileUpload>& upload : uploads) upload->cancel();
    in_file([this](Deferred& after) {
      if (run_ == nullptr) refuse_all(after);
    });
  });
}

/// What parts hold of these bytes is no longer the file's.
void UploadRuns::changing(uint64_t offset, uint64_t end) {
  const bool of_run = run_ != nullptr && run_->begun && offset < run_->promise->contents.size();
  if (of_run && !std::exchange(run_->disowned, true)) rooms_.uploads->disown();
  begun_.changing(offset, end);
}

void UploadRuns::stored(ByteRange range) {
  const bool is_new = !rooms_.object.base() && rooms_.promises.last() == nullptr;
  if (is_new && !held_) begun_.feed(rooms_.object, rooms_.contents.map(), range);
}

void UploadRuns::recorded(const Result<void>& kept, Deferred& after) {
  if (!kept && !rooms_.promises.durable_owes()) waiters_.fail(UINT64_MAX, kept.error(), after);
  go_on(after);
}

/// Begins what somebody waits for, unless it has begun or cannot yet.
void UploadRuns::go_on(Deferred& after) {
  const bool ready = run_ == nullptr && !held_ && !renamed_ && rooms_.promises.durable_owes();
  if (!ready || waiters_.empty()) return;
  run_ = std::make_shared<Run>();
  after.call([this, keep = rooms_.file.keep(), run = run_] {
    core_.slots.request(std::make_shared<Turn>(*this, run), 1);
  });
}

/// The run got its turn among the uploads, and is put off before it has sent anything.
void UploadRuns::put_off(Deferred& after) {
  run_ = nullptr;
  answer_enders(after);
  answer_holders(rooms_.object.base().has_value(), after);
  after.call([this, keep = rooms_.file.keep()] { core_.slots.release(); });
}

/// Where an upload has ended, but those who wait for it do not know of it yet, who holds the file
/// is answered behind them: a deletion or rename is to see what they note of it.
void UploadRuns::answer_holders(bool sent, Deferred& after) {
  if (waiters_.answering()) return;
  for (Done<bool>& holder : std::exchange(holders_, {})) after.answer(std::move(holder), sent);
}

void UploadRuns::answer_enders(Deferred& after) {
  for (Callback<void()>& ender : std::exchange(enders_, {})) after.call(std::move(ender));
}

void UploadRuns::begin(const RunPtr& run) {
  enum class Way : uint8_t { put_off, end, describe, ask, prepare };
  Way way = Way::prepare;
  std::optional<JournalUpload> earlier;
  in_file([&](Deferred& after) {
    if (renamed_ && !stopped()) {
      way = Way::put_off;
      return put_off(after);
    }
    if (stopped() || !rooms_.promises.durable_owes()) {
      way = Way::end;
      return;
    }
    run->promise = rooms_.promises.durable();
    run->key = rooms_.object.key();
    run->begun = true;
    const ContentMap& contents = run->promise->contents;
    const std::optional<ObjectInfo>& base = rooms_.object.base();
    if (base && base->size == contents.size() && contents.only_base()) {
      way = Way::describe;
      return begun_.earlier().give_up();
    }
    earlier = begun_.earlier().take();
    if (earlier) way = Way::ask;
  });
  switch (way) {
    case Way::put_off:
      return;
    case Way::end:
      return end(run, deleted());
    case Way::describe:
      return describe(run);
    case Way::ask:
      return ask_for_parts(run, std::move(*earlier));
    case Way::prepare:
      return prepare(run, std::nullopt);
  }
}

void UploadRuns::ask_for_parts(const RunPtr& run, JournalUpload earlier) {
  JournalUpload asked = earlier;
  auto answered = [this, keep = rooms_.file.keep(), run,
                   earlier = std::move(earlier)](Result<std::optional<LeftUpload>> parts) mutable {
    if (!parts) {
      in_file([&](Deferred&) {
        // To be asked again, if its parts are still the file's then.
        begun_.earlier().put_back(std::move(earlier));
        if (run->disowned || held_) begun_.earlier().give_up();
      });
      return end(run, parts.error());
    }
    core_.parts.scheduler.post(
        [this, keep, run, left = std::move(*parts)]() mutable { prepare(run, std::move(left)); });
  };
  EarlierUpload::ask(core_, rooms_.uploads, std::move(asked), std::move(answered));
}

void UploadRuns::prepare(const RunPtr& run, std::optional<LeftUpload> left) {
  CommitRequest request;
  std::optional<BegunUploads::Begun> begun;
  in_file([&](Deferred&) {
    request = {.metadata = run->promise->metadata,
               .condition = rooms_.object.condition(run->conflict)};
    begun = begun_.take(run->promise, run->key);
  });
  const bool fresh = !begun;
  if (fresh) begun = begin_upload(run, request.metadata, std::move(left));
  const std::shared_ptr<FileUpload>& upload = begun->upload;
  bool cancelled = false;
  in_file([&](Deferred&) {
    run->upload = upload;
    cancelled = stopped();
  });
  if (cancelled) upload->cancel();
  if (!begun->fed) upload->feed_contents(run->promise->contents, begun->sent, fresh);
  upload->finish(std::move(request),
                 [this, keep = rooms_.file.keep(), run](Result<ObjectInfo> result) {
                   end(run, std::move(result));
                 });
}

/// An upload for this run, which goes on with what a dead mount has `left` where it can.
BegunUploads::Begun UploadRuns::begin_upload(const RunPtr& run, const Metadata& metadata,
                                             std::optional<LeftUpload> left) {
  const ContentMap& contents = run->promise->contents;
  if (left && (contents.needs_base() || run->conflict)) {
    EarlierUpload::abort(core_, rooms_.uploads, run->key, std::move(left->id));
    left.reset();
  }
  std::optional<WriteBase> base;
  in_file([&](Deferred&) {
    if (contents.needs_base()) base = WriteBase{*rooms_.object.base()};
    // An edit's parts are in part copies of a base that may be gone at the next mount.
    const bool in_parts = contents.size() > core_.parts.direct.first_part_size();
    if (!base && in_parts && !run->disowned && !held_) rooms_.uploads->expect(metadata);
  });
  BegunUploads::Begun begun;
  std::shared_ptr<DirectFileWriter> writer;
  if (left) {
    std::erase_if(left->parts,
                  [&](const CompletedPart& part) { return part.size > contents.size(); });
    writer = core_.parts.direct.resume(run->key, std::move(*left), rooms_.uploads, begun.sent);
    core_.parts.log->info("'{}': its upload goes on with {} parts that the store has", run->key,
                          begun.sent.size());
  } else {
    writer = core_.parts.direct.begin(run->key, std::move(base), metadata, rooms_.uploads);
  }
  begun.upload = std::make_shared<FileUpload>(core_, std::move(writer));
  return begun;
}

/// Only the metadata differ from the object's.
void UploadRuns::describe(const RunPtr& run) {
  CopyObject request;
  in_file([&](Deferred&) {
    request = {.source = run->key,
               .target = run->key,
               .size = rooms_.object.base()->size,
               .etag = rooms_.object.base()->etag,
               .metadata = run->promise->metadata};
  });
  core_.parts.copier.copy(std::move(request),
                          [this, keep = rooms_.file.keep(), run](Result<ObjectInfo> result) {
                            end(run, std::move(result));
                          });
}

bool UploadRuns::meets_conflict(const Run& run, const Error& error) const {
  const bool refused = error.code() == Code::changed || error.code() == Code::already_exists;
  return refused && run.begun && !run.looked && !stopped();
}

void UploadRuns::refused(const RunPtr& run, const Error& error) {
  rooms_.uploads->disown();
  std::shared_ptr<FileUpload> upload;
  in_file([&](Deferred&) {
    run->looked = true;
    upload = std::exchange(run->upload, nullptr);
  });
  if (upload != nullptr) upload->cancel();
  ConflictCheck::begin(
      core_, run->key, run->promise, error,
      [this, keep = rooms_.file.keep(), run, error](Result<ConflictCheck::Finding> finding) {
        found(run, std::move(finding), error);
      });
}

void UploadRuns::found(const RunPtr& run, Result<ConflictCheck::Finding> finding,
                       const Error& refusal) {
  using Kind = ConflictCheck::Finding::Kind;
  // Not settled: the next try comes here again.
  if (!finding) return end(run, finding.error());
  switch (finding->kind) {
    case Kind::ours:
      // A key that was made for this run has nothing that was promised earlier.
      return run->conflict ? end(run, std::move(finding->object))
                           : rebase(run, std::move(finding->object));
    case Kind::gone:
      return rebase(run, std::nullopt);
    case Kind::same:
      core_.parts.log->info("'{}' is in the bucket already, with the same bytes", run->key);
      return end(run, std::move(finding->object));
    case Kind::theirs:
      return keep_both(run, refusal);
  }
}

/// What is there was made of an earlier promise of this file, or of this one. It has the bytes of
/// the base that are still needed: what is promised later only needs fewer. Or nothing is there any
/// more, and nothing of it is needed.
void UploadRuns::rebase(const RunPtr& run, std::optional<ObjectInfo> ours) {
  core_.parts.log->info("'{}' {}", run->key,
                        ours ? "is in the bucket already, as it was promised earlier"
                             : "was deleted in the bucket: it is stored anew");
  in_file([&](Deferred&) {
    run->looked = false;
    if (!run->conflict) rooms_.object.found(std::move(ours));
  });
  core_.parts.scheduler.post(
      [this, keep = rooms_.file.keep(), run] { prepare(run, std::nullopt); });
}

void UploadRuns::keep_both(const RunPtr& run, const Error& error) {
  const bool edit = run->promise->contents.needs_base();
  const std::string theirs = run->key;
  in_file([&](Deferred&) {
    if (edit) return;
    run->conflict = true;
    run->looked = false;
    run->key = conflict_key(theirs);
  });
  if (edit) {
    core_.parts.log->error(
        "'{}' was replaced in the bucket while changes to it were pending: they belong to bytes "
        "that are gone, and stay in the journal. To let go of them, delete the file in the mount.",
        theirs);
    return end(run, error);
  }
  core_.parts.log->warning(
      "'{}' was made or changed by somebody else while it was pending here: what was written here "
      "is stored as '{}'",
      theirs, run->key);
  prepare(run, std::nullopt);
}

void UploadRuns::end(const RunPtr& run, Result<ObjectInfo> result) {
  bool conflict = false;
  if (!result) in_file([&](Deferred&) { conflict = meets_conflict(*run, result.error()); });
  if (conflict) return refused(run, result.error());
  in_file([&](Deferred& after) {
    run_ = nullptr;
    rooms_.uploads->expect_none();
    if (result) {
      adopt(*run, std::move(*result), after);
    } else {
      failed(run, result.error(), after);
    }
    answer_enders(after);
    answer_holders(rooms_.object.base().has_value() || run->begun, after);
    go_on(after);
  });
  core_.slots.release();
}

void UploadRuns::failed(const RunPtr& run, const Error& error, Deferred& after) {
  const PromisePtr& durable = rooms_.promises.durable();
  const bool keep = run->upload != nullptr && !stopped() && !run->disowned &&
                    run->promise == durable && durable->contents.size() > worth_going_on;
  if (keep) {
    begun_.keep({run->promise, run->key, run->upload});
  } else if (run->upload != nullptr) {
    if (!closed_) rooms_.uploads->disown();
    after.call([upload = run->upload] { upload->cancel(); });
  }
  if (run->begun && !stopped()) rooms_.records.note_failure(error);
  // What was promised meanwhile is not refused with it: that has a run of its own.
  const bool newer = run->promise != nullptr && rooms_.promises.durable_owes() &&
                     durable->number > run->promise->number && !stopped();
  waiters_.fail(newer ? run->promise->number : UINT64_MAX, error, after);
}

void UploadRuns::adopt(const Run& run, ObjectInfo info, Deferred& after) {
  info.key = run.key;
  info.size = run.promise->contents.size();
  info.metadata = run.promise->metadata;
  rooms_.object.stored(info, run.conflict);
  core_.full_disk.arrived(core_.parts.scheduler.now());
  if (run.upload != nullptr) after.release(run.upload);
  rooms_.contents.settle(run.promise->generation);
  const bool more = rooms_.promises.stored(*run.promise);
  // The next mount would find this object and compare it with what the journal has, so that is said
  // first. It is in the bucket all the same if the disk fails.
  waiters_.begin_answer();
  auto answer = [this, keep = rooms_.file.keep(), waiters = waiters_.take(run.promise->number),
                 info](const Result<void>&) mutable {
    for (Done<ObjectInfo>& done : waiters) done(info);
    answered(info);
  };
  more ? rooms_.records.record(std::move(answer)) : rooms_.records.forget(std::move(answer));
}

void UploadRuns::answered(const ObjectInfo& info) {
  in_file([&](Deferred& after) {
    for (Done<ObjectInfo>& done : waiters_.end_answer()) after.answer(std::move(done), info);
    if (run_ == nullptr) answer_holders(true, after);
  });
}

}  // namespace penstock
