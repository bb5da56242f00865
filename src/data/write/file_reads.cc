// SPDX-License-Identifier: Apache-2.0
// Reads of a file that is being written, and the unchanged bytes that its commits need.
#include <algorithm>
#include <cstring>
#include <utility>

#include "data/write/file_writer_impl.h"
#include "data/write/gathering.h"

namespace penstock {

void FileWriterImpl::read(ByteRange range, std::stop_token cancel, Done<Slices> done) {
  read_dirty(range, std::move(cancel), std::move(done), false);
}

void FileWriterImpl::read_dirty(ByteRange range, std::stop_token cancel, Done<Slices> done,
                                bool again) {
  Deferred after;
  const MutexLock lock(mutex_);
  const uint64_t size = map_.size();
  if (abandoned_) {
    after.call([done = std::move(done)]() mutable {
      done(Error(Code::cancelled, "the file was given up"));
    });
    return;
  }
  range.length = std::min(range.end(), std::max(size, range.offset)) - range.offset;
  if (range.offset >= size || range.length == 0) {
    after.call([done = std::move(done)]() mutable { done(Slices{}); });
    return;
  }
  if (map_.any(range, mask(Source::sent)) && !again) {
    // Only the store has these bytes, and gives them back from a committed object alone.
    if (commit_ == nullptr) commit_midway(after);
    auto retry = [self = shared_from_this(), range, cancel = std::move(cancel),
                  done = std::move(done)](const Result<ObjectInfo>& committed) mutable {
      if (!committed) return done(committed.error());
      self->read_dirty(range, std::move(cancel), std::move(done), true);
    };
    begin_commit({CommitRequest{.metadata = metadata_, .condition = {}}, std::move(retry)}, after);
    return;
  }
  auto gathering = std::make_shared<Gathering>(range, std::move(done));
  map_.visit(range, [&](const SegmentMap::Segment& segment) REQUIRES(mutex_) {
    const std::span<std::byte> into = gathering->piece(segment.range);
    switch (segment.source) {
      case Source::hole:
        std::memset(into.data(), 0, into.size());
        break;
      case Source::memory:
        blocks_.copy_out(segment.range.offset, into);
        break;
      case Source::staged:
        gathering->expect(1);
        after.call([this, self = shared_from_this(), gathering, file = staging_,
                    offset = segment.range.offset, into] {
          core_.parts.scheduler.post([self, gathering, file, offset, into] {
            gathering->arrived(file->read(offset, into));
          });
        });
        break;
      case Source::base:
        gathering->expect(1);
        after.call([this, self = shared_from_this(), gathering, piece = segment.range, into, cancel,
                    key = base_->key, etag = base_->etag] {
          core_.parts.store.get(
              {.key = key,
               .range = piece,
               .if_match = etag,
               .sink = std::make_shared<CopySink>(piece.offset, into, gathering),
               .cancel = cancel},
              [self, gathering](const Result<ObjectInfo>& got) {
                gathering->arrived(got ? Result<void>() : Result<void>(got.error()));
              });
        });
        break;
      case Source::sent:
        gathering->expect(1);
        after.call([gathering] {
          gathering->arrived(Error(Code::internal, "uploaded bytes are not readable yet"));
        });
        break;
    }
    return true;
  });
  after.call([gathering] { gathering->arrived({}); });
}

/// Brings what is `base` in the range into memory, piece by piece; the commit goes on when all of
/// it is there.
void FileWriterImpl::start_fetch(ByteRange range, uint32_t part, Deferred& after) {
  ++commit_->fetching;
  ++busy_;
  after.call([self = shared_from_this(), fetch = Fetch{.range = range, .part = part, .piece = {}}] {
    self->fetch_next(fetch, std::nullopt);
  });
}

void FileWriterImpl::fetch_next(Fetch fetch, std::optional<MemoryGrant> grant) {
  uint64_t wanted = 0;
  bool ended = false;
  {
    Deferred after;
    const MutexLock lock(mutex_);
    fetch.piece = {};
    map_.visit(fetch.range, [&](const SegmentMap::Segment& segment) {
      if (segment.source == Source::base) fetch.piece = segment.range;
      return fetch.piece.length == 0;
    });
    ended = fetch.piece.length == 0 || commit_->error || abandoned_;
    if (ended) {
      --busy_;
      --commit_->fetching;
      // A part that has all its bytes can go.
      if (fetch.piece.length == 0 && fetch.part != 0 && !commit_->error)
        make_ready(fetch.part, after);
    } else {
      // One block at a time: what is reserved is small, and blocks are what memory comes in.
      const uint64_t block = core_.layout.block_size();
      fetch.piece.length = std::min(fetch.piece.end(), (fetch.piece.offset / block + 1) * block) -
                           fetch.piece.offset;
      const uint64_t needed = blocks_.needed(fetch.piece);
      if (!grant && needed > 0) {
        if (auto memory = core_.memory->try_take(needed)) grant = MemoryGrant{std::move(*memory)};
      }
      if (needed > 0 && (!grant || !grant->covers(needed))) {
        wanted = needed;
      } else {
        Reservation memory = grant ? std::move(grant->reservation) : Reservation();
        blocks_.prepare(fetch.piece, std::move(memory), after);
        blocks_.pin(fetch.piece);
        std::span<std::byte> into;
        std::shared_ptr<Buffer> owner;
        blocks_.visit(fetch.piece,
                      [&](std::span<std::byte> bytes, const std::shared_ptr<Buffer>& buffer) {
                        into = bytes;
                        owner = buffer;
                      });
        after.call([this, self = shared_from_this(), fetch, into, owner, key = base_->key,
                    etag = base_->etag] {
          core_.parts.store.get(
              {.key = key,
               .range = fetch.piece,
               .if_match = etag,
               .sink = std::make_shared<CopySink>(fetch.piece.offset, into, owner),
               .cancel = {}},
              [self, fetch](const Result<ObjectInfo>& got) { self->fetched(fetch, got); });
        });
      }
    }
  }
  if (ended) return went_on();
  if (wanted == 0) return;
  core_.memory->take(wanted, [self = shared_from_this(), fetch](MemoryGrant memory) {
    self->fetch_next(fetch, std::move(memory));
  });
}

void FileWriterImpl::fetched(Fetch fetch, const Result<ObjectInfo>& result) {
  {
    const MutexLock lock(mutex_);
    blocks_.unpin(fetch.piece);
    if (result) {
      map_.assign(fetch.piece, Source::memory);
    } else if (!commit_->error) {
      const Error& error = result.error();
      // Whoever removed the base changed it.
      commit_->error = error.code() == Code::not_found ? error.with_code(Code::changed) : error;
    }
  }
  fetch_next(fetch, std::nullopt);
}

}  // namespace penstock
