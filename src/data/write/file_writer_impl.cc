// SPDX-License-Identifier: Apache-2.0
#include "data/write/file_writer_impl.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace penstock {
FileWriterImpl::FileWriterImpl(WriteCore& core, std::string key, std::optional<WriteBase> base,
                               Metadata initial, std::shared_ptr<UploadRegistry> uploads)
    : core_(core),
      pass_(core.gate),
      own_uploads_(std::move(uploads)),
      uploads_(own_uploads_ == nullptr ? core.parts.uploads : *own_uploads_),
      readable_(own_uploads_ == nullptr),
      key_(std::move(key)),
      metadata_(std::move(initial)),
      contents_dirty_(!base),
      contents_(core.parts.buffers, core.layout),
      part_memory_(core, contents_, parts_, readable_) {
  if (!base) return;
  base_ = std::move(base->object);
  contents_.start_from_base(base_->size);
}

FileWriterImpl::~FileWriterImpl() { core_.memory->leave(this); }

uint64_t FileWriterImpl::size() const {
  const MutexLock lock(mutex_);
  return contents_.size();
}

std::optional<uint64_t> FileWriterImpl::seek(uint64_t offset, bool hole) const {
  const MutexLock lock(mutex_);
  return contents_.seek(offset, hole);
}

void FileWriterImpl::set_exclusive(bool exclusive) {
  const MutexLock lock(mutex_);
  exclusive_ = exclusive;
}

bool FileWriterImpl::dirty() const {
  const MutexLock lock(mutex_);
  return contents_dirty_ || metadata_dirty_ || unreported_;
}

uint64_t FileWriterImpl::memory_for(const Change& change) const {
  return change.data.empty() ? 0 : contents_.memory_for(change.range(contents_.size()));
}

/// Whether the change can be applied now; false: something that is under way will ask again.
Result<bool> FileWriterImpl::admit(const Change& change, Deferred& after) {
  if (abandoned_) return Error(Code::cancelled, "the file was given up");
  if (lost_) return *lost_;
  if (failure_ && !change.resizes()) return *failure_;
  const ByteRange asked = change.range(contents_.size());
  const uint64_t limit = core_.layout.max_size();
  if (asked.length > limit || asked.offset > limit - asked.length) {
    return Error(Code::too_large,
                 Error::Detail{.message = "larger than an object may become", .key = key_});
  }
  if (commit_ != nullptr || copying_) return false;
  if (change.resizes() && leaves_parts_out(asked.offset)) {
    if (parts_.any(PartTable::State::sending)) return false;
    if (contents_.any({0, asked.offset}, mask(Source::sent))) {
      if (!commits_midway({0, asked.offset})) return out_of_reach();
      commit_midway(after);
      commit_->for_change = true;
      return false;
    }
  }
  const ByteRange touched = change.reach(contents_.size());
  if (touched.length == 0) return true;
  if (part_memory_.writes(touched)) return false;
  const uint32_t first = core_.layout.number_at(touched.offset);
  const uint32_t last = core_.layout.number_at(touched.end() - 1);
  for (const uint32_t number : parts_.numbers(first, last)) {
    const PartTable::State state = parts_.state(number);
    if (state == PartTable::State::sending) return false;
    if (state != PartTable::State::stored || !needs_sent(number, change)) continue;
    if (!commits_midway(contents_.clip(number))) return out_of_reach();
    commit_midway(after);
    commit_->for_change = true;
    return false;
  }
  return true;
}

/// Whether the part keeps bytes that only the store has.
bool FileWriterImpl::needs_sent(uint32_t number, const Change& change) const {
  const ByteRange part = contents_.clip(number);
  const auto any = [&](uint64_t begin, uint64_t end) REQUIRES(mutex_) {
    return begin < end && contents_.any({begin, end - begin}, mask(Source::sent));
  };
  const ByteRange asked = change.range(contents_.size());
  if (change.resizes()) return any(part.offset, std::min(part.end(), asked.offset));
  const bool zeroes = change.kind == Change::Kind::zero || change.kind == Change::Kind::punch;
  if (!zeroes) return any(part.offset, part.end());
  return any(part.offset, std::min(part.end(), asked.offset)) ||
         any(std::max(part.offset, asked.end()), part.end());
}

