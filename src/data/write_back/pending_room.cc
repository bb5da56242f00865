// SPDX-License-Identifier: Apache-2.0
// A pending file whose disk is full: changes and promises wait for uploads to make room.
#include <utility>

#include "data/write_back/pending_file.h"

namespace penstock {
namespace {

/// How often one who waits looks for room.
constexpr std::chrono::milliseconds room_interval{200};

}  // namespace

bool PendingFile::room_may_come(const Error& error, Scheduler::Time since) {
  if (error.code() != Code::no_space) return false;
  // A file whose write has waited in vain for room is refused at once from then on: a program that
  // goes on after an error would wait again for each of its writes, and for its close.
  if (waited_in_vain_) return false;
  // Without a promise that an upload could fulfil there is little to wait for.
  const bool uploads = core_.parts.journal.stats().files > 0;
  const bool may_come = core_.full_disk.may_come(since, uploads, core_.parts.scheduler.now());
  waited_in_vain_ = !may_come;
  return may_come;
}

void PendingFile::change(const Change& change, Done<uint64_t> done) {
  Deferred after;
  const MutexLock lock(change_mutex_);
  const Scheduler::Time now = core_.parts.scheduler.now();
  if (queue_.empty()) {
    Result<uint64_t> applied = apply(change);
    if (applied || !room_may_come(applied.error(), now)) {
      after.call([done = std::move(done), applied = std::move(applied)]() mutable {
        done(std::move(applied));
      });
      return;
    }
    after.call([this] { retry_soon(); });
  }
  queue_.push_back({.change = change,
                    .data = {change.data.begin(), change.data.end()},
                    .since = now,
                    .done = std::move(done)});
  queue_.back().change.data = queue_.back().data;
}

void PendingFile::retry_soon() {
  core_.parts.scheduler.post_after(room_interval,
                                   [self = shared_from_this()] { self->try_queued(); });
}

void PendingFile::try_queued() {
  Deferred after;
  const MutexLock lock(change_mutex_);
  while (!queue_.empty()) {
    Queued& first = queue_.front();
    Result<uint64_t> applied = apply(first.change);
    if (!applied && room_may_come(applied.error(), first.since)) {
      after.call([this] { retry_soon(); });
      return;
    }
    after.call([done = std::move(first.done), applied = std::move(applied)]() mutable {
      done(std::move(applied));
    });
    queue_.pop_front();
  }
}

void PendingFile::persist(CommitRequest request, Done<void> done) {
  promise_when_room(&PendingFile::promise_contents, std::move(request), core_.parts.scheduler.now(),
                    std::move(done));
}

void PendingFile::persist_name(CommitRequest request, Done<void> done) {
  promise_when_room(&PendingFile::promise_name, std::move(request), core_.parts.scheduler.now(),
                    std::move(done));
}

/// What was promised and did not get into the journal is recorded by the next try.
void PendingFile::promise_when_room(Promising how, CommitRequest request, Scheduler::Time since,
                                    Done<void> done) {
  CommitRequest tried = request;
  (this->*how)(std::move(tried), [self = shared_from_this(), how, request = std::move(request),
                                  since, done = std::move(done)](Result<void> result) mutable {
    if (result) self->waited_in_vain_ = false;
    if (result || !self->room_may_come(result.error(), since)) return done(std::move(result));
    Scheduler& scheduler = self->core_.parts.scheduler;
    scheduler.post_after(room_interval, [self = std::move(self), how, request = std::move(request),
                                         since, done = std::move(done)]() mutable {
      self->promise_when_room(how, std::move(request), since, std::move(done));
    });
  });
}

}  // namespace penstock
