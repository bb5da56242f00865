// SPDX-License-Identifier: Apache-2.0
// Reads of a file that is being written, and the unchanged bytes that its commits need.
#include <algorithm>
#include <cstring>
#include <utility>

#include "data/write/file_writer_impl.h"
#include "data/write/gathering.h"

namespace penstock {
namespace {

/// Ranges of one part that are fetched side by side, if they are not shorter than so many blocks.
constexpr uint64_t fetches_of_part = 8;
constexpr uint64_t shortest_fetch = 2;
/// Blocks of one request.
constexpr uint64_t longest_piece = 4;

}  // namespace

void FileWriterImpl::read(ByteRange range, std::stop_token cancel, Done<Slices> done) {
  std::optional<ObjectInfo> base;
  {
    const MutexLock lock(mutex_);
    base = base_;
  }
  auto answered = [self = shared_from_this(), range, cancel, base,
                   done = std::move(done)](Result<Slices> slices) mutable {
    const bool gone =
        !slices && (slices.code() == Code::changed || slices.code() == Code::not_found);
    if (!gone) return done(std::move(slices));
    self->read_again(range, std::move(cancel), base, slices.error(), std::move(done));
  };
  read_dirty(range, std::move(cancel), std::move(answered));
}

/// The base is gone, perhaps because a commit of our own has just taken its place: that has the
/// bytes.
void FileWriterImpl::read_again(ByteRange range, std::stop_token cancel,
                                const std::optional<ObjectInfo>& base, const Error& error,
                                Done<Slices> done) {
  Deferred after;
  const MutexLock lock(mutex_);
  // A copy under another key may have the same ETag.
  const bool replaced = base_ && base && (base_->etag != base->etag || base_->key != base->key);
  if (!replaced && commit_ == nullptr) {
    after.call([done = std::move(done), error]() mutable { done(error); });
    return;
  }
  auto again = [self = shared_from_this(), range, cancel = std::move(cancel),
                done = std::move(done)]() mutable {
    self->read(range, std::move(cancel), std::move(done));
  };
  if (replaced) return after.call(std::move(again));
  commit_->waiters.emplace_back(
      [again = std::move(again)](const Result<ObjectInfo>&) mutable { again(); });
}

void FileWriterImpl::read_dirty(ByteRange range, std::stop_token cancel, Done<Slices> done) {
  Deferred after;
  const MutexLock lock(mutex_);
  const uint64_t size = contents_.size();
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
  if (contents_.any(range, mask(Source::sent)) && commit_ != nullptr) {
    // The object that is about to be there has them.
    commit_->waiters.emplace_back([self = shared_from_this(), range, cancel = std::move(cancel),
                                   done = std::move(done)](const Result<ObjectInfo>&) mutable {
      self->read_dirty(range, std::move(cancel), std::move(done));
    });
    return;
  }
  auto gathering = std::make_shared<Gathering>(range, std::move(done));
  contents_.visit(range, [&](const SegmentMap::Segment& segment) REQUIRES(mutex_) {
    const std::span<std::byte> into = gathering->piece(segment.range);
    switch (segment.source) {
      case Source::hole:
        std::memset(into.data(), 0, into.size());
        break;
      case Source::memory:
        contents_.copy_out(segment.range.offset, into);
        break;
      case Source::staged:
        gathering->expect(1);
        after.call([this, self = shared_from_this(), gathering, file = contents_.staging(),
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
        read_sent(segment.range, gathering, cancel, after);
        break;
    }
    return true;
  });
  after.call([gathering] { gathering->arrived({}); });
}

/// What only the unfinished upload has. What the store copied there from another object is read
/// from that one.
void FileWriterImpl::read_sent(ByteRange range, const std::shared_ptr<Gathering>& gathering,
                               const std::stop_token& cancel, Deferred& after) {
  for (uint64_t at = range.offset; at < range.end();) {
    const uint32_t number = core_.layout.number_at(at);
    const ByteRange some{at, std::min(range.end(), core_.layout.range(number).end()) - at};
    at = some.end();
    gathering->expect(1);
    const std::shared_ptr<const PartTable::CopiedFrom> from = parts_.copied_from(number);
    if (from == nullptr) {
      after.call([gathering, error = out_of_reach()] { gathering->arrived(error); });
      continue;
    }
    after.call([this, self = shared_from_this(), gathering, cancel, some, from,
                into = gathering->piece(some)] {
      const ByteRange theirs{from->source.range.offset + (some.offset - from->offset), some.length};
      core_.parts.store.get({.key = from->source.key,
                             .range = theirs,
                             .if_match = from->source.etag,
                             .sink = std::make_shared<CopySink>(theirs.offset, into, gathering),
                             .cancel = cancel},
                            [this, self, gathering](const Result<ObjectInfo>& got) {
                              if (got) return gathering->arrived({});
                              const bool gone =
                                  got.code() == Code::changed || got.code() == Code::not_found;
                              gathering->arrived(gone ? say_out_of_reach() : got.error());
                            });
    });
  }
}

/// Brings what is `base` in the range into memory: several ranges of it side by side, each piece by
/// piece. The commit goes on when all of it is there.
void FileWriterImpl::start_fetch(ByteRange range, uint32_t part, Deferred& after) {
  const uint64_t block = core_.layout.block_size();
  const uint64_t share = range.length / fetches_of_part / block * block;
  const uint64_t step = std::max(share, shortest_fetch * block);
  for (uint64_t offset = range.offset; offset < range.end(); offset += step) {
    const ByteRange some{offset, std::min(step, range.end() - offset)};
    if (!contents_.any(some, mask(Source::base))) continue;
    ++commit_->fetching;
    ++busy_;
    if (part != 0) parts_.fetching(part);
    after.call(
        [self = shared_from_this(), fetch = Fetch{.range = some, .part = part, .piece = {}}] {
          self->fetch_next(fetch, std::nullopt);
        });
  }
}

void FileWriterImpl::fetch_next(Fetch fetch, std::optional<MemoryGrant> grant) {
  uint64_t wanted = 0;
  bool ended = false;
  {
    Deferred after;
    const MutexLock lock(mutex_);
    // A few blocks at a time: what is reserved is small, and blocks are what memory comes in.
    fetch.piece = contents_.next_of_base(fetch.range, longest_piece);
    ended = fetch.piece.length == 0 || commit_->error || abandoned_;
    if (ended) {
      --busy_;
      --commit_->fetching;
      // A part that has all its bytes can go.
      const bool last = fetch.part != 0 && parts_.fetched(fetch.part);
      if (last && !commit_->error && !abandoned_) make_ready(fetch.part, after);
    } else {
      const uint64_t needed = contents_.memory_for(fetch.piece);
      if (!grant && needed > 0) {
        if (auto memory = core_.memory->try_take(needed)) grant = MemoryGrant{std::move(*memory)};
      }
      if (needed > 0 && (!grant || !grant->covers(needed))) {
        wanted = needed;
      } else {
        Reservation memory = grant ? std::move(grant->reservation) : Reservation();
        auto sink = contents_.open_for(fetch.piece, std::move(memory), after);
        after.call([this, self = shared_from_this(), fetch, sink = std::move(sink),
                    key = base_->key, etag = base_->etag] {
          core_.parts.store.get(
              {.key = key, .range = fetch.piece, .if_match = etag, .sink = sink, .cancel = {}},
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
    contents_.arrived(fetch.piece, !result);
    if (!result && !commit_->error) {
      const Error& error = result.error();
      // Whoever removed the base changed it.
      commit_->error = error.code() == Code::not_found ? error.with_code(Code::changed) : error;
    }
  }
  fetch_next(fetch, std::nullopt);
}

}  // namespace penstock
