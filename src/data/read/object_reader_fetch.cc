// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "data/read/object_reader_impl.h"

// A reader's fetches: their GETs, their ends, and which of them memory pressure may have.
namespace penstock {
namespace {

/// Memory that nobody touched for this long is given back.
constexpr std::chrono::seconds idle_time{10};
/// A stream counts as moving for this long after a read.
constexpr std::chrono::seconds active_time{2};

}  // namespace

/// From the cache as far as it goes, the rest from the store. A thread that hangs in the cache's
/// disk holds neither the reader nor the fetch.
void ObjectReaderImpl::start(const std::shared_ptr<Fetch>& fetch) {
  if (cache_ == nullptr) return get(fetch);
  const std::weak_ptr<ObjectReaderImpl> weak_reader = weak_from_this();
  const std::weak_ptr<Fetch> weak_fetch = fetch;
  const auto ask = [weak_reader, weak_fetch](const CacheLink::FilePtr& file,
                                             DiskQuestion& question) {
    CacheFill filled = CacheFill::part;
    if (file != nullptr) {
      filled = fill_from_cache(*file, weak_fetch, question);
    } else if (!question.begin_answer()) {
      filled = CacheFill::withdrawn;
    }
    if (filled == CacheFill::withdrawn) return;
    const std::shared_ptr<ObjectReaderImpl> reader = weak_reader.lock();
    const std::shared_ptr<Fetch> known = weak_fetch.lock();
    if (reader == nullptr || known == nullptr) return;
    if (filled == CacheFill::part) return reader->get(known);
    const ObjectVersion& version = reader->version_;
    reader->finished(known, ObjectInfo{.size = version.size, .etag = version.etag});
  };
  cache_->with_file(ask, [weak_reader, weak_fetch] {
    const std::shared_ptr<ObjectReaderImpl> reader = weak_reader.lock();
    const std::shared_ptr<Fetch> known = weak_fetch.lock();
    if (reader != nullptr && known != nullptr) reader->take_over(known);
  });
}

void ObjectReaderImpl::take_over(const std::shared_ptr<Fetch>& fetch) {
  {
    const MutexLock lock(mutex_);
    fetch->replace_room();
  }
  get(fetch);
}

void ObjectReaderImpl::get(const std::shared_ptr<Fetch>& fetch) {
  GetRequest request;
  request.key = version_.key;
  const bool all = fetch->kind() == Fetch::Kind::whole && !fetch->local();
  if (!all) request.range = ByteRange{fetch->written(), fetch->end() - fetch->written()};
  request.if_match = version_.etag;
  request.sink = fetch;
  request.cancel = fetch->stop_token();
  request.awaited = fetch->awaited();
  {
    const MutexLock lock(mutex_);
    if (!fetch->demanded()) request.request_class = RequestClass::background;
  }
  asked_.store(true);
  core_->parts.store.get(std::move(request),
                         [weak = weak_from_this(), fetch](Result<ObjectInfo> result) {
                           const std::shared_ptr<ObjectReaderImpl> reader = weak.lock();
                           if (reader) reader->finished(fetch, std::move(result));
                         });
}

void ObjectReaderImpl::advanced(Fetch& fetch, uint64_t up_to) noexcept {
  Aftermath after;
  {
    const MutexLock lock(mutex_);
    std::vector<std::shared_ptr<PendingRead>>& ready = after.reads;
    fetch.advance(up_to, ready);
    // Completing appends to the same list what it takes out of the pins.
    for (size_t i = 0, count = ready.size(); i < count; ++i)
      complete(*std::shared_ptr(ready[i]), after);
  }
  const uint64_t bytes = fetch.take_uncounted();
  if (bytes != 0) core_->link.arrived(core_->parts.scheduler.now(), bytes);
  if (!after.answers.empty()) run(std::move(after));
}

std::optional<Error> ObjectReaderImpl::fault_of(const Fetch& fetch,
                                                const Result<ObjectInfo>& result) const {
  Error::Detail detail{.key = version_.key};
  if (fetch.overflowed()) {
    detail.message = "the store sent other bytes than were asked for";
    return Error(Code::changed, std::move(detail));
  }
  if (!result.has_value()) {
    if (result.code() != Code::not_found) return result.error();
    return result.error().with_code(Code::changed);
  }
  const ObjectInfo& info = result.value();
  if (info.size != version_.size || (!version_.etag.empty() && info.etag != version_.etag)) {
    detail.message = "the object was replaced while it was read";
    return Error(Code::changed, std::move(detail));
  }
  if (!fetch.filled()) {
    detail.message = "the store sent fewer bytes than it promised";
    return Error(Code::corrupt, std::move(detail));
  }
  return std::nullopt;
}

void ObjectReaderImpl::finished(const std::shared_ptr<Fetch>& fetch, Result<ObjectInfo> result) {
  const std::optional<Error> fault = fault_of(*fetch, result);
  const Scheduler::Time now = core_->parts.scheduler.now();
  if (!fault && !fetch->local())
    core_->link.completed(now, fetch->size(), fetch->first_byte_after(), fetch->body_took());
  // A small object is held until it is known to be right: nobody has wrong bytes of it.
  const bool distrusted = fault && fault->code() == Code::corrupt && !whole();
  Aftermath after;
  std::function<void(const ObjectInfo&)> learned;
  {
    const MutexLock lock(mutex_);
    after.idled = true;
    if (distrusted) {
      broken_ = fault;
      lose_all(*fault, after);
    } else if (fault) {
      // Nobody is told because something was to be there sooner: what is in the cache can be read.
      const bool nobodys = fetch->kind() == Fetch::Kind::ahead && !fetch->demanded();
      if (fault->code() == Code::changed && !broken_ && !nobodys) broken_ = fault;
      lose(fetch, *fault, after);
    } else {
      fetch->touched = now;
      // The disk does not know the object's metadata.
      if (result->metadata) learned = std::exchange(learned_, nullptr);
    }
  }
  if (distrusted && cache_ != nullptr) cache_->forget();
  if (learned) learned(result.value());
  run(std::move(after));
}

void ObjectReaderImpl::lose_all(const Error& error, Aftermath& after) {
  // The pins go with the fetches, so that failing a read finds none of them.
  for (auto& [end, fetch] : fetches_.take()) {
    for (Fetch::Pin& pin : fetch->take_pins()) {
      if (!pin.read->finished) fail(*pin.read, error, after);
      after.reads.push_back(std::move(pin.read));
    }
    if (!fetch->complete()) after.stops.push_back(fetch);
    after.fetches.push_back(std::move(fetch));
  }
}

void ObjectReaderImpl::lose(const std::shared_ptr<Fetch>& fetch, const Error& error,
                            Aftermath& after) {
  if (!fetches_.remove(*fetch)) return;
  for (Fetch::Pin& pin : fetch->take_pins()) {
    // A read whose bytes had all come from here still waits for another fetch; what it has is
    // dropped with the rest.
    if (!pin.read->finished) fail(*pin.read, error, after);
    after.reads.push_back(std::move(pin.read));
  }
  after.fetches.push_back(fetch);
}

void ObjectReaderImpl::drop(const Fetch& fetch, Aftermath& after) {
  std::shared_ptr<Fetch> removed = fetches_.remove(fetch);
  if (!removed) return;
  if (!removed->complete()) after.stops.push_back(removed);
  after.fetches.push_back(std::move(removed));
}

void ObjectReaderImpl::waste(const Fetch& fetch, Aftermath& after) {
  if (!fetch.used()) dense_.wasted(fetch.held());
  drop(fetch, after);
}

bool ObjectReaderImpl::awaited(const Fetch& fetch, Scheduler::Time now) const {
  const auto all = streams_.all();
  return std::any_of(all.begin(), all.end(), [&](const ReadStream& stream) {
    return stream.sequential() && now - stream.last_use < idle_time &&
           fetch.begin() < stream.ahead && fetch.end() > stream.next;
  });
}

bool ObjectReaderImpl::idle(const Fetch& fetch, Scheduler::Time now) const {
  if (fetch.pinned()) return false;
  if (awaited(fetch, now)) return false;
  // The rest of what was read in part is going to be read.
  if (dense_.dense()) return now - fetch.touched >= idle_time;
  return fetch.used() || now - fetch.touched >= idle_time;
}

uint64_t ObjectReaderImpl::shed(uint64_t wanted, Level level) {
  const Scheduler::Time now = core_->parts.scheduler.now();
  uint64_t freed = 0;
  Aftermath after;
  {
    const MutexLock lock(mutex_);
    std::vector<const Fetch*> victims;
    const FetchMap::Map& all = fetches_.all();
    for (auto it = all.rbegin(); it != all.rend() && freed < wanted; ++it) {
      const Fetch& fetch = *it->second;
      if (level == Level::idle ? !idle(fetch, now) : fetch.pinned()) continue;
      victims.push_back(&fetch);
      freed += fetch.held();
    }
    for (const Fetch* fetch : victims) waste(*fetch, after);
  }
  run(std::move(after));
  return freed;
}

void ObjectReaderImpl::sweep(Scheduler::Time now) {
  Aftermath after;
  {
    const MutexLock lock(mutex_);
    count_streams(now);
    std::vector<const Fetch*> victims;
    for (const auto& [end, fetch] : fetches_.all()) {
      if (fetch->kind() == Fetch::Kind::whole || now - fetch->touched < idle_time) continue;
      if (idle(*fetch, now)) victims.push_back(fetch.get());
    }
    for (const Fetch* fetch : victims) waste(*fetch, after);
  }
  run(std::move(after));
}

void ObjectReaderImpl::count_streams(Scheduler::Time now) {
  const auto all = streams_.all();
  const auto moving = std::count_if(all.begin(), all.end(), [&](const ReadStream& stream) {
    return stream.sequential() && now - stream.last_use < active_time;
  });
  // Places of an object that is read whole share one window.
  const int64_t most = dense_.dense() ? 1 : ReadStreams::capacity;
  const auto count = closed_ ? 0 : static_cast<int32_t>(std::min<int64_t>(moving, most));
  core_->count_streams(count - std::exchange(counted_streams_, count));
}

}  // namespace penstock