uint64_t FileWriterImpl::apply(const Change& change, Reservation memory, Deferred& after) {
  const uint64_t old_size = contents_.size();
  const ByteRange range = change.range(old_size);
  if (change.resizes()) {
    apply_truncate(range.offset, after);
    return range.offset;
  }
  if (range.length == 0) return range.offset;
  if (range.offset != old_size) part_memory_.expect_reads();
  if (!change.data.empty()) {
    contents_.write(range, change, std::move(memory), after);
  } else if (!contents_.make_hole(range, after)) {
    return range.offset;
  }
  contents_dirty_ = true;
  if (range.offset > old_size) touch(core_.layout.number_at(old_size));
  const uint32_t first = core_.layout.number_at(range.offset);
  const uint32_t last = core_.layout.number_at(range.end() - 1);
  for (uint32_t number = first; number <= last; ++number) touch(number);
  // The part before may have waited for the file to grow past it.
  for (uint32_t number = std::max<uint32_t>(first, 2) - 1; number <= last; ++number)
    consider(number, after);
  return range.offset;
}

void FileWriterImpl::apply_truncate(uint64_t size, Deferred& after) {
  const uint64_t old_size = contents_.size();
  // Also where it is empty already: what another node has stored since has an end then.
  replaces_base_ |= size == 0;
  contents_dirty_ |= size != old_size || (size == 0 && base_);
  if (size == old_size) return;
  if (size > old_size) {
    touch(core_.layout.number_at(old_size));
    contents_.resize(size, after);
    return;
  }
  const uint32_t remaining = core_.layout.count(size);
  if (remaining > 0 && core_.layout.range(remaining).end() > size) touch(remaining);
  parts_.cut(remaining);
  part_memory_.unkeep_above(remaining);
  contents_.resize(size, after);
  if (!leaves_parts_out(size)) return;
  retire(std::move(upload_), after);
  forget_sent_parts();
  consider_all(after);
}

bool FileWriterImpl::leaves_parts_out(uint64_t size) const {
  return upload_ != nullptr && upload_->last_part > core_.layout.count(size);
}

/// The part's bytes are about to differ from what was stored of it.
void FileWriterImpl::touch(uint32_t number) {
  parts_.touch(number);
  part_memory_.unkeep(number);
}

void FileWriterImpl::change(const Change& change, Done<uint64_t> done) {
  Deferred after;
  MutexLock lock(mutex_);
  if (queue_.empty()) {
    const Result<bool> admitted = admit(change, after);
    if (!admitted) {
      after.call([done = std::move(done), error = admitted.error()]() mutable { done(error); });
      return;
    }
    const uint64_t needed = *admitted ? memory_for(change) : 0;
    std::optional<Reservation> memory =
        needed == 0 ? Reservation() : core_.memory->try_take(needed);
    if (*admitted && memory) {
      const uint64_t offset = apply(change, std::move(*memory), after);
      lock.unlock();
      return done(offset);
    }
  }
  Change kept = change;
  std::unique_ptr<std::byte[]> data;
  if (change.block == nullptr && !change.data.empty()) {
    data = std::make_unique_for_overwrite<std::byte[]>(change.data.size());
    std::memcpy(data.get(), change.data.data(), change.data.size());
    kept.data = {data.get(), change.data.size()};
  }
  queue_.push_back({std::move(kept), std::move(data), std::move(done)});
  if (queue_.size() == 1) after.call([self = shared_from_this()] { self->pump(); });
}

void FileWriterImpl::finish_first(Result<uint64_t> result, Deferred& after) {
  after.call([done = std::move(queue_.front().done), result = std::move(result)]() mutable {
    done(std::move(result));
  });
  queue_.pop_front();
}

void FileWriterImpl::pump() {
  while (pump_one()) {
  }
}

