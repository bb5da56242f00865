// SPDX-License-Identifier: Apache-2.0
#include "data/write/file_writer_impl.h"

#include <algorithm>
#include <utility>

namespace penstock {
namespace {

std::optional<ObjectInfo> object_of(const std::optional<WriteBase>& base) {
  return base ? std::optional(base->object) : std::nullopt;
}

}  // namespace

FileWriterImpl::FileWriterImpl(WriteCore& core, NewName name, std::optional<WriteBase> base,
                               Metadata initial, std::shared_ptr<UploadRegistry> uploads)
    : core_(core),
      pass_(core.gate),
      own_uploads_(std::move(uploads)),
      readable_(own_uploads_ == nullptr),
      object_(std::move(name), object_of(base), std::move(initial)),
      contents_(core.parts.buffers, core.layout),
      part_memory_(core, contents_, parts_, readable_),
      staging_(core, *this, contents_, queue_, phase_, part_memory_),
      upload_(rooms()),
      commit_(rooms(), upload_, *this, readable_),
      reader_(core, *this, contents_, parts_, object_),
      changes_(rooms(), upload_, commit_, reader_) {
  if (base) contents_.start_from_base(base->object.size);
}

FileWriterImpl::~FileWriterImpl() { core_.memory->leave(this); }

MultipartUpload::Rooms FileWriterImpl::rooms() {
  return {.core = core_,
          .strand = *this,
          .registry = readable_ ? core_.parts.uploads : *own_uploads_,
          .contents = contents_,
          .parts = parts_,
          .memory = part_memory_,
          .staging = staging_,
          .object = object_,
          .phase = phase_};
}

std::vector<ByteRange> FileWriterImpl::resume(LeftUpload upload) {
  Deferred after;
  const MutexLock lock(mutex_);
  return upload_.resume(std::move(upload), after);
}

uint64_t FileWriterImpl::size() const {
  const MutexLock lock(mutex_);
  return contents_.size();
}

std::optional<uint64_t> FileWriterImpl::seek(uint64_t offset, bool hole) const {
  const MutexLock lock(mutex_);
  return contents_.seek(offset, hole);
}

void FileWriterImpl::expect_reads() {
  const MutexLock lock(mutex_);
  part_memory_.expect_reads();
}

bool FileWriterImpl::dirty() const {
  const MutexLock lock(mutex_);
  return object_.dirty();
}

std::optional<ObjectInfo> FileWriterImpl::base() const {
  const MutexLock lock(mutex_);
  return object_.base();
}

void FileWriterImpl::base_moved(const std::string& key, const ETag& etag) {
  const MutexLock lock(mutex_);
  // What it may still have to store, to be read back, must not appear under the name that is gone.
  if (!upload_.exists() && !phase_.committing()) object_.follow(key);
  object_.base_moved(key, etag);
}

bool FileWriterImpl::rename(const NewName& name, Deferred& after) {
  const MutexLock lock(mutex_);
  if (phase_.abandoned() || phase_.committing() || object_.base()) return false;
  if (parts_.any(PartTable::State::sending) || parts_.any(PartTable::State::stored)) return false;
  object_.rename(name);
  if (upload_.exists()) {  // created ahead of time, and still empty
    upload_.retire(after);
    if (parts_.any(PartTable::State::ready)) upload_.create(after);
  }
  return true;
}

void FileWriterImpl::change(const Change& change, Done<uint64_t> done) {
  Deferred after;
  MutexLock lock(mutex_);
  if (queue_.empty()) {
    const Result<bool> admitted = changes_.admit(change, after);
    if (!admitted) return after.answer<uint64_t>(std::move(done), admitted.error());
    const uint64_t needed = *admitted ? changes_.memory_for(change) : 0;
    std::optional<Reservation> memory =
        needed == 0 ? Reservation() : core_.memory->try_take(needed);
    if (*admitted && memory) {
      const uint64_t offset = changes_.apply(change, std::move(*memory), after);
      lock.unlock();
      return done(offset);
    }
  }
  queue_.push(change, std::move(done));
  if (queue_.size() == 1) after.call([self = shared_from_this()] { self->pump(); });
}

void FileWriterImpl::finish_first(Result<uint64_t> result, Deferred& after) {
  after.answer<uint64_t>(queue_.pop(), std::move(result));
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
    const Change& change = queue_.front();
    const Result<bool> admitted = changes_.admit(change, after);
    if (!admitted) {
      finish_first(admitted.error(), after);
      return true;
    }
    if (!*admitted) return false;
    needed = changes_.memory_for(change);
    std::optional<Reservation> memory =
        needed == 0 ? Reservation() : core_.memory->try_take(needed);
    if (memory) {
      finish_first(changes_.apply(change, std::move(*memory), after), after);
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
      const Change& change = queue_.front();
      const Result<bool> admitted = changes_.admit(change, after);
      if (admitted && *admitted && grant.covers(changes_.memory_for(change)))
        finish_first(changes_.apply(change, std::move(grant.reservation), after), after);
    }
  }
  grant.reservation.release();
  pump();
}

void FileWriterImpl::read(ByteRange range, std::stop_token cancel, Done<Slices> done) {
  Deferred after;
  const MutexLock lock(mutex_);
  auto answered = [self = shared_from_this(), range, cancel, base = object_.base(),
                   done = std::move(done)](Result<Slices> slices) mutable {
    const bool gone =
        !slices && (slices.code() == Code::changed || slices.code() == Code::not_found);
    if (!gone) return done(std::move(slices));
    self->read_again(range, std::move(cancel), base, slices.error(), std::move(done));
  };
  read_now(range, std::move(cancel), std::move(answered), after);
}

