// SPDX-License-Identifier: Apache-2.0
// What a pending file promises, and keeps in the journal.
#include <utility>

#include "data/write_back/pending_file.h"

namespace penstock {

void PendingFile::persist(NextObject request, Done<void> done) {
  promise_when_room(&PendingFile::promise_contents, std::move(request), room_.now(),
                    std::move(done));
}

void PendingFile::persist_name(NextObject request, Done<void> done) {
  promise_when_room(&PendingFile::promise_name, std::move(request), room_.now(), std::move(done));
}

/// What was promised and did not get into the journal is recorded by the next try.
void PendingFile::promise_when_room(Promising how, NextObject request, Scheduler::Time since,
                                    Done<void> done) {
  NextObject tried = request;
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

void PendingFile::promise_contents(NextObject request, Done<void> done) {
  changes_.flushed([&](const Result<void>& flushed, Deferred& after) {
    const MutexLock lock(mutex_);
    if (!flushed) return after.answer(std::move(done), flushed);
    promise_flushed(std::move(request), std::move(done), after);
  });
}

void PendingFile::promise_flushed(NextObject request, Done<void> done, Deferred& after) {
  request.metadata = object_.marked(std::move(request.metadata));
  object_.expect(request.before);
  if (contents_.changed()) {
    promises_.promise(contents_, std::move(request.metadata));
    return records_.record(std::move(done));
  }
  if (!describes_anew(request.metadata)) {
    // Nothing new; but what was promised may still be on its way to the disk.
    if (promises_.owes()) return records_.record(std::move(done));
    return after.answer(std::move(done), {});
  }
  promises_.describe(contents_, std::move(request.metadata));
  records_.record(std::move(done));
}

/// Whether the metadata are not those that are promised, or that were just stored.
bool PendingFile::describes_anew(const Metadata& metadata) const {
  if (promises_.owes()) return promises_.last()->metadata != metadata;
  return runs_.answering() && object_.base() && object_.base()->metadata != metadata;
}

void PendingFile::promise_name(NextObject request, Done<void> done) {
  Deferred after;
  const MutexLock lock(mutex_);
  request.metadata = object_.marked(std::move(request.metadata));
  object_.expect(request.before);
  const bool owes = promises_.owes();
  const bool anew = describes_anew(request.metadata) && (owes || !contents_.changed());
  if (!owes && !anew) {
    runs_.name_promised(after);
    return after.answer(std::move(done), {});
  }
  if (anew) promises_.describe(contents_, std::move(request.metadata));
  records_.record([self = shared_from_this(), done = std::move(done)](Result<void> kept) mutable {
    // Where the journal does not take the name, the upload is all that is left to do.
    self->name_promised();
    done(std::move(kept));
  });
}

void PendingFile::name_promised() {
  Deferred after;
  const MutexLock lock(mutex_);
  runs_.name_promised(after);
}

}  // namespace penstock
