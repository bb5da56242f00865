// SPDX-License-Identifier: Apache-2.0
// Unchanged bytes of the base that a commit needs in memory.
#include <algorithm>
#include <utility>

#include "data/write/file_commit.h"

namespace penstock {
namespace {

/// Ranges of one part that are fetched side by side, if they are not shorter than so many blocks.
constexpr uint64_t fetches_of_part = 8;
constexpr uint64_t shortest_fetch = 2;
/// Blocks of one request: what is reserved is small, and blocks are what memory comes in.
constexpr uint64_t longest_piece = 4;

/// Giving memory back wakes who waits for it, which nobody does who holds a lock.
void give_back(std::optional<MemoryGrant> grant, Deferred& after) {
  if (!grant) return;
  after.call([memory = std::move(grant->reservation)]() mutable { memory.release(); });
}

}  // namespace

/// Brings what is `base` in the range into memory: several ranges of it side by side, each piece by
/// piece. The commit goes on when all of it is there.
void FileCommit::start_fetch(ByteRange range, uint32_t part, Deferred& after) {
  const uint64_t block = rooms_.core.layout.block_size();
  const uint64_t share = range.length / fetches_of_part / block * block;
  const uint64_t step = std::max(share, shortest_fetch * block);
  for (uint64_t offset = range.offset; offset < range.end(); offset += step) {
    const ByteRange some{offset, std::min(step, range.end() - offset)};
    if (!rooms_.contents.any(some, mask(Source::base))) continue;
    rooms_.phase.fetch_begun();
    if (part != 0) rooms_.parts.fetching(part);
    fetch_next({.range = some, .part = part, .piece = {}}, std::nullopt, after);
  }
}

void FileCommit::fetch_next(Fetch fetch, std::optional<MemoryGrant> grant, Deferred& after) {
  fetch.piece = rooms_.contents.next_of_base(fetch.range, longest_piece);
  if (fetch.piece.length == 0 || rooms_.phase.error() || rooms_.phase.abandoned()) {
    give_back(std::move(grant), after);
    return fetch_ended(fetch, after);
  }
  WriteMemory& memory = *rooms_.core.memory;
  const uint64_t needed = rooms_.contents.memory_for(fetch.piece);
  if (!grant && needed > 0) {
    if (auto taken = memory.try_take(needed)) grant = MemoryGrant{std::move(*taken)};
  }
  if (needed > 0 && (!grant || !grant->covers(needed))) {
    give_back(std::move(grant), after);
    auto granted = rooms_.strand.answer<MemoryGrant>(
        [this, fetch](Result<MemoryGrant> given, Deferred& later) {
          fetch_next(fetch, std::move(*given), later);
        });
    after.call([&memory, needed, granted = std::move(granted)]() mutable {
      memory.take(needed, [granted = std::move(granted)](MemoryGrant given) mutable {
        granted(std::move(given));
      });
    });
    return;
  }
  Reservation paid = grant ? std::move(grant->reservation) : Reservation();
  GetRequest request{.key = rooms_.object.base()->key,
                     .range = fetch.piece,
                     .if_match = rooms_.object.base()->etag,
                     .sink = rooms_.contents.open_for(fetch.piece, std::move(paid), after),
                     .cancel = {}};
  auto done = rooms_.strand.answer<ObjectInfo>(
      [this, fetch](const Result<ObjectInfo>& got, Deferred& later) {
        fetched(fetch, got, later);
      });
  after.call(
      [&store = rooms_.core.parts.store, request = std::move(request),
       done = std::move(done)]() mutable { store.get(std::move(request), std::move(done)); });
}

void FileCommit::fetch_ended(const Fetch& fetch, Deferred& after) {
  rooms_.phase.fetch_ended();
  // A part that has all its bytes can go.
  const bool last = fetch.part != 0 && rooms_.parts.fetched(fetch.part);
  const bool goes = last && !rooms_.phase.error() && !rooms_.phase.abandoned();
  if (goes) upload_.make_ready(fetch.part, after);
}

void FileCommit::fetched(const Fetch& fetch, const Result<ObjectInfo>& result, Deferred& after) {
  rooms_.contents.arrived(fetch.piece, !result);
  if (!result) {
    const Error& error = result.error();
    // That the base is gone is a change of it, as if another client had replaced it.
    rooms_.phase.fail(error.code() == Code::not_found ? error.with_code(Code::changed) : error);
  }
  fetch_next(fetch, std::nullopt, after);
}

}  // namespace penstock
