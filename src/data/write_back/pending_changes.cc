// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/pending_changes.h"

#include <algorithm>
#include <optional>

namespace penstock {

void PendingChanges::change(const Change& change, Done<uint64_t> done) {
  Deferred after;
  const MutexLock lock(mutex_);
  const Scheduler::Time now = room_.now();
  if (waiting_.empty()) {
    Result<uint64_t> applied = apply(change);
    if (applied || !room_.may_come(applied.error(), now))
      return after.answer(std::move(done), std::move(applied));
    after.call([this] { look_later(); });
  }
  waiting_.push_back({.change = change,
                      .data = {change.data.begin(), change.data.end()},
                      .since = now,
                      .done = std::move(done)});
  waiting_.back().change.data = waiting_.back().data;
}

void PendingChanges::look_later() {
  room_.look_later([this, keep = file_.keep()] { try_waiting(); });
}

void PendingChanges::try_waiting() {
  Deferred after;
  const MutexLock lock(mutex_);
  while (!waiting_.empty()) {
    Waiting& first = waiting_.front();
    Result<uint64_t> applied = apply(first.change);
    if (!applied && room_.may_come(applied.error(), first.since)) {
      after.call([this] { look_later(); });
      return;
    }
    after.answer(std::move(first.done), std::move(applied));
    waiting_.pop_front();
  }
}

Result<uint64_t> PendingChanges::apply(const Change& change) {
  std::optional<uint64_t> size;
  file_.run([&](Deferred&) {
    if (!listener_.given_up()) size = contents_.size();
  });
  if (!size) return Error(Code::cancelled, "the file was given up");
  const ByteRange range = change.range(*size);
  const uint64_t limit = core_.parts.store.limits().max_object_size;
  if (range.length > limit || range.offset > limit - range.length)
    return Error(Code::too_large, "larger than an object may become");
  if (range.length == 0 && !change.resizes()) return range.offset;
  if (!change.data.empty()) {
    const Result<void> written = write(range.offset, change.data);
    return written ? Result<uint64_t>(range.offset) : Result<uint64_t>(written.error());
  }
  if (Result<void> flushed = flush(); !flushed) return flushed.error();
  file_.run([&](Deferred&) { make_hole(change, range, *size); });
  return range.offset;
}

/// A change without bytes, about `range` in a file of `size`. Under the file's lock.
void PendingChanges::make_hole(const Change& change, ByteRange range, uint64_t size) {
  if (change.resizes()) {
    // A truncation to nothing is a change even if the file is empty here already: another client
    // may have stored bytes since, or removed the object, and what the program asked for is a file
    // without any.
    const bool emptied = change.kind == Change::Kind::truncate && range.offset == 0;
    if (range.offset != size || emptied) resize(range.offset);
    return;
  }
  if (range.end() > size) resize(range.end());
  // What is behind the old end is a hole already.
  const ByteRange inside{range.offset,
                         std::min(range.end(), std::max(size, range.offset)) - range.offset};
  if (!contents_.any(inside)) return;
  listener_.changing(inside.offset, inside.end());
  contents_.punch(inside);
}

/// Under the file's lock.
void PendingChanges::resize(uint64_t size) {
  listener_.changing(std::min(size, contents_.size()), UINT64_MAX);
  contents_.resize(size);
}

Result<void> PendingChanges::write(uint64_t offset, std::span<const std::byte> data) {
  if (!tail_.takes(offset, data.size())) {
    if (Result<void> stored = flush(); !stored) return stored;
  }
  if (!tail_.takes(offset, data.size())) return store(offset, data);
  tail_.add(offset, data);
  file_.run([&](Deferred&) { contents_.collected(offset + data.size()); });
  return {};
}

/// Has what is collected in the journal.
Result<void> PendingChanges::flush() {
  if (tail_.empty()) return {};
  Result<void> stored = store(tail_.offset(), tail_.bytes());
  if (stored) tail_.clear();
  return stored;
}

Result<void> PendingChanges::store(uint64_t offset, std::span<const std::byte> data) {
  Result<std::shared_ptr<const JournalPiece>> piece = core_.parts.journal.append(data);
  if (!piece) return piece.error();
  room_.found();
  file_.run([&](Deferred&) {
    listener_.changing(offset, offset + data.size());
    contents_.store(offset, std::move(*piece));
    listener_.stored({offset, data.size()});
  });
  return {};
}

}  // namespace penstock