/// Applies the first waiting change; false if there is none or it has to wait on.
bool FileWriterImpl::pump_one() {
  uint64_t needed = 0;
  {
    Deferred after;
    const MutexLock lock(mutex_);
    if (queue_.empty() || waiting_for_memory_) return false;
    const Change& change = queue_.front().change;
    const Result<bool> admitted = admit(change, after);
    if (!admitted) {
      finish_first(admitted.error(), after);
      return true;
    }
    if (!*admitted) return false;
    needed = memory_for(change);
    std::optional<Reservation> memory =
        needed == 0 ? Reservation() : core_.memory->try_take(needed);
    if (memory) {
      const uint64_t offset = apply(change, std::move(*memory), after);
      finish_first(offset, after);
      return true;
    }
    waiting_for_memory_ = true;
  }
  core_.memory->take(needed, [weak = weak_from_this()](MemoryGrant grant) {
    if (const auto self = weak.lock()) self->granted(std::move(grant));
  });
  return false;
}

/// Uses the memory or gives it back: nobody holds memory while waiting for something else.
void FileWriterImpl::granted(MemoryGrant grant) {
  {
    Deferred after;
    const MutexLock lock(mutex_);
    waiting_for_memory_ = false;
    if (!queue_.empty()) {
      const Change& change = queue_.front().change;
      const Result<bool> admitted = admit(change, after);
      if (admitted && *admitted && grant.covers(memory_for(change))) {
        const uint64_t offset = apply(change, std::move(grant.reservation), after);
        finish_first(offset, after);
      }
    }
  }
  grant.reservation.release();
  pump();
}

std::optional<ObjectInfo> FileWriterImpl::base() const {
  const MutexLock lock(mutex_);
  return base_;
}

void FileWriterImpl::base_moved(const std::string& key, const ETag& etag) {
  const MutexLock lock(mutex_);
  // What it may still have to store, to be read back, must not appear under the name that is gone.
  if (upload_ == nullptr && commit_ == nullptr) key_ = key;
  if (!base_) return;
  base_->key = key;
  base_->etag = etag;
}

bool FileWriterImpl::rename(const std::string& key, Deferred& after) {
  const MutexLock lock(mutex_);
  if (abandoned_ || commit_ != nullptr || base_) return false;
  if (parts_.any(PartTable::State::sending) || parts_.any(PartTable::State::stored)) return false;
  key_ = key;
  if (upload_ != nullptr) {  // created ahead of time, and still empty
    retire(std::move(upload_), after);
    if (parts_.any(PartTable::State::ready)) create_upload(after);
  }
  return true;
}

void FileWriterImpl::abandon(Callback<void()> done) {
  Deferred after;
  const MutexLock lock(mutex_);
  abandoned_ = true;
  parts_.put_back_ready();
  while (!queue_.empty()) finish_first(Error(Code::cancelled, "the file was given up"), after);
  abandon_waiters_.push_back(std::move(done));
  after.call([self = shared_from_this()] { self->went_on(); });
}

void FileWriterImpl::close() {
  const MutexLock lock(mutex_);
  if (std::exchange(abandoned_, true)) return;
  const bool idle = busy_ == 0 && commit_ == nullptr && upload_ == nullptr && queue_.empty() &&
                    !part_memory_.keeps_any() && !contents_.holds_bytes();
  if (idle) return;
  core_.parts.scheduler.post([self = shared_from_this()] { self->abandon([] {}); });
}

/// Once nothing is under way any more, an abandoned file lets go of everything.
void FileWriterImpl::check_abandoned(Deferred& after) {
  if (!abandoned_ || busy_ > 0 || commit_ != nullptr) return;
  part_memory_.unkeep_above(0);
  part_memory_.leave_staging();
  parts_.clear();
  contents_.clear(after);
  if (upload_ != nullptr) {
    retire(std::move(upload_), after);  // comes here again when it is aborted
    return;
  }
  for (auto& waiter : std::exchange(abandon_waiters_, {})) after.call(std::move(waiter));
}

/// After anything that was under way has ended.
void FileWriterImpl::went_on() {
  check_copy();
  advance_commit();
  pump();
  Deferred after;
  const MutexLock lock(mutex_);
  check_abandoned(after);
}

}  // namespace penstock
