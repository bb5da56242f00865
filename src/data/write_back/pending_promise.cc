// SPDX-License-Identifier: Apache-2.0
// What a pending file promises, and keeps in the journal.
#include <utility>

#include "base/wall_clock.h"
#include "base/writer_mark.h"
#include "data/write_back/pending_file.h"
#include "data/write_back/pending_metadata.h"

namespace penstock {

void PendingFile::persist(CommitRequest request, Done<void> done) {
  promise_when_room(&PendingFile::promise_contents, std::move(request), room_.now(),
                    std::move(done));
}

void PendingFile::persist_name(CommitRequest request, Done<void> done) {
  promise_when_room(&PendingFile::promise_name, std::move(request), room_.now(), std::move(done));
}

/// What was promised and did not get into the journal is recorded by the next try.
void PendingFile::promise_when_room(Promising how, CommitRequest request, Scheduler::Time since,
                                    Done<void> done) {
  CommitRequest tried = request;
  (this->*how)(std::move(tried), [self = shared_from_this(), how, request = std::move(request),
                                  since, done = std::move(done)](Result<void> result) mutable {
    if (result) self->room_.found();
    if (result || !self->room_.may_come(result.error(), since)) return done(std::move(result));
    RoomWait& room = self->room_;
    room.look_later([self = std::move(self), how, request = std::move(request), since,
                     done = std::move(done)]() mutable {
      self->promise_when_room(how, std::move(request), since, std::move(done));
    });
  });
}

void PendingFile::promise_contents(CommitRequest request, Done<void> done) {
  changes_.flushed([&](const Result<void>& flushed, Deferred& after) {
    const MutexLock lock(mutex_);
    if (!flushed) return after.answer(std::move(done), flushed);
    promise_flushed(std::move(request), std::move(done), after);
  });
}

void PendingFile::promise_flushed(CommitRequest request, Done<void> done, Deferred& after) {
  request.metadata = marked(std::move(request.metadata));
  if (!written_) replaces_ = request.condition.if_match;
  if (contents_.changed()) {
    auto promise = std::make_shared<Promise>(Promise{.number = ++promises_,
                                                     .generation = contents_.promise(),
                                                     .contents = contents_.map(),
                                                     .metadata = std::move(request.metadata)});
    if (!owes()) since_ns_ = wall_clock_ns();
    promise_ = std::move(promise);
    return record(std::move(done));
  }
  if (!describes_anew(request.metadata)) {
    // Nothing new; but what was promised may still be on its way to the disk.
    if (owes()) return record(std::move(done));
    return after.answer(std::move(done), {});
  }
  promise_metadata(std::move(request.metadata));
  record(std::move(done));
}

/// Whether the metadata are not those that are promised, or that were just stored.
bool PendingFile::describes_anew(const Metadata& metadata) const {
  if (owes()) return promise_->metadata != metadata;
  return answering_ > 0 && base_ && base_->metadata != metadata;
}

/// Of the contents that are promised; where none are, nothing was written since the last ones.
void PendingFile::promise_metadata(Metadata metadata) {
  const bool owed = owes();
  if (!owed) since_ns_ = wall_clock_ns();
  promise_ = std::make_shared<Promise>(
      Promise{.number = ++promises_,
              .generation = owed ? promise_->generation : contents_.promised(),
              .contents = owed ? promise_->contents : contents_.map(),
              .metadata = std::move(metadata)});
}

void PendingFile::promise_name(CommitRequest request, Done<void> done) {
  Deferred after;
  const MutexLock lock(mutex_);
  request.metadata = marked(std::move(request.metadata));
  if (!written_) replaces_ = request.condition.if_match;
  const bool anew = describes_anew(request.metadata) && (owes() || !contents_.changed());
  if (!owes() && !anew) {
    renamed_ = false;
    after.call([done = std::move(done)]() mutable { done({}); });
    return;
  }
  if (anew) promise_metadata(std::move(request.metadata));
  record([self = shared_from_this(), done = std::move(done)](Result<void> kept) mutable {
    // Where the journal does not take the name, the upload is all that is left to do.
    self->name_promised();
    done(std::move(kept));
  });
}

void PendingFile::name_promised() {
  Deferred after;
  const MutexLock lock(mutex_);
  renamed_ = false;
  go_on(after);
}

/// Under the lock, for the journal takes states in the order of the calls; it answers later.
void PendingFile::record(Done<void> done) {
  auto answered = [self = shared_from_this(), promise = promise_, outlived = outlived_,
                   done = std::move(done)](Result<void> kept) mutable {
    self->recorded(promise, outlived, kept);
    done(std::move(kept));
  };
  ++recording_;
  Metadata metadata = promise_->metadata;
  if (doomed_) mark_doomed(metadata);
  core_.parts.journal.record({.file = file_,
                              .key = key_,
                              .size = promise_->contents.size(),
                              .ranges = promise_->contents.ranges(),
                              .metadata = std::move(metadata),
                              .base = base_,
                              .replaces = replaces_,
                              .since_ns = since_ns_},
                             std::move(answered));
}

/// Only what is durable goes to the bucket: the journal must never know less than that has.
/// `outlived`: as of the call of record, for a later name may have outlived others.
void PendingFile::recorded(const PromisePtr& promise, const std::vector<uint64_t>& outlived,
                           const Result<void>& kept) {
  Deferred after;
  const MutexLock lock(mutex_);
  --recording_;
  const bool newer = durable_ == nullptr || durable_->number < promise->number;
  if (kept && promise_ != nullptr && newer && promise->number > committed_) {
    durable_ = promise_->number == promise->number ? promise_ : promise;
  }
  if (kept) {
    for (const uint64_t file : outlived) {
      if (std::erase(outlived_, file) > 0)
        core_.parts.journal.forget(file, [](const Result<void>&) {});
    }
  }
  if (!kept && !durable_owes()) fail_waiters(UINT64_MAX, kept.error(), after);
  go_on(after);
}

void PendingFile::forget_outlived() {
  for (const uint64_t file : std::exchange(outlived_, {}))
    core_.parts.journal.forget(file, [](const Result<void>&) {});
}

Metadata PendingFile::marked(Metadata metadata) const {
  metadata[std::string(writer_mark)] = mark_;
  return metadata;
}

}  // namespace penstock
