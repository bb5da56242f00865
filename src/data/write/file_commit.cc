// SPDX-License-Identifier: Apache-2.0
// Making the present contents of a file the object under its key.
#include <algorithm>
#include <utility>

#include "data/write/file_writer_impl.h"
#include "data/write/outgoing.h"
#include "data/write/upload_registry.h"

namespace penstock {
namespace {

/// Ranges of an edit that are fetched at the same time before another part begins with its own, and
/// takes a part's memory.
constexpr uint32_t fetches_at_once = 4;

}  // namespace

void FileWriterImpl::commit(CommitRequest request, Done<ObjectInfo> done) {
  Deferred after;
  const MutexLock lock(mutex_);
  begin_commit({.request = std::move(request), .done = std::move(done)}, after);
}

void FileWriterImpl::begin_commit(PendingCommit pending, Deferred& after) {
  const auto answer = [&](Result<ObjectInfo> result) {
    after.call([done = std::move(pending.done), result = std::move(result)]() mutable {
      done(std::move(result));
    });
  };
  if (abandoned_) return answer(Error(Code::cancelled, "the file was given up"));
  if (lost_) return answer(*lost_);
  if (commit_ != nullptr) {
    // The contents stand still: whatever this caller saw written is part of the commit that runs.
    const bool same = commit_->request.metadata == pending.request.metadata && !commit_->error;
    if (same) {
      commit_->reported |= !pending.own;
      commit_->waiters.push_back(std::move(pending.done));
    } else {
      pending_commits_.push_back(std::move(pending));
    }
    return;
  }
  if (written_ && stored_metadata_ != pending.request.metadata) metadata_dirty_ = true;
  if (!contents_dirty_ && !metadata_dirty_) {
    if (!pending.own) unreported_ = false;
    return answer(*base_);
  }
  commit_ = std::make_unique<CommitRun>();
  commit_->reported = !pending.own;
  commit_->request = std::move(pending.request);
  commit_->waiters.push_back(std::move(pending.done));
  metadata_ = commit_->request.metadata;
  failure_.reset();
  no_early_upload_ = false;
  restarts_ = 0;
  after.call([self = shared_from_this()] { self->advance_commit(); });
}

/// Whether a change of these bytes, which only the store has, may commit the file first.
bool FileWriterImpl::commits_midway(ByteRange range) const {
  if (!readable_) return true;
  bool copied = true;
  contents_.visit(range, [&](const SegmentMap::Segment& segment) REQUIRES(mutex_) {
    for (uint64_t at = segment.range.offset; at < segment.range.end();) {
      const uint32_t number = core_.layout.number_at(at);
      copied &= segment.source != Source::sent || parts_.copied_from(number) != nullptr;
      at = core_.layout.range(number).end();
    }
    return copied;
  });
  return copied;
}

/// Bytes that only the store has are to be changed: they can be had back from a committed object
/// alone.
void FileWriterImpl::commit_midway(Deferred& after) {
  if (!std::exchange(said_recommit_, true)) {
    core_.parts.log->info(
        "'{}' is changed where it was uploaded already: it is stored as it is so far, as fsync "
        "would, and goes on as "
        "an edit of that object.",
        key_);
  }
  begin_commit({.request = {.metadata = metadata_, .condition = {}},
                .done = [](const Result<ObjectInfo>&) {},
                .own = true},
               after);
}

void FileWriterImpl::advance_commit() {
  Deferred after;
  const MutexLock lock(mutex_);
  if (commit_ == nullptr || commit_->step != CommitRun::Step::prepare) return;
  if (part_memory_.spilling() || copying_) return;
  if (abandoned_ && !commit_->error)
    commit_->error = Error(Code::cancelled, "the file was given up");
  if (lost_) commit_->error = *lost_;
  if (commit_->error) {
    parts_.put_back_ready();
    if (busy_ == 0) finish_commit(*commit_->error, after);
    return;
  }
  if (!contents_dirty_) return describe_object(after);
  if (!commit_->planned) plan_commit(after);
  if (!commit_->planned || commit_->error) return;
  if (commit_->as_put) {
    if (commit_->fetching == 0) start_put(after);
    return;
  }
  prepare_parts(after);
  const bool all_stored =
      commit_->todo.empty() && commit_->fetching == 0 && commit_->open_parts == 0;
  if (all_stored && upload_ != nullptr && !upload_->id.empty()) start_complete(after);
}

/// One PUT or parts; leaves the commit unplanned where something under way has to end first.
void FileWriterImpl::plan_commit(Deferred& after) {
  commit_->as_put =
      contents_.size() <= core_.options.single_put_size && !contents_.any(mask(Source::sent));
  if (!commit_->as_put) return plan_parts(after);
  if (parts_.any(PartTable::State::sending)) return;
  parts_.put_back_ready();
  commit_->planned = true;
  if (contents_.any(mask(Source::base))) start_fetch({0, contents_.size()}, 0, after);
}

void FileWriterImpl::plan_parts(Deferred& after) {
  const uint32_t count = core_.layout.count(contents_.size());
  const bool begun = parts_.any(PartTable::State::sending) || parts_.any(PartTable::State::stored);
  // An upload that was created ahead of time, with metadata that have changed since, is not worth
  // the copy that would mend it.
  if (upload_ != nullptr && !begun && !upload_->id.empty() &&
      upload_->metadata != commit_->request.metadata) {
    retire(std::move(upload_), after);
  }
  commit_->planned = true;
  commit_->todo.clear();
  commit_->open_parts = 0;
  for (uint32_t number = 1; number <= count; ++number) {
    switch (parts_.state(number)) {
      case PartTable::State::idle: {
        const ByteRange range = contents_.clip(number);
        commit_->todo.push_back(number);
        parts_.plan(number, !parts_.touched(number) && !no_part_copy_ &&
                                range.end() <= contents_.base_limit() &&
                                range.length >= core_.limits.min_part_size);
        break;
      }
      case PartTable::State::ready:
      case PartTable::State::sending:
        ++commit_->open_parts;
        break;
      case PartTable::State::stored:
        break;
    }
  }
  if (upload_ == nullptr) create_upload(after);
}

/// Hands parts to the upload; the ones that need bytes of the base fetch them first, a few at a
/// time.
void FileWriterImpl::prepare_parts(Deferred& after) {
  while (!commit_->todo.empty()) {
    const uint32_t number = commit_->todo.front();
    const ByteRange range = contents_.clip(number);
    const bool fetch = !parts_.copies_base(number) && contents_.any(range, mask(Source::base));
    if (fetch && commit_->fetching >= fetches_at_once) return;
    commit_->todo.pop_front();
    ++commit_->open_parts;
    if (fetch) {
      start_fetch(range, number, after);
    } else {
      make_ready(number, after);
    }
  }
}

/// What an edit keeps of its base is that version's: it may not take the place of another one.
Precondition FileWriterImpl::condition_on(const std::string& key) const {
  const Precondition& asked = commit_->request.condition;
  if (!written_ && (asked.if_none_match || !asked.if_match.empty())) return asked;
  if (!written_ && exclusive_) return {.if_match = {}, .if_none_match = true};
  if (!base_ || base_->key != key || replaces_base_) return {};
  return {.if_match = base_->etag, .if_none_match = false};
}

/// What new contents are stored with: all that is asked for, but not in a class whose objects
/// cannot be read before they are restored.
Metadata FileWriterImpl::of_new_contents(Metadata metadata) {
  const auto storage_class = metadata.find(header::storage_class);
  if (storage_class != metadata.end() && is_archive_class(storage_class->second))
    metadata.erase(storage_class);
  return metadata;
}

/// Where the object is whose tags the next version gets.
std::string FileWriterImpl::tags_source() const { return base_ ? base_->key : key_; }

void FileWriterImpl::start_put(Deferred& after) {
  commit_->step = CommitRun::Step::putting;
  ++busy_;
  auto send = [this, self = shared_from_this(), key = key_,
               metadata = of_new_contents(commit_->request.metadata),
               condition = condition_on(key_), tags_of = tags_source()](Result<Body> body) mutable {
    if (!body) return put_done(body.error());
    core_.parts.store.put({.key = std::move(key),
                           .body = std::move(*body),
                           .metadata = std::move(metadata),
                           .condition = std::move(condition),
                           .tags_of = std::move(tags_of)},
                          [self](Result<ObjectInfo> info) { self->put_done(std::move(info)); });
  };
  deliver(collect({0, contents_.size()}), std::move(send), after);
}

void FileWriterImpl::put_done(Result<ObjectInfo> result) {
  {
    Deferred after;
    const MutexLock lock(mutex_);
    --busy_;
    if (result) {
      if (upload_ != nullptr) retire(std::move(upload_), after);
      adopt(*result, Metadata(commit_->request.metadata), after);
      finish_commit(*base_, after);
    } else {
      finish_commit(std::move(result), after);
    }
  }
  went_on();
}

void FileWriterImpl::start_complete(Deferred& after) {
  commit_->step = CommitRun::Step::completing;
  CompleteUpload request{.key = upload_->key,
                         .upload_id = upload_->id,
                         .parts = parts_.completed(core_.layout.count(contents_.size())),
                         .condition = condition_on(upload_->key),
                         .can_begin_again = !map_.any({0, map_.size()}, mask(Source::sent)),
                         .just_seen = commit_->base_seen};
  ++busy_;
  after.call([this, self = shared_from_this(), session = upload_,
              request = std::move(request)]() mutable {
    core_.parts.store.complete_upload(std::move(request), [self, session](Result<ObjectInfo> info) {
      self->complete_done(session, std::move(info));
    });
  });
}

void FileWriterImpl::complete_done(const std::shared_ptr<UploadSession>& session,
                                   Result<ObjectInfo> result) {
  {
    Deferred after;
    const MutexLock lock(mutex_);
    --busy_;
    commit_->step = CommitRun::Step::prepare;
    if (result) {
      after.call([this, key = session->key, id = session->id] { uploads_.ended(key, id); });
      upload_.reset();
      adopt(*result, session->metadata, after);
      if (session->metadata != commit_->request.metadata) {
        metadata_dirty_ = true;
        describe_object(after);
      } else {
        finish_commit(*base_, after);
      }
    } else if (result.code() == Code::not_found) {
      lose_upload(result.error(), after);  // plans anew, from what is still held
    } else {
      finish_commit(std::move(result), after);
    }
  }
  went_on();
}

/// The object has the present contents: from now on everything is an edit of it.
void FileWriterImpl::adopt(ObjectInfo info, const Metadata& metadata, Deferred& after) {
  info.key = key_;
  info.size = contents_.size();
  info.metadata = metadata;
  base_ = std::move(info);
  written_ = true;
  replaces_base_ = false;
  stored_metadata_ = metadata;
  contents_dirty_ = metadata_dirty_ = false;
  unreported_ = true;
  restarts_ = 0;
  parts_.clear();
  contents_.became_object(after);
  part_memory_.leave_staging();
  const uint32_t count = core_.layout.count(contents_.size());
  for (uint32_t number = 1; number <= count; ++number) settle(number, after);
}

/// Gives the object the metadata that were asked for, by a copy onto itself.
void FileWriterImpl::describe_object(Deferred& after) {
  commit_->step = CommitRun::Step::describing;
  CopyObject request{.source = key_,
                     .target = key_,
                     .size = base_->size,
                     .etag = base_->etag,
                     .metadata = commit_->request.metadata};
  ++busy_;
  after.call([this, self = shared_from_this(), request = std::move(request)]() mutable {
    core_.copier.copy(std::move(request), [this, self](Result<ObjectInfo> copied) {
      {
        Deferred later;
        const MutexLock lock(mutex_);
        --busy_;
        if (copied) {
          base_->etag = copied->etag;
          base_->last_modified_ns = copied->last_modified_ns;
          base_->metadata = stored_metadata_ = commit_->request.metadata;
          metadata_dirty_ = false;
          unreported_ = true;
          copied = *base_;
        }
        finish_commit(std::move(copied), later);
      }
      went_on();
    });
  });
}

void FileWriterImpl::finish_commit(Result<ObjectInfo> result, Deferred& after) {
  const std::unique_ptr<CommitRun> run = std::exchange(commit_, nullptr);
  if (result && run->reported) unreported_ = false;
  for (Done<ObjectInfo>& waiter : run->waiters) {
    after.call([done = std::move(waiter), result]() mutable { done(std::move(result)); });
  }
  if (!result) {
    parts_.put_back_ready();
    if (run->for_change && !queue_.empty()) finish_first(result.error(), after);
  }
  // One that finds nothing to do is answered at once: then it is the next one's turn.
  while (commit_ == nullptr && !pending_commits_.empty()) {
    PendingCommit next = std::move(pending_commits_.front());
    pending_commits_.pop_front();
    begin_commit(std::move(next), after);
  }
  after.call([self = shared_from_this()] { self->pump(); });
}

}  // namespace penstock