/// The base is gone, perhaps because a commit of our own has just taken its place: that has the
/// bytes.
void FileWriterImpl::read_again(ByteRange range, std::stop_token cancel,
                                const std::optional<ObjectInfo>& base, const Error& error,
                                Done<Slices> done) {
  Deferred after;
  const MutexLock lock(mutex_);
  const std::optional<ObjectInfo>& present = object_.base();
  // A copy under another key may have the same ETag.
  const bool replaced =
      present && base && (present->etag != base->etag || present->key != base->key);
  if (!replaced && !phase_.committing()) return after.answer<Slices>(std::move(done), error);
  auto again = [self = shared_from_this(), range, cancel = std::move(cancel),
                done = std::move(done)]() mutable {
    self->read(range, std::move(cancel), std::move(done));
  };
  if (replaced) return after.call(std::move(again));
  commit_.when_ended([again = std::move(again)](const Result<ObjectInfo>&) mutable { again(); });
}

void FileWriterImpl::read_now(ByteRange range, std::stop_token cancel, Done<Slices> done,
                              Deferred& after) {
  if (phase_.abandoned()) {
    return after.answer<Slices>(std::move(done), Error(Code::cancelled, "the file was given up"));
  }
  const uint64_t size = contents_.size();
  range.length = std::min(range.end(), std::max(size, range.offset)) - range.offset;
  if (range.offset >= size || range.length == 0)
    return after.answer<Slices>(std::move(done), Slices{});
  if (!phase_.committing() || !contents_.any(range, mask(Source::sent)))
    return reader_.read(range, cancel, std::move(done), after);
  // The object that is about to be there has them.
  commit_.when_ended([self = shared_from_this(), range, cancel = std::move(cancel),
                      done = std::move(done)](const Result<ObjectInfo>&) mutable {
    Deferred later;
    const MutexLock relock(self->mutex_);
    self->read_now(range, std::move(cancel), std::move(done), later);
  });
}

void FileWriterImpl::ask(NextObject request) {
  const MutexLock lock(mutex_);
  object_.ask(std::move(request));
}

void FileWriterImpl::commit(Done<ObjectInfo> done) {
  Deferred after;
  const MutexLock lock(mutex_);
  commit_.begin({.metadata = object_.asked(), .condition = {}}, std::move(done), after);
}

void FileWriterImpl::commit_as(CommitRequest request, Done<ObjectInfo> done) {
  Deferred after;
  const MutexLock lock(mutex_);
  commit_.begin(std::move(request), std::move(done), after);
}

void FileWriterImpl::committed(const Result<ObjectInfo>& result, bool for_change, Deferred& after) {
  if (!result && for_change && !queue_.empty()) finish_first(result.error(), after);
  after.call([self = shared_from_this()] { self->pump(); });
}

void FileWriterImpl::try_again() {
  Deferred after;
  const MutexLock lock(mutex_);
  if (phase_.committing()) return;
  upload_.forgive();
  upload_.consider_all(after);
}

void FileWriterImpl::copy_parts(uint64_t offset, CopySource source, Done<uint64_t> done) {
  Deferred after;
  const MutexLock lock(mutex_);
  upload_.copy_parts(offset, std::move(source), !queue_.empty(), std::move(done), after);
}

uint64_t FileWriterImpl::spillable() const {
  const MutexLock lock(mutex_);
  return staging_.spillable();
}

void FileWriterImpl::spill(Callback<void(bool)> done) {
  Deferred after;
  const MutexLock lock(mutex_);
  staging_.spill(std::move(done), after);
}

void FileWriterImpl::drop_kept() {
  Deferred after;
  const MutexLock lock(mutex_);
  if (!phase_.committing()) staging_.let_all_go(after);
}

void FileWriterImpl::abandon(Callback<void()> done) {
  Deferred after;
  const MutexLock lock(mutex_);
  phase_.abandon();
  parts_.put_back_ready();
  while (!queue_.empty()) finish_first(Error(Code::cancelled, "the file was given up"), after);
  abandon_waiters_.push_back(std::move(done));
  after.call([self = shared_from_this()] { self->went_on(); });
}

void FileWriterImpl::close() {
  const MutexLock lock(mutex_);
  if (phase_.abandoned()) return;
  phase_.abandon();
  const bool idle = !busy() && !phase_.committing() && !upload_.exists() && queue_.empty() &&
                    !part_memory_.keeps_any() && !contents_.holds_bytes();
  if (idle) return;
  core_.parts.scheduler.post([self = shared_from_this()] { self->abandon([] {}); });
}

/// Once nothing is under way any more, an abandoned file lets go of everything.
void FileWriterImpl::check_abandoned(Deferred& after) {
  if (!phase_.abandoned() || busy() || phase_.committing()) return;
  part_memory_.unkeep_above(0);
  part_memory_.leave_staging();
  parts_.clear();
  contents_.clear(after);
  const bool aborts = upload_.created();
  upload_.retire(after);
  if (aborts) return;  // comes here again when it is aborted
  for (auto& waiter : std::exchange(abandon_waiters_, {})) after.call(std::move(waiter));
}

/// After anything that was under way has ended.
void FileWriterImpl::went_on() {
  {
    Deferred after;
    const MutexLock lock(mutex_);
    upload_.check_copy(after);
  }
  {
    Deferred after;
    const MutexLock lock(mutex_);
    commit_.advance(after);
  }
  pump();
  Deferred after;
  const MutexLock lock(mutex_);
  check_abandoned(after);
}

}  // namespace penstock
