// SPDX-License-Identifier: Apache-2.0
#include "data/read/object_reader_impl.h"

#include <algorithm>
#include <utility>

#include "base/deferred.h"

namespace penstock {
namespace {

/// Kept behind a stream for who reads a little back.
constexpr uint64_t stream_tail = 1ULL << 20;
/// Kept of what random reads have used, in case they come back.
constexpr uint64_t most_leftovers = 4ULL << 20;

/// What programs mostly read first: what the kernel asks for at once.
constexpr uint64_t first_read = 128ULL << 10;

}  // namespace

Error ObjectReaderImpl::closed_error() {
  return Error(Code::cancelled, "the file was closed while it was read");
}

ObjectReaderImpl::ObjectReaderImpl(std::shared_ptr<ReadCore> core, ObjectVersion version,
                                   std::shared_ptr<CacheLink> cache,
                                   std::function<void(const ObjectInfo&)> learned)
    : core_(std::move(core)),
      version_(std::move(version)),
      cache_(std::move(cache)),
      granule_(granule_of(core_->options, version_, cache_ != nullptr)),
      last_use_(core_->parts.scheduler.now()),
      learned_(std::move(learned)),
      dense_(version_.size),
      ends_(version_.size, core_->names.expected(version_.key)) {}

void ObjectReaderImpl::read(ByteRange range, std::stop_token cancel, Done<Slices> done) {
  range.offset = std::min(range.offset, version_.size);
  range.length = std::min(range.length, version_.size - range.offset);
  if (range.length == 0) return done(Slices{});
  if (cancel.stop_requested()) return done(Error(Code::interrupted, "the read was interrupted"));
  const Scheduler::Time now = core_->parts.scheduler.now();
  last_use_.store(now, std::memory_order_relaxed);
  Aftermath after;
  std::shared_ptr<PendingRead> pending;
  {
    const MutexLock lock(mutex_);
    ReadPattern pattern;
    if (!whole()) {
      pattern = streams_.observe(range, now, !dense_.dense());
      dense_.observe(range, pattern.kind != ReadPattern::Kind::sequential);
      // Before the read looks for what it lacks: a read of the tail waits for that request.
      if (ends_.observe(range) && !closed_ && !broken_) plan_tail(after);
      if (pattern.stream != nullptr && pattern.stream->reads <= 2) {
        count_streams(now);
        // The kernel asks for what follows the head of a file together with the head, whatever the
        // program does next: of such a file only a third read makes a stream.
        if (ends_.listed_at_end() && pattern.stream->from_start()) pattern = ReadPattern{};
      }
    }
    const bool dense = dense_.dense();
    const bool missed = dense && !fetches_.gaps(range).empty();
    if (closed_) {
      after.answers.push_back(Answer{std::move(done), closed_error()});
    } else if (arrived(range)) {
      core_->parts.metrics->from_memory.add();
      core_->parts.metrics->memory_bytes.add(range.length);
      after.answers.push_back(Answer{std::move(done), collect(range, after)});
      tidy_dense(range, after);
    } else {
      core_->parts.metrics->waited.add();
      core_->parts.metrics->waited_bytes.add(range.length);
      pending = std::make_shared<PendingRead>(range, std::move(done));
      pending->spot = dense || pattern.kind != ReadPattern::Kind::sequential;
      admit(pending, dense ? nullptr : pattern.stream, after);
    }
    if (!closed_ && !broken_) {
      dense ? plan_dense(range, missed, after) : plan_ahead(pattern, after);
    }
  }
  if (pending && cancel.stop_possible()) watch(pending, cancel);
  run(std::move(after));
}

void ObjectReaderImpl::begin(Done<bool> done) {
  if (version_.size == 0) return done(false);
  if (cache_ == nullptr) return fetch_first(std::move(done));
  cache_->find_share(CacheLink::Patience::open, [self = shared_from_this(), done = std::move(done)](
                                                    const CacheShare& share) mutable {
    share.present + share.coming > 0 ? done(false) : self->fetch_first(std::move(done));
  });
}

std::optional<Error> ObjectReaderImpl::ended() const { return closed_ ? closed_error() : broken_; }

void ObjectReaderImpl::fetch_first(Done<bool> done) {
  Aftermath after;
  {
    Deferred known;
    const MutexLock lock(mutex_);
    if (const auto error = ended()) return known.answer<bool>(std::move(done), *error);
    if (!fetches_.all().empty()) return known.answer<bool>(std::move(done), false);
    // A cache that was slow to say what it has may turn out to have these bytes.
    asked_.store(false);
    auto answer = [this, done = std::move(done)](const Result<Slices>& slices) mutable {
      done(slices ? Result<bool>(asked_.load()) : Result<bool>(slices.error()));
    };
    const ByteRange first{0, whole() ? 1 : std::min(version_.size, first_read)};
    auto pending = std::make_shared<PendingRead>(first, std::move(answer));
    pending->spot = true;
    admit(pending, nullptr, after);
  }
  run(std::move(after));
}

void ObjectReaderImpl::find_backing(Done<std::shared_ptr<const BackingFile>> done) {
  if (cache_ == nullptr) return done(std::shared_ptr<const BackingFile>());
  cache_->find_backing([done = std::move(done)](std::shared_ptr<const BackingFile> file) mutable {
    done(std::move(file));
  });
}

void ObjectReaderImpl::cache_share(Done<CacheShare> done) {
  if (cache_ == nullptr) return done(Error(Code::not_supported));
  cache_->find_share(CacheLink::Patience::read,
                     [done = std::move(done)](const CacheShare& share) mutable { done(share); });
}

bool ObjectReaderImpl::arrived(ByteRange range) const {
  uint64_t at = range.offset;
  fetches_.for_each_in(range,
                       [&](const std::shared_ptr<Fetch>& fetch, uint64_t begin, uint64_t end) {
                         if (begin == at && end <= fetch->arrived()) at = end;
                       });
  return at == range.end();
}

Slices ObjectReaderImpl::collect(ByteRange range, Aftermath& after) {
  Slices answer;
  std::vector<std::shared_ptr<Fetch>> used;
  const Scheduler::Time now = last_use();
  fetches_.for_each_in(range,
                       [&](const std::shared_ptr<Fetch>& fetch, uint64_t begin, uint64_t end) {
                         if (fetch->kind() == Fetch::Kind::spot && !fetch->used())
                           used.push_back(fetch);
                         fetch->deliver(begin, end, answer);
                         fetch->touched = now;
                       });
  for (const auto& fetch : used) {
    leftovers_.push_back(Leftover{fetch, fetch->size()});
    leftover_bytes_ += fetch->size();
  }
  if (range.offset == 0 && range.length >= FileEnds::longest_magic && !whole() &&
      !ends_.recognised())
    recognise(answer, after);
  tidy(range, after);
  return answer;
}

void ObjectReaderImpl::recognise(const Slices& first, Aftermath& after) {
  const bool at_ends = ends_.recognise(first.spans.front());
  core_->names.learn(version_.key, ends_.listed_at_end());
  if (at_ends && !closed_ && !broken_) plan_tail(after);
}

void ObjectReaderImpl::tidy(ByteRange range, Aftermath& after) {
  const uint64_t limit = range.end() - std::min(range.end(), stream_tail);
  const FetchMap::Map& all = fetches_.all();
  auto it = all.upper_bound(limit);
  if (it != all.end() && it->second->is_consumed()) {
    it->second->trim(limit, after.buffers);
  }
  std::vector<const Fetch*> empty;
  while (it != all.begin()) {
    Fetch& fetch = *(--it)->second;
    if (!fetch.is_consumed() || !fetch.trim(limit, after.buffers)) break;
    empty.push_back(&fetch);
  }
  for (const Fetch* fetch : empty) drop(*fetch, after);
  while (leftover_bytes_ > most_leftovers) {
    const Leftover oldest = std::move(leftovers_.front());
    leftovers_.pop_front();
    leftover_bytes_ -= oldest.bytes;
    const std::shared_ptr<Fetch> fetch = oldest.fetch.lock();
    if (!fetch) continue;
    if (!fetch->pinned()) drop(*fetch, after);
    after.fetches.push_back(fetch);
  }
}

/// Of an object that is read whole nothing is read twice, and nobody reads it in order.
void ObjectReaderImpl::tidy_dense(ByteRange range, Aftermath& after) {
  if (!dense_.dense()) return;
  std::vector<const Fetch*> empty;
  fetches_.for_each_in(range, [&](const std::shared_ptr<Fetch>& fetch, uint64_t, uint64_t) {
    if (fetch->kind() != Fetch::Kind::whole && fetch->trim(fetch->end(), after.buffers))
      empty.push_back(fetch.get());
  });
  for (const Fetch* fetch : empty) drop(*fetch, after);
}

void ObjectReaderImpl::complete(PendingRead& read, Aftermath& after) {
  read.finished = true;
  // Ranges that were fetched for the cache are kept until the disk has them; a whole object, which
  // its reader keeps anyhow, may go sooner where memory is short.
  const bool kept = read.ahead && !whole();
  after.answers.push_back(
      Answer{std::move(read.done), kept ? Slices{} : collect(read.range, after)});
  leave_queues(read, after);
  tidy_dense(read.range, after);
}

void ObjectReaderImpl::fail(PendingRead& read, const Error& error, Aftermath& after) {
  read.finished = true;
  after.answers.push_back(Answer{std::move(read.done), error});
  leave_queues(read, after);
}

void ObjectReaderImpl::leave_queues(PendingRead& read, Aftermath& after) {
  after.idled = true;
  after.memory.push_back(std::move(read.grant));
  std::vector<std::shared_ptr<PendingRead>>& dropped = after.reads;
  fetches_.for_each_in(read.range, [&](const std::shared_ptr<Fetch>& fetch, uint64_t, uint64_t) {
    fetch->unpin(read, dropped);
  });
  const auto mine = std::find_if(parked_.begin(), parked_.end(),
                                 [&](const auto& parked) { return parked.get() == &read; });
  if (mine == parked_.end()) return;
  dropped.push_back(std::move(*mine));
  parked_.erase(mine);
}

void ObjectReaderImpl::watch(const std::shared_ptr<PendingRead>& read,
                             const std::stop_token& cancel) {
  read->interrupt.emplace(cancel, [weak = weak_from_this(), weak_read = std::weak_ptr(read)] {
    // Copies of their own: finishing the read may destroy this closure while it runs.
    const std::shared_ptr<ObjectReaderImpl> reader = weak.lock();
    const std::shared_ptr<PendingRead> interrupted = weak_read.lock();
    if (reader && interrupted) reader->interrupt(interrupted);
  });
}

void ObjectReaderImpl::interrupt(const std::shared_ptr<PendingRead>& read) {
  Aftermath after;
  {
    const MutexLock lock(mutex_);
    if (read->finished) return;
    fail(*read, Error(Code::interrupted, "the read was interrupted"), after);
  }
  run(std::move(after));
}

void ObjectReaderImpl::close() {
  core_->remove(*this);
  Aftermath after;
  {
    const MutexLock lock(mutex_);
    closed_ = true;
    core_->count_streams(-std::exchange(counted_streams_, 0));
    lose_all(closed_error(), after);
    for (const auto& read : std::vector(parked_)) fail(*read, closed_error(), after);
  }
  run(std::move(after));
}

void ObjectReaderImpl::run(Aftermath after) {
  after.memory.clear();
  after.buffers.clear();
  after.fetches.clear();
  for (Answer& answer : after.answers) answer.done(std::move(answer.result));
  after.reads.clear();
  for (const auto& fetch : after.starts) start(fetch);
  for (const auto& fetch : after.stops) fetch->abandon();
  for (const auto& fetch : after.awaited) fetch->hurry();
  for (const auto& read : after.parks) reserve(read);
  const bool idled = after.idled || !after.answers.empty();
  after.answers.clear();
  if (idled || !after.starts.empty()) core_->used(*this);
  if (idled) core_->relieve();
}

}  // namespace penstock
