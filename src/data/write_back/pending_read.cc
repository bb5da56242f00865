// SPDX-License-Identifier: Apache-2.0
// Reads of a file in the journal.
#include <algorithm>
#include <utility>

#include "data/write/gathering.h"
#include "data/write_back/pending_file.h"

namespace penstock {

void PendingFile::read(ByteRange range, std::stop_token cancel, Done<Slices> done) {
  std::optional<ObjectInfo> base;
  {
    const MutexLock lock(mutex_);
    base = object_.base();
  }
  gather(range, cancel,
         [self = shared_from_this(), range, cancel, base,
          done = std::move(done)](Result<Slices> slices) mutable {
           const bool gone =
               !slices && (slices.code() == Code::changed || slices.code() == Code::not_found);
           if (!gone) return done(std::move(slices));
           self->read_again(range, std::move(cancel), base, slices.error(), std::move(done));
         });
}

/// The base is gone from the bucket, perhaps because our own upload has just taken its place: that
/// has the same bytes.
void PendingFile::read_again(ByteRange range, std::stop_token cancel,
                             const std::optional<ObjectInfo>& base, const Error& error,
                             Done<Slices> done) {
  Deferred after;
  const MutexLock lock(mutex_);
  // A copy under another key may have the same ETag.
  const auto& now = object_.base();
  const bool replaced = now && base && (now->etag != base->etag || now->key != base->key);
  const bool uploading = runs_.running();
  if (!replaced && !uploading) {
    after.call([done = std::move(done), error]() mutable { done(error); });
    return;
  }
  auto again = [self = shared_from_this(), range, cancel = std::move(cancel),
                done = std::move(done)]() mutable {
    self->read(range, std::move(cancel), std::move(done));
  };
  replaced ? after.call(std::move(again)) : runs_.when_ended(std::move(again));
}

void PendingFile::gather(ByteRange range, const std::stop_token& cancel, Done<Slices> done) {
  changes_.flushed([&](const Result<void>& flushed, Deferred& after) {
    const MutexLock lock(mutex_);
    if (!flushed) return after.answer(std::move(done), flushed.error());
    gather_flushed(range, cancel, std::move(done), after);
  });
}

void PendingFile::gather_flushed(ByteRange range, const std::stop_token& cancel, Done<Slices> done,
                                 Deferred& after) {
  const uint64_t size = contents_.size();
  range.length = std::min(range.end(), std::max(size, range.offset)) - range.offset;
  if (range.length == 0) return after.answer(std::move(done), Slices{});
  const auto gathering = std::make_shared<Gathering>(range, std::move(done));
  for (JournalRange& part : contents_.map().ranges(range)) {
    const std::span<std::byte> into = gathering->piece({part.offset, part.length});
    if (part.kind == JournalRange::Kind::hole) {
      std::fill(into.begin(), into.end(), std::byte{0});
      continue;
    }
    gathering->expect(1);
    if (part.kind == JournalRange::Kind::piece) {
      after.call([self = shared_from_this(), gathering, part = std::move(part), into] {
        self->core_.parts.scheduler.post([self, gathering, part, into] {
          gathering->arrived(self->core_.parts.journal.read(*part.piece, part.skip, into));
        });
      });
      continue;
    }
    GetRequest request{.key = object_.base()->key,
                       .range = ByteRange{part.offset, part.length},
                       .if_match = object_.base()->etag,
                       .sink = std::make_shared<CopySink>(part.offset, into, gathering),
                       .cancel = cancel};
    after.call([self = shared_from_this(), gathering, request = std::move(request)]() mutable {
      self->core_.parts.store.get(
          std::move(request), [self, gathering](const Result<ObjectInfo>& got) {
            gathering->arrived(got ? Result<void>() : Result<void>(got.error()));
          });
    });
  }
  after.call([gathering] { gathering->arrived({}); });
}

}  // namespace penstock
