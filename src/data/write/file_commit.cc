// SPDX-License-Identifier: Apache-2.0
#include "data/write/file_commit.h"

#include <utility>

#include "data/write/outgoing.h"

namespace penstock {
namespace {

/// How many ranges of the base a commit fetches at the same time. A further part begins to fetch
/// what it lacks, and takes the memory of a part, only when fewer are under way.
constexpr uint32_t fetches_at_once = 4;

}  // namespace

void FileCommit::begin(CommitRequest request, Done<ObjectInfo> done, Deferred& after) {
  begin({.request = std::move(request), .done = std::move(done)}, after);
}

void FileCommit::begin(Pending pending, Deferred& after) {
  if (rooms_.phase.abandoned()) {
    return after.answer<ObjectInfo>(std::move(pending.done),
                                    Error(Code::cancelled, "the file was given up"));
  }
  if (upload_.lost()) return after.answer<ObjectInfo>(std::move(pending.done), *upload_.lost());
  if (rooms_.phase.committing()) {
    // The contents stand still: whatever this caller saw written is part of the commit that runs.
    const bool same = request_.metadata == pending.request.metadata && !rooms_.phase.error();
    if (same) {
      reported_ |= !pending.own;
      waiters_.push_back(std::move(pending.done));
    } else {
      pending_.push_back(std::move(pending));
    }
    return;
  }
  if (!rooms_.object.wants_commit(pending.request.metadata)) {
    if (!pending.own) rooms_.object.reported();
    return after.answer<ObjectInfo>(std::move(pending.done), *rooms_.object.base());
  }
  rooms_.phase.begin_commit();
  request_ = std::move(pending.request);
  waiters_.push_back(std::move(pending.done));
  step_ = Step::prepare;
  for_change_ = as_put_ = false;
  reported_ = !pending.own;
  upload_.forgive();
  advance_later(after);
}

void FileCommit::advance_later(Deferred& after) {
  after.call([this, keep = rooms_.strand.keep()] {
    rooms_.strand.run([this](Deferred& later) { advance(later); });
  });
}

bool FileCommit::may_go_midway(ByteRange range) const {
  if (!readable_) return true;
  bool copied = true;
  rooms_.contents.visit(range, [&](const SegmentMap::Segment& segment) {
    for (uint64_t at = segment.range.offset; at < segment.range.end();) {
      const uint32_t number = rooms_.core.layout.number_at(at);
      copied &= segment.source != Source::sent || rooms_.parts.copied_from(number) != nullptr;
      at = rooms_.core.layout.range(number).end();
    }
    return copied;
  });
  return copied;
}

void FileCommit::go_midway(Deferred& after) {
  if (!std::exchange(said_midway_, true)) {
    rooms_.core.parts.log->info(
        "'{}' is changed where it was uploaded already: it is stored as it is so far, as fsync "
        "would, and goes on as an edit of that object.",
        rooms_.object.key());
  }
  begin({.request = {.metadata = rooms_.object.metadata(), .condition = {}},
         .done = [](const Result<ObjectInfo>&) {},
         .own = true},
        after);
  for_change_ = true;
}

void FileCommit::advance(Deferred& after) {
  WriterPhase& phase = rooms_.phase;
  if (!phase.committing() || step_ != Step::prepare) return;
  if (rooms_.memory.spilling() || upload_.copying()) return;
  if (phase.abandoned()) phase.fail(Error(Code::cancelled, "the file was given up"));
  const std::optional<Error> error = upload_.lost() ? upload_.lost() : phase.error();
  if (error) {
    rooms_.parts.put_back_ready();
    if (!rooms_.strand.busy()) finish(*error, after);
    return;
  }
  if (!rooms_.object.contents_dirty()) return describe_object(after);
  if (!phase.planned()) plan(after);
  if (!phase.planned() || phase.error()) return;
  if (as_put_) {
    if (phase.fetches() == 0) start_put(after);
    return;
  }
  prepare_parts(after);
  if (phase.all_stored() && upload_.created()) start_complete(after);
}

/// One PUT or parts; leaves the commit unplanned where something under way has to end first.
void FileCommit::plan(Deferred& after) {
  const uint64_t size = rooms_.contents.size();
  as_put_ = size <= rooms_.core.options.single_put_size && !rooms_.contents.any(mask(Source::sent));
  if (!as_put_) return plan_parts(after);
  if (rooms_.parts.any(PartTable::State::sending)) return;
  rooms_.parts.put_back_ready();
  rooms_.phase.plan();
  if (rooms_.contents.any(mask(Source::base))) start_fetch({0, size}, 0, after);
}

void FileCommit::plan_parts(Deferred& after) {
  PartTable& parts = rooms_.parts;
  const bool begun = parts.any(PartTable::State::sending) || parts.any(PartTable::State::stored);
  // An upload that was created ahead of time, with metadata that have changed since, is not worth
  // the copy that would mend it.
  if (upload_.created() && !begun && upload_.session().metadata != request_.metadata)
    upload_.retire(after);
  rooms_.phase.plan();
  const uint32_t count = rooms_.core.layout.count(rooms_.contents.size());
  for (uint32_t number = 1; number <= count; ++number) {
    switch (parts.state(number)) {
      case PartTable::State::idle: {
        const ByteRange range = rooms_.contents.clip(number);
        rooms_.phase.add_part(number);
        parts.plan(number, !parts.touched(number) && upload_.copies_parts() &&
                               range.end() <= rooms_.contents.base_limit() &&
                               range.length >= rooms_.core.limits.min_part_size);
        break;
      }
      case PartTable::State::ready:
      case PartTable::State::sending:
        rooms_.phase.part_open();
        break;
      case PartTable::State::stored:
        break;
    }
  }
  upload_.create(after);
}

/// Hands parts to the upload; the ones that need bytes of the base fetch them first, a few at a
/// time.
void FileCommit::prepare_parts(Deferred& after) {
  while (const std::optional<uint32_t> number = rooms_.phase.next_part()) {
    const ByteRange range = rooms_.contents.clip(*number);
    const bool fetch =
        !rooms_.parts.copies_base(*number) && rooms_.contents.any(range, mask(Source::base));
    if (fetch && rooms_.phase.fetches() >= fetches_at_once) return;
    rooms_.phase.prepare_next();
    if (fetch) {
      start_fetch(range, *number, after);
    } else {
      upload_.make_ready(*number, after);
    }
  }
}

void FileCommit::start_put(Deferred& after) {
  step_ = Step::putting;
  const WriterObject& object = rooms_.object;
  auto done = rooms_.strand.answer<ObjectInfo>(
      [this](const Result<ObjectInfo>& result, Deferred& later) { put_done(result, later); });
  auto send = [&store = rooms_.core.parts.store, key = object.key(),
               metadata = WriterObject::of_new_contents(request_.metadata),
               condition = object.condition(request_.condition, object.key()),
               tags_of = object.tags_source(), done = std::move(done)](Result<Body> body) mutable {
    if (!body) return done(body.error());
    store.put({.key = std::move(key),
               .body = std::move(*body),
               .metadata = std::move(metadata),
               .condition = std::move(condition),
               .tags_of = std::move(tags_of)},
              std::move(done));
  };
  upload_.deliver(upload_.collect({0, rooms_.contents.size()}), std::move(send), after);
}

void FileCommit::put_done(const Result<ObjectInfo>& result, Deferred& after) {
  if (!result) return finish(result, after);
  upload_.retire(after);
  adopt(*result, request_.metadata, after);
  finish(*rooms_.object.base(), after);
}

void FileCommit::start_complete(Deferred& after) {
  step_ = Step::completing;
  const UploadSession& session = upload_.session();
  CompleteUpload request{
      .key = session.key,
      .upload_id = session.id,
      .parts = rooms_.parts.completed(rooms_.core.layout.count(rooms_.contents.size())),
      .condition = rooms_.object.condition(request_.condition, session.key),
      .can_begin_again = !rooms_.contents.any(mask(Source::sent)),
      .just_seen = rooms_.phase.base_seen()};
  auto done = rooms_.strand.answer<ObjectInfo>(
      [this](const Result<ObjectInfo>& result, Deferred& later) { complete_done(result, later); });
  after.call([&store = rooms_.core.parts.store, request = std::move(request),
              done = std::move(done)]() mutable {
    store.complete_upload(std::move(request), std::move(done));
  });
}

void FileCommit::complete_done(const Result<ObjectInfo>& result, Deferred& after) {
  step_ = Step::prepare;
  if (!result && result.code() == Code::not_found)
    return upload_.lose(result.error(), after);  // plans anew, from what is still held
  if (!result) return finish(result, after);
  const Metadata metadata = upload_.session().metadata;
  upload_.completed(after);
  adopt(*result, metadata, after);
  if (metadata == request_.metadata) return finish(*rooms_.object.base(), after);
  rooms_.object.needs_description();
  describe_object(after);
}

/// The object has the present contents: from now on everything is an edit of it.
void FileCommit::adopt(ObjectInfo info, const Metadata& metadata, Deferred& after) {
  const uint64_t size = rooms_.contents.size();
  rooms_.object.stored(std::move(info), size, metadata);
  upload_.stored();
  rooms_.parts.clear();
  rooms_.contents.became_object(after);
  rooms_.memory.leave_staging();
  const uint32_t count = rooms_.core.layout.count(size);
  for (uint32_t number = 1; number <= count; ++number) rooms_.staging.settle(number, after);
}

/// Gives the object the metadata that were asked for, by a copy onto itself.
void FileCommit::describe_object(Deferred& after) {
  step_ = Step::describing;
  const WriterObject& object = rooms_.object;
  CopyObject request{.source = object.key(),
                     .target = object.key(),
                     .size = object.base()->size,
                     .etag = object.base()->etag,
                     .metadata = request_.metadata};
  auto done = rooms_.strand.answer<ObjectInfo>(
      [this](const Result<ObjectInfo>& copied, Deferred& later) { described(copied, later); });
  after.call(
      [&copier = rooms_.core.copier, request = std::move(request),
       done = std::move(done)]() mutable { copier.copy(std::move(request), std::move(done)); });
}

void FileCommit::described(const Result<ObjectInfo>& result, Deferred& after) {
  if (!result) return finish(result, after);
  rooms_.object.described(*result, request_.metadata);
  finish(*rooms_.object.base(), after);
}

void FileCommit::finish(const Result<ObjectInfo>& result, Deferred& after) {
  rooms_.phase.end_commit();
  if (result && reported_) rooms_.object.reported();
  for (Done<ObjectInfo>& waiter : std::exchange(waiters_, {}))
    after.answer<ObjectInfo>(std::move(waiter), result);
  if (!result) rooms_.parts.put_back_ready();
  const bool for_change = std::exchange(for_change_, false);
  listener_.committed(result, for_change, after);
  // One that finds nothing to do is answered at once: then it is the next one's turn.
  while (!rooms_.phase.committing() && !pending_.empty()) {
    Pending next = std::move(pending_.front());
    pending_.pop_front();
    begin(std::move(next), after);
  }
}

}  // namespace penstock
