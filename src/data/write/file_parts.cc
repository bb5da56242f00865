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

ByteRange FileWriterImpl::clip(uint32_t number) const {
  ByteRange range = core_.layout.range(number);
  range.length = std::min(range.end(), std::max(map_.size(), range.offset)) - range.offset;
  return range;
}

/// Sends the part ahead of the commit if that is likely not to be in vain.
void FileWriterImpl::consider(uint32_t number, Deferred& after) {
  const auto part = parts_.find(number);
  if (commit_ != nullptr || abandoned_ || no_early_upload_ || part == parts_.end()) return;
  if (part->second.state != Part::State::idle || part->second.sent_before) return;
  if (copies(number)) return;
  const ByteRange range = core_.layout.range(number);
  if (map_.size() <= range.end()) return;
  if (range.offset < base_limit_) return;  // an edit: the next write may well go here, too
  if (map_.any(range, Source::hole | Source::base)) return;
  make_ready(number, after);
  if (upload_ == nullptr) create_upload(after);
}

void FileWriterImpl::make_ready(uint32_t number, Deferred& after) {
  Part& part = parts_[number];
  part.state = Part::State::ready;
  if (!part.by_copy) unkeep(number);
  const bool copy = part.by_copy || copies(number);
  (copy ? ready_copies_ : ready_).push_back(number);
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
    Part& part = parts_[completed.number];
    part.state = Part::State::stored;
    part.touched = true;
    part.completed = std::move(completed);
    map_.assign(range, Source::sent);
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

void FileWriterImpl::unready_all() {
  for (std::deque<uint32_t>* ready : {&ready_, &ready_copies_}) {
    for (const uint32_t number : *ready) parts_[number].state = Part::State::idle;
    ready->clear();
  }
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
      after.call([self = shared_from_this(), parts = static_cast<uint32_t>(ready_.size()),
                  copies = static_cast<uint32_t>(ready_copies_.size())] {
        self->request_slots(parts, copies);
      });
    } else {
      upload_.reset();
      no_early_upload_ = true;
      if (copying_) {
        // It ends by that, as one that copied nothing, and a commit waits for its end.
        if (!copying_->error) copying_->error = id.error();
        unready_all();
      } else if (commit_ != nullptr) {
        if (!commit_->error) commit_->error = id.error();
      } else if (!ready_.empty() || !ready_copies_.empty()) {
        failure_ = id.error();
        unready_all();
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
  if (ready_.empty() || upload_ == nullptr || upload_->id.empty()) {
    after.call([this, self = shared_from_this()] { core_.slots.release(); });
    return;
  }
  const uint32_t number = ready_.front();
  ready_.pop_front();
  Part& part = parts_[number];
  part.state = Part::State::sending;
  upload_->last_part = std::max(upload_->last_part, number);
  ++busy_;
  const ByteRange range = clip(number);
  part.in_memory = map_.bytes(range, Source::memory);
  sending_bytes_ += part.in_memory;
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
  deliver(collect(range), std::move(send), after);
}

void FileWriterImpl::copy_one() {
  Deferred after;
  const MutexLock lock(mutex_);
  if (ready_copies_.empty() || upload_ == nullptr || upload_->id.empty()) {
    after.call([this, self = shared_from_this()] { core_.copy_slots.release(); });
    return;
  }
  const uint32_t number = ready_copies_.front();
  ready_copies_.pop_front();
  parts_[number].state = Part::State::sending;
  upload_->last_part = std::max(upload_->last_part, number);
  ++busy_;
  send_copy(number, after);
}

void FileWriterImpl::send_copy(uint32_t number, Deferred& after) {
  const ByteRange range = clip(number);
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

/// The bytes of `range`, none of which may be `sent` or `base`.
std::shared_ptr<Outgoing> FileWriterImpl::collect(ByteRange range) {
  auto outgoing = std::make_shared<Outgoing>(core_.memory);
  map_.visit(range, [&](const SegmentMap::Segment& segment) REQUIRES(mutex_) {
    if (segment.source == Source::memory) {
      blocks_.visit(segment.range,
                    [&](std::span<const std::byte> bytes, const std::shared_ptr<Buffer>& buffer) {
                      outgoing->add(bytes, buffer);
                    });
    } else if (segment.source == Source::staged) {
      outgoing->add_staged(staging_, segment.range);
    } else {
      outgoing->add_zeros(segment.range.length);
    }
    return true;
  });
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
  Part& part = parts_[number];
  part.state = Part::State::idle;
  sending_bytes_ -= std::exchange(part.in_memory, 0);
  if (copies(number)) {
    part_copied(session, number, result, after);
  } else if (session != upload_) {
    if (commit_ != nullptr && commit_->planned) {  // counted as under way: it is to be sent again
      --commit_->open_parts;
      commit_->todo.push_back(number);
    }
    consider(number, after);
  } else if (result) {
    part.state = Part::State::stored;
    part.completed = {number, result->etag, clip(number).length};
    if (commit_ != nullptr) commit_->base_seen |= part.by_copy;
    if (commit_ != nullptr && commit_->planned) --commit_->open_parts;
    settle(number, after);
  } else {
    part_failed(number, result.error(), after);
  }
}

void FileWriterImpl::part_failed(uint32_t number, const Error& error, Deferred& after) {
  Part& part = parts_[number];
  Error reason = error;
  const bool names_upload = error.detail().service_code == "NoSuchUpload";
  if (error.code() == Code::not_found && (names_upload || !part.by_copy))
    return lose_upload(error, after);
  if (part.by_copy) {
    if (error.code() == Code::not_supported) {
      no_part_copy_ = true;
      part.by_copy = false;
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
  const ByteRange all{0, map_.size()};
  if (map_.any(all, mask(Source::sent))) {
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
  unready_all();
  for (auto& [number, part] : parts_) {
    if (part.state != Part::State::stored) continue;
    part.state = Part::State::idle;
    part.sent_before = false;
    unkeep(number);
  }
}

void FileWriterImpl::consider_all(Deferred& after) {
  std::vector<uint32_t> numbers;
  for (const auto& [number, part] : parts_) numbers.push_back(number);
  for (const uint32_t number : numbers) consider(number, after);
}

bool FileWriterImpl::awaited(uint32_t number) const {
  if (queue_.empty()) return false;
  const ByteRange next = queue_.front().change.reach(map_.size());
  const ByteRange range = core_.layout.range(number);
  return next.offset < range.end() && range.offset < next.end();
}

/// The part is in the store: its memory is kept for programs that come back to it (headers, tails),
/// or freed.
void FileWriterImpl::settle(uint32_t number, Deferred& after) {
  const uint64_t bytes = map_.bytes(clip(number), Source::memory);
  if (bytes == 0 || kept_.contains(number)) return;
  if (awaited(number)) {
    core_.memory->keep_anyway(bytes);
    return keep(number, bytes);
  }
  if (core_.memory->try_keep(bytes)) return keep(number, bytes);
  // The first part and the newest ones are the likeliest to be changed.
  const auto oldest = kept_.upper_bound(1);
  if (oldest != kept_.end() && oldest->first < number) {
    let_go(oldest->first, after);
    if (core_.memory->try_keep(bytes)) return keep(number, bytes);
  }
  let_go(number, after);
}

void FileWriterImpl::keep(uint32_t number, uint64_t bytes) {
  kept_[number] = bytes;
  kept_bytes_ += bytes;
}

void FileWriterImpl::unkeep(uint32_t number) {
  const auto found = kept_.find(number);
  if (found == kept_.end()) return;
  core_.memory->unkeep(found->second);
  kept_bytes_ -= found->second;
  kept_.erase(found);
}

/// Frees the memory of a part whose bytes the store has, in the upload or in the base.
void FileWriterImpl::drop(uint32_t number, Deferred& after) {
  unkeep(number);
  const auto part = parts_.find(number);
  const bool uploaded =
      part != parts_.end() && part->second.state == Part::State::stored && !part->second.by_copy;
  const ByteRange range = clip(number);
  map_.replace(range, Source::memory, uploaded ? Source::sent : Source::base);
  blocks_.drop(range, after);
}

}  // namespace penstock
