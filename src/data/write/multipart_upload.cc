// SPDX-License-Identifier: Apache-2.0
#include "data/write/multipart_upload.h"

#include <algorithm>
#include <utility>

#include "data/upload_registry.h"
#include "data/write/outgoing.h"

namespace penstock {
namespace {

/// How often an upload that the store lost is made again before its error is believed.
constexpr uint32_t most_restarts = 3;

}  // namespace

void MultipartUpload::forgive() noexcept {
  failure_.reset();
  sends_ahead_ = true;
  restarts_ = 0;
}

std::vector<ByteRange> MultipartUpload::resume(LeftUpload upload, Deferred& after) {
  std::vector<ByteRange> kept;
  session_ = std::make_shared<UploadSession>(UploadSession{
      .key = rooms_.object.key(), .metadata = std::move(upload.metadata), .id = upload.id});
  after.call([&registry = rooms_.registry, key = session_->key, id = upload.id] {
    registry.added(key, id);
  });
  for (CompletedPart& completed : upload.parts) {
    if (completed.number == 0 || completed.number > rooms_.core.limits.max_parts) continue;
    session_->last_part = std::max(session_->last_part, completed.number);
    const ByteRange range = rooms_.core.layout.range(completed.number);
    // The end of a file that has grown since; it is sent again under the same number.
    if (completed.size != range.length) continue;
    rooms_.parts.found(std::move(completed));
    rooms_.contents.replaced_in_upload(range, after);
    kept.push_back(range);
  }
  return kept;
}

void MultipartUpload::create(Deferred& after) {
  if (exists()) return;
  session_ = std::make_shared<UploadSession>(
      UploadSession{.key = rooms_.object.key(), .metadata = rooms_.object.metadata(), .id = {}});
  CreateUpload request{.key = session_->key,
                       .metadata = WriterObject::of_new_contents(session_->metadata),
                       .tags_of = rooms_.object.tags_source()};
  auto answered = rooms_.strand.answer<std::string>(
      [this, session = session_](const Result<std::string>& id, Deferred& later) {
        was_created(session, id, later);
      });
  after.call([&store = rooms_.core.parts.store, request = std::move(request),
              answered = std::move(answered)]() mutable {
    store.create_upload(std::move(request), std::move(answered));
  });
}

void MultipartUpload::was_created(const Session& session, const Result<std::string>& id,
                                  Deferred& after) {
  if (id) {
    session->id = *id;
    // Remembered before the first part is sent.
    after.call(
        [&registry = rooms_.registry, key = session->key, id = *id] { registry.added(key, id); });
    if (session != session_) return abort(session, after);
    for (const PartTable::Way way : {PartTable::Way::bytes, PartTable::Way::copy}) {
      after.call([this, keep = rooms_.strand.keep(), way, count = rooms_.parts.count_ready(way)] {
        request_slots(way, count);
      });
    }
    return;
  }
  if (session != session_) return;
  session_.reset();
  sends_ahead_ = false;
  if (copy_) {
    // Without an upload the copy that a program waits for ends here, as one that copied nothing. A
    // commit that waits for the copy's end goes on then, and meets the error itself.
    if (!copy_->error) copy_->error = id.error();
    rooms_.parts.put_back_ready();
  } else if (rooms_.phase.committing()) {
    rooms_.phase.fail(id.error());
  } else if (rooms_.parts.any(PartTable::State::ready)) {
    failure_ = id.error();
    rooms_.parts.put_back_ready();
  }
}

void MultipartUpload::retire(Deferred& after) {
  const Session session = std::exchange(session_, nullptr);
  // One that is not created yet is aborted when it is.
  if (session != nullptr && !session->id.empty()) abort(session, after);
}

void MultipartUpload::abort(const Session& session, Deferred& after) {
  auto aborted = rooms_.strand.answer<void>([](const Result<void>&, Deferred&) {});
  after.call([&rooms = rooms_, session, aborted = std::move(aborted)]() mutable {
    auto ended = [&rooms, session, aborted = std::move(aborted)](Result<void> result) mutable {
      if (result || result.code() == Code::not_found)
        rooms.registry.ended(session->key, session->id);
      aborted(std::move(result));
    };
    rooms.core.parts.store.abort_upload(session->key, session->id, std::move(ended));
  });
}

void MultipartUpload::begin_again(Deferred& after) {
  retire(after);
  forget_sent_parts();
  consider_all(after);
}

void MultipartUpload::completed(Deferred& after) {
  after.call([&registry = rooms_.registry, session = std::exchange(session_, nullptr)] {
    registry.ended(session->key, session->id);
  });
}

void MultipartUpload::lose(const Error& error, Deferred& after) {
  completed(after);
  ++restarts_;
  forget_sent_parts();
  const std::string& key = rooms_.object.key();
  if (rooms_.contents.any(mask(Source::sent))) {
    lost_ = Error(
        Code::unavailable,
        Error::Detail{
            .message = "the store lost the unfinished upload, and with it bytes that were not held "
                       "in memory any more: the file has to be written again",
            .key = key,
            .request_id = error.detail().request_id,
            .service_code = error.detail().service_code});
  }
  rooms_.core.parts.log->warning("'{}': the store lost its unfinished upload; {}.", key,
                                 lost_ ? "some of its bytes are gone" : "it is sent again");
  const bool enough = !lost_ && restarts_ > most_restarts;
  if (rooms_.phase.committing()) {
    if (enough) rooms_.phase.fail(error);
    rooms_.phase.plan_again();
  } else if (enough) {
    failure_ = error;
  } else if (!lost_) {
    consider_all(after);
  }
}

void MultipartUpload::forget_sent_parts() {
  for (const uint32_t number : rooms_.parts.forget_sent()) rooms_.memory.unkeep(number);
}

void MultipartUpload::consider(uint32_t number, Deferred& after) {
  const PartTable& parts = rooms_.parts;
  if (rooms_.phase.committing() || rooms_.phase.abandoned() || !sends_ahead_) return;
  if (!parts.known(number) || parts.state(number) != PartTable::State::idle) return;
  if (parts.sent_before(number) || copies(number)) return;
  const ByteRange range = rooms_.core.layout.range(number);
  if (rooms_.contents.size() <= range.end()) return;
  // An edit: the next write may well go here, too.
  if (range.offset < rooms_.contents.base_limit()) return;
  if (rooms_.contents.any(range, Source::hole | Source::base)) return;
  make_ready(number, after);
  create(after);
}

void MultipartUpload::consider_all(Deferred& after) {
  for (const uint32_t number : rooms_.parts.numbers()) consider(number, after);
}

void MultipartUpload::touch(uint32_t number) {
  rooms_.parts.touch(number);
  rooms_.memory.unkeep(number);
}

void MultipartUpload::make_ready(uint32_t number, Deferred& after) {
  const bool of_base = rooms_.parts.copies_base(number);
  if (!of_base) rooms_.memory.unkeep(number);
  const PartTable::Way way =
      of_base || copies(number) ? PartTable::Way::copy : PartTable::Way::bytes;
  rooms_.parts.ready(number, way);
  if (!created()) return;  // was_created asks for all
  after.call([this, keep = rooms_.strand.keep(), way] { request_slots(way, 1); });
}

void MultipartUpload::request_slots(PartTable::Way way, uint32_t count) {
  UploadSlots::User* sender = way == PartTable::Way::bytes ? &bytes_sender_ : &copy_sender_;
  slots(way).request(std::shared_ptr<UploadSlots::User>(rooms_.strand.keep(), sender), count);
}

bool MultipartUpload::leaves_parts_out(uint64_t size) const {
  return exists() && session_->last_part > rooms_.core.layout.count(size);
}

void MultipartUpload::Sender::use_slot() {
  const std::shared_ptr<void> keep = upload.rooms_.strand.keep();
  bool sent = false;
  upload.rooms_.strand.run([&](Deferred& after) { sent = upload.send_next(way, after); });
  if (!sent) upload.slots(way).release();
}

bool MultipartUpload::send_next(PartTable::Way way, Deferred& after) {
  const std::optional<uint32_t> number = created() ? rooms_.parts.take(way) : std::nullopt;
  if (!number) return false;
  session_->last_part = std::max(session_->last_part, *number);
  way == PartTable::Way::bytes ? send_bytes(*number, after) : send_copy(*number, after);
  return true;
}

// The answer to a part's request, which gives its slot back.
Done<CompletedPart> MultipartUpload::part_answer(uint32_t number, PartTable::Way way) {
  return rooms_.strand.answer<CompletedPart>(
      [this, session = session_, number, way](const Result<CompletedPart>& done, Deferred& after) {
        part_done(session, number, done, after);
        after.call([this, keep = rooms_.strand.keep(), way] { slots(way).release(); });
      });
}

void MultipartUpload::send_bytes(uint32_t number, Deferred& after) {
  auto send = [&store = rooms_.core.parts.store, key = session_->key, id = session_->id, number,
               done = part_answer(number, PartTable::Way::bytes)](Result<Body> body) mutable {
    if (!body) return done(body.error());
    store.upload_part({.key = key, .upload_id = id, .number = number, .body = std::move(*body)},
                      std::move(done));
  };
  deliver(collect(rooms_.contents.clip(number)), std::move(send), after);
}

void MultipartUpload::send_copy(uint32_t number, Deferred& after) {
  UploadPartCopy request{.key = session_->key,
                         .upload_id = session_->id,
                         .number = number,
                         .source = {},
                         .source_if_match = {},
                         .source_range = rooms_.contents.clip(number)};
  if (copies(number)) {
    request.source = copy_->source.key;
    request.source_if_match = copy_->source.etag;
    // The file may still be too short for the part.
    request.source_range = rooms_.core.layout.range(number);
    request.source_range.offset += copy_->source.range.offset - copy_->range.offset;
  } else {
    request.source = rooms_.object.base()->key;
    request.source_if_match = rooms_.object.base()->etag;
  }
  after.call([&store = rooms_.core.parts.store, request = std::move(request),
              done = part_answer(number, PartTable::Way::copy)]() mutable {
    store.upload_part_copy(std::move(request), std::move(done));
  });
}

std::shared_ptr<Outgoing> MultipartUpload::collect(ByteRange range) const {
  auto outgoing = std::make_shared<Outgoing>(rooms_.core.memory);
  rooms_.contents.collect(range, *outgoing);
  return outgoing;
}

void MultipartUpload::deliver(const std::shared_ptr<Outgoing>& outgoing,
                              Callback<void(Result<Body>)> send, Deferred& after) {
  if (!outgoing->staged()) {
    after.call([outgoing, send = std::move(send)]() mutable { send(Outgoing::body(outgoing)); });
    return;
  }
  after.call([&scheduler = rooms_.core.parts.scheduler, keep = rooms_.strand.keep(),
              outgoing = outgoing, send = std::move(send)]() mutable {
    scheduler.post([outgoing = std::move(outgoing), send = std::move(send)]() mutable {
      Result<void> mapped = outgoing->map_staged();
      if (!mapped) return send(mapped.error());
      send(Outgoing::body(std::move(outgoing)));
    });
  });
}

void MultipartUpload::part_done(const Session& session, uint32_t number,
                                const Result<CompletedPart>& result, Deferred& after) {
  rooms_.parts.put_back(number);
  if (copies(number)) {
    part_copied(session, result, number, after);
  } else if (session != session_) {
    rooms_.phase.part_unsent(number);
    consider(number, after);
  } else if (result) {
    rooms_.parts.stored(number, {number, result->etag, rooms_.contents.clip(number).length});
    rooms_.phase.part_stored(rooms_.parts.copies_base(number));
    rooms_.staging.settle(number, after);
  } else {
    part_failed(number, result.error(), after);
  }
}

void MultipartUpload::part_failed(uint32_t number, const Error& error, Deferred& after) {
  const bool copy = rooms_.parts.copies_base(number);
  const bool no_upload = error.detail().service_code == "NoSuchUpload";
  if (error.code() == Code::not_found && (no_upload || !copy)) return lose(error, after);
  if (copy && error.code() == Code::not_supported) {
    copies_parts_ = false;
    rooms_.parts.plan(number, false);
    rooms_.phase.part_unsent(number);
    return;
  }
  // Somebody removed the base.
  const bool base_gone = copy && error.code() == Code::not_found;
  const Error reason = base_gone ? error.with_code(Code::changed) : error;
  if (rooms_.phase.committing()) {
    rooms_.phase.fail(reason);
  } else {
    failure_ = reason;
  }
}

}  // namespace penstock
