// SPDX-License-Identifier: Apache-2.0
// What a pending file promises, and keeps in the journal.
#include <atomic>
#include <utility>

#include "base/wall_clock.h"
#include "data/write_back/pending_file.h"
#include "data/write_back/writer_mark.h"

namespace penstock {
void PendingFile::promise_contents(CommitRequest request, Done<void> done) {
  Deferred after;
  const MutexLock changes(change_mutex_);
  const Result<void> flushed = flush_tail();
  const MutexLock lock(mutex_);
  request.metadata = marked(std::move(request.metadata));
  if (!flushed) {
    after.call([done = std::move(done), error = flushed.error()]() mutable { done(error); });
    return;
  }
  if (!written_) replaces_ = request.condition.if_match;
  if (changed_) {
    auto promise = std::make_shared<Promise>(Promise{
        .generation = generation_++, .contents = map_, .metadata = std::move(request.metadata)});
    if (!owes()) since_ns_ = wall_clock_ns();
    promise_ = std::move(promise);
    changed_ = false;
    return record(std::move(done));
  }
  if (!describes_anew(request.metadata)) {
    // Nothing new; but what was promised may still be on its way to the disk.
    if (owes()) return record(std::move(done));
    after.call([done = std::move(done)]() mutable { done({}); });
    return;
  }
  promise_metadata(std::move(request.metadata));
  record(std::move(done));
}

/// Whether the metadata are not those that are promised, or that were just stored.
bool PendingFile::describes_anew(const Metadata& metadata) const {
  if (owes()) return promise_->metadata != metadata;
  return answering_ > 0 && base_ && base_->metadata != metadata;
}

void PendingFile::promise_metadata(Metadata metadata) {
  if (!owes()) since_ns_ = wall_clock_ns();
  promise_ = std::make_shared<Promise>(Promise{.generation = generation_++,
                                               .contents = owes() ? promise_->contents : map_,
                                               .metadata = std::move(metadata)});
}

void PendingFile::promise_name(CommitRequest request, Done<void> done) {
  Deferred after;
  const MutexLock lock(mutex_);
  request.metadata = marked(std::move(request.metadata));
  if (!written_) replaces_ = request.condition.if_match;
  const bool anew = describes_anew(request.metadata) && (owes() || !changed_);
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

/// Under the lock, for the journal takes states in the order of the calls. It answers later, but
/// for a state that it cannot take at all: that answer has to wait for the lock.
void PendingFile::record(Done<void> done) {
  const auto inside = std::make_shared<std::atomic<bool>>(true);
  auto answered = [self = shared_from_this(), promise = promise_, done = std::move(done),
                   inside](Result<void> kept) mutable {
    auto tell = [self, promise = std::move(promise), done = std::move(done),
                 kept = std::move(kept)]() mutable {
      self->recorded(promise, kept);
      done(std::move(kept));
    };
    *inside ? self->core_.parts.scheduler.post(std::move(tell)) : tell();
  };
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
  *inside = false;
}

/// Only what is durable goes to the bucket: the journal must never know less than that has.
void PendingFile::recorded(const std::shared_ptr<const Promise>& promise,
                           const Result<void>& kept) {
  Deferred after;
  const MutexLock lock(mutex_);
  const bool newer = durable_ == nullptr || durable_->generation < promise->generation;
  if (kept && promise_ != nullptr && newer && promise->generation > committed_) {
    durable_ = promise_->generation == promise->generation ? promise_ : promise;
  }
  if (!kept && !durable_owes()) fail_waiters(kept.error(), after);
  go_on(after);
}

Metadata PendingFile::marked(Metadata metadata) const {
  metadata[std::string(writer_mark)] = mark_;
  return metadata;
}

}  // namespace penstock
