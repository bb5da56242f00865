// SPDX-License-Identifier: Apache-2.0
// The multipart upload of a file: when a part is sent, what becomes of its memory, and what if it
// fails.
#include <algorithm>
#include <array>
#include <utility>

#include "data/write/file_writer_impl.h"
#include "data/write/outgoing.h"
#include "data/write/upload_registry.h"

namespace penstock {

/// How often an upload that the store lost is made again before its error is believed.
constexpr uint32_t most_restarts = 3;

/// Sends the part ahead of the commit if that is likely not to be in vain.
void FileWriterImpl::consider(uint32_t number, Deferred& after) {
  if (commit_ != nullptr || abandoned_ || no_early_upload_ || !parts_.known(number)) return;
  if (parts_.state(number) != PartTable::State::idle || parts_.sent_before(number)) return;
  if (copies(number)) return;
  const ByteRange range = core_.layout.range(number);
  if (contents_.size() <= range.end()) return;
  // An edit: the next write may well go here, too.
  if (range.offset < contents_.base_limit()) return;
  if (contents_.any(range, Source::hole | Source::base)) return;
  make_ready(number, after);
  if (upload_ == nullptr) create_upload(after);
}

void FileWriterImpl::make_ready(uint32_t number, Deferred& after) {
  if (!parts_.copies_base(number)) part_memory_.unkeep(number);
  const bool copy = parts_.copies_base(number) || copies(number);
  parts_.ready(number, copy ? PartTable::Way::copy : PartTable::Way::bytes);
  if (upload_ == nullptr || upload_->id.empty()) return;  // upload_created asks for all
  after.call(
      [self = shared_from_this(), copy] { self->request_slots(copy ? 0 : 1, copy ? 1 : 0); });
}

void FileWriterImpl::request_slots(uint32_t parts, uint32_t copies) {
  const std::shared_ptr<FileWriterImpl> self = shared_from_this();
  core_.slots.request(self, parts);
  core_.copy_slots.request(std::shared_ptr<PartSender>(self, &copy_sender_), copies);
}

std::vector<ByteRange> FileWriterImpl::resume(LeftUpload upload) {
  Deferred after;
  const MutexLock lock(mutex_);
  std::vector<ByteRange> kept;
  upload_ = std::make_shared<UploadSession>(
      UploadSession{.key = key_, .metadata = std::move(upload.metadata), .id = upload.id});
  after.call([this, key = key_, id = upload.id] { uploads_.added(key, id); });
  for (CompletedPart& completed : upload.parts) {
    if (completed.number == 0 || completed.number > core_.limits.max_parts) continue;
    upload_->last_part = std::max(upload_->last_part, completed.number);
    const ByteRange range = core_.layout.range(completed.number);
    // The end of a file that has grown since; it is sent again under the same number.
    if (completed.size != range.length) continue;
    parts_.found(std::move(completed));
    contents_.replaced_in_upload(range, after);
    kept.push_back(range);
  }
  return kept;
}

void FileWriterImpl::try_again() {
  Deferred after;
  const MutexLock lock(mutex_);
  if (commit_ != nullptr) return;
  failure_.reset();
  no_early_upload_ = false;
  restarts_ = 0;
  consider_all(after);
}

void FileWriterImpl::create_upload(Deferred& after) {
  upload_ =
      std::make_shared<UploadSession>(UploadSession{.key = key_, .metadata = metadata_, .id = {}});
  ++busy_;
  CreateUpload request{
      .key = key_, .metadata = of_new_contents(metadata_), .tags_of = tags_source()};
  after.call([this, self = shared_from_this(), session = upload_,
              request = std::move(request)]() mutable {
    core_.parts.store.create_upload(std::move(request), [self, session](Result<std::string> id) {
      self->upload_created(session, std::move(id));
    });
  });
}

void FileWriterImpl::upload_created(const std::shared_ptr<UploadSession>& session,
                                    Result<std::string> id) {
  {
    Deferred after;
    const MutexLock lock(mutex_);
    --busy_;
    if (id) {
      session->id = *id;
      // Remembered before the first part is sent.
      after.call([this, key = session->key, id = *id] { uploads_.added(key, id); });
    }
    if (session != upload_) {
      if (id) retire(session, after);
    } else if (id) {
      after.call([self = shared_from_this(), parts = parts_.count_ready(PartTable::Way::bytes),
                  copies = parts_.count_ready(PartTable::Way::copy)] {
        self->request_slots(parts, copies);
      });
    } else {
      upload_.reset();
      no_early_upload_ = true;
      if (copying_) {
        // It ends by that, as one that copied nothing, and a commit waits for its end.
        if (!copying_->error) copying_->error = id.error();
        parts_.put_back_ready();
      } else if (commit_ != nullptr) {
        if (!commit_->error) commit_->error = id.error();
      } else if (parts_.any(PartTable::State::ready)) {
        failure_ = id.error();
        parts_.put_back_ready();
      }
    }
  }
  went_on();
}

/// Aborts an upload that is not needed any more, as well as it goes: what fails stays in the
/// registry.
void FileWriterImpl::retire(std::shared_ptr<UploadSession> session, Deferred& after) {
  if (session->id.empty()) return;  // upload_created does it
  ++busy_;
  after.call([this, self = shared_from_this(), session = std::move(session)] {
    const auto ended = [this, self, session](const Result<void>& aborted) {
      if (aborted || aborted.code() == Code::not_found) uploads_.ended(session->key, session->id);
      {
        const MutexLock lock(mutex_);
        --busy_;
      }
      went_on();
    };
    core_.parts.store.abort_upload(session->key, session->id, ended);
  });
}

void FileWriterImpl::send_one() {
  Deferred after;
  const MutexLock lock(mutex_);
  const bool created = upload_ != nullptr && !upload_->id.empty();
  const std::optional<uint32_t> taken = created ? parts_.take(PartTable::Way::bytes) : std::nullopt;
  if (!taken) {
    after.call([this, self = shared_from_this()] { core_.slots.release(); });
    return;
  }
  const uint32_t number = *taken;
  upload_->last_part = std::max(upload_->last_part, number);
  ++busy_;
  auto send = [this, self = shared_from_this(), session = upload_, key = upload_->key,
               id = upload_->id, number](Result<Body> body) {
    auto sent = [this, self, session, number](Result<CompletedPart> done) {
      part_done(session, number, std::move(done));
      core_.slots.release();
      went_on();
    };
    if (!body) return sent(body.error());
    core_.parts.store.upload_part(
        {.key = key, .upload_id = id, .number = number, .body = std::move(*body)}, std::move(sent));
  };
  deliver(collect(contents_.clip(number)), std::move(send), after);
}

void FileWriterImpl::copy_one() {
  Deferred after;
  const MutexLock lock(mutex_);
  const bool created = upload_ != nullptr && !upload_->id.empty();
  const std::optional<uint32_t> taken = created ? parts_.take(PartTable::Way::copy) : std::nullopt;
  if (!taken) {
    after.call([this, self = shared_from_this()] { core_.copy_slots.release(); });
    return;
  }
  upload_->last_part = std::max(upload_->last_part, *taken);
  ++busy_;
  send_copy(*taken, after);
}

void FileWriterImpl::send_copy(uint32_t number, Deferred& after) {
  const ByteRange range = contents_.clip(number);
  UploadPartCopy request{.key = upload_->key,
                         .upload_id = upload_->id,
                         .number = number,
                         .source = {},
                         .source_if_match = {},
                         .source_range = range};
  if (copies(number)) {
    const CopySource& source = copying_->source;
    request.source = source.key;
    request.source_if_match = source.etag;
    // The file may still be too short for the part.
    request.source_range = core_.layout.range(number);
    request.source_range.offset += source.range.offset - copying_->range.offset;
  } else {
    request.source = base_->key;
    request.source_if_match = base_->etag;
  }
  after.call([this, self = shared_from_this(), session = upload_, number,
              request = std::move(request)]() mutable {
    core_.parts.store.upload_part_copy(std::move(request),
                                       [this, self, session, number](Result<CompletedPart> done) {
                                         self->part_done(session, number, std::move(done));
                                         core_.copy_slots.release();
                                         self->went_on();
                                       });
  });
}

std::shared_ptr<Outgoing> FileWriterImpl::collect(ByteRange range) {
  auto outgoing = std::make_shared<Outgoing>(core_.memory);
  contents_.collect(range, *outgoing);
  return outgoing;
}

void FileWriterImpl::deliver(const std::shared_ptr<Outgoing>& outgoing,
                             Callback<void(Result<Body>)> send, Deferred& after) {
  if (!outgoing->staged()) {
    after.call([outgoing, send = std::move(send)]() mutable { send(Outgoing::body(outgoing)); });
    return;
  }
  after.call([this, self = shared_from_this(), outgoing = outgoing,
              send = std::move(send)]() mutable {
    core_.parts.scheduler.post([outgoing = std::move(outgoing), send = std::move(send)]() mutable {
      Result<void> mapped = outgoing->map_staged();
      if (!mapped) return send(mapped.error());
      send(Outgoing::body(std::move(outgoing)));
    });
  });
}

void FileWriterImpl::part_done(const std::shared_ptr<UploadSession>& session, uint32_t number,
                               Result<CompletedPart> result) {
  Deferred after;
  const MutexLock lock(mutex_);
  --busy_;
  parts_.put_back(number);
  if (copies(number)) {
    part_copied(session, number, result, after);
  } else if (session != upload_) {
    if (commit_ != nullptr && commit_->planned) {  // counted as under way: it is to be sent again
      --commit_->open_parts;
      commit_->todo.push_back(number);
    }
    consider(number, after);
  } else if (result) {
    parts_.stored(number, {number, result->etag, contents_.clip(number).length});
    if (commit_ != nullptr) commit_->base_seen |= parts_.copies_base(number);
    if (commit_ != nullptr && commit_->planned) --commit_->open_parts;
    settle(number, after);
  } else {
    part_failed(number, result.error(), after);
  }
}

void FileWriterImpl::part_failed(uint32_t number, const Error& error, Deferred& after) {
  const bool copy = parts_.copies_base(number);
  Error reason = error;
  const bool names_upload = error.detail().service_code == "NoSuchUpload";
  if (error.code() == Code::not_found && (names_upload || !copy)) return lose_upload(error, after);
  if (copy) {
    if (error.code() == Code::not_supported) {
      no_part_copy_ = true;
      parts_.plan(number, false);
      if (commit_ != nullptr && commit_->planned) {
        --commit_->open_parts;
        commit_->todo.push_back(number);
      }
      return;
    }
    if (error.code() == Code::not_found)
      reason = error.with_code(Code::changed);  // somebody removed the base
  }
  if (commit_ == nullptr) {
    failure_ = reason;
  } else if (!commit_->error) {
    commit_->error = reason;
  }
}

/// The store does not know the upload any more (it was restarted, or somebody aborted it).
void FileWriterImpl::lose_upload(const Error& error, Deferred& after) {
  after.call([this, key = upload_->key, id = upload_->id] { uploads_.ended(key, id); });
  upload_.reset();
  ++restarts_;
  forget_sent_parts();
  if (contents_.any(mask(Source::sent))) {
    lost_ = Error(
        Code::unavailable,
        Error::Detail{
            .message = "the store lost the unfinished upload, and with it bytes that were not held "
                       "in memory any more: the file has to be written again",
            .key = key_,
            .request_id = error.detail().request_id,
            .service_code = error.detail().service_code});
  }
  core_.parts.log->warning("'{}': the store lost its unfinished upload; {}.", key_,
                           lost_ ? "some of its bytes are gone" : "it is sent again");
  if (commit_ != nullptr) {
    if (!lost_ && restarts_ > most_restarts) commit_->error = error;
    commit_->planned = false;
    commit_->todo.clear();
    commit_->open_parts = 0;
  } else if (!lost_ && restarts_ > most_restarts) {
    failure_ = error;
  } else if (!lost_) {
    consider_all(after);
  }
}

/// The upload that has them is no longer the file's: they are to be sent again.
void FileWriterImpl::forget_sent_parts() {
  for (const uint32_t number : parts_.forget_sent()) part_memory_.unkeep(number);
}

void FileWriterImpl::consider_all(Deferred& after) {
  for (const uint32_t number : parts_.numbers()) consider(number, after);
}

bool FileWriterImpl::awaited(uint32_t number) const {
  if (queue_.empty()) return false;
  const ByteRange next = queue_.front().change.reach(contents_.size());
  const ByteRange range = core_.layout.range(number);
  return next.offset < range.end() && range.offset < next.end();
}

/// The part is in the store: its memory is kept, or is to be had from elsewhere.
void FileWriterImpl::settle(uint32_t number, Deferred& after) {
  part_memory_.settle(number, awaited(number), phase(), after);
  move_next(after);
}

}  // namespace penstock
