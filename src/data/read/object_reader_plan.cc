// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <utility>

#include "cache/chunk_layout.h"
#include "data/read/object_reader_impl.h"

// What a reader fetches: the bytes that a read lacks, and those that the next reads will want.
namespace penstock {
namespace {

static_assert(ChunkLayout::largest_chunk <= BufferPool::unit,
              "the cache is offered the pieces of a fetch, and keeps whole chunks");

/// Around what nobody had fetched ahead, of an object that is read whole: how far, and in which
/// pieces.
constexpr uint64_t dense_reach = 8ULL << 20;
constexpr uint64_t dense_piece = 2ULL << 20;
/// Of several readers side by side the last may be this far behind the first.
constexpr uint64_t dense_back = 64ULL << 20;

uint64_t total(const std::vector<Fetch::Spec>& specs) {
  uint64_t sum = 0;
  for (const Fetch::Spec& spec : specs) sum += spec.end - spec.begin;
  return sum;
}

}  // namespace

// The cache keeps whole chunks only: what is fetched for it consists of them.
uint64_t ObjectReaderImpl::granule_of(const ReadOptions& options, const ObjectVersion& version,
                                      bool cached) noexcept {
  if (!cached) return options.random_granule;
  const uint64_t chunk = ChunkLayout(version.size).chunk_size();
  return (options.random_granule + chunk - 1) / chunk * chunk;
}

ByteRange ObjectReaderImpl::rounded(ByteRange range) const noexcept {
  const uint64_t begin = range.offset / granule_ * granule_;
  const uint64_t end = std::min((range.end() + granule_ - 1) / granule_ * granule_, version_.size);
  return ByteRange{begin, end - begin};
}

ReadWindow ObjectReaderImpl::window_of(const ReadStream& stream) const {
  return ReadWindow(stream, ReadWindow::Limits{.target = core_->stream_target(),
                                               .object_size = version_.size,
                                               .fetch_size = core_->options.fetch_size,
                                               .smallest = granule_,
                                               .eager = !ends_.listed_at_end()});
}

std::vector<Fetch::Spec> ObjectReaderImpl::missing(const PendingRead& read,
                                                   const ReadWindow* window) const {
  if (whole()) {
    if (fetches_.covering(0) != nullptr) return {};
    return {Fetch::Spec{0, version_.size, Fetch::Kind::whole}};
  }
  const bool once = read.spot && !dense_.dense();
  const Fetch::Kind kind = once ? Fetch::Kind::spot : Fetch::Kind::stream;
  std::vector<Fetch::Spec> specs;
  for (const ByteRange& gap : fetches_.gaps(read.range)) {
    const ByteRange wide = rounded(gap);
    // Streams are rounded at their beginning too: the cache keeps whole chunks only.
    uint64_t begin = fetches_.previous_end(gap.offset, wide.offset);
    uint64_t end = read.spot ? fetches_.next_begin(gap.end(), wide.end()) : gap.end();
    while (begin < end) {
      uint64_t stop = window != nullptr ? window->piece_end(begin)
                                        : std::min(end, begin + core_->options.fetch_size);
      stop = fetches_.next_begin(begin, stop);
      specs.push_back(Fetch::Spec{begin, stop, kind});
      begin = stop;
    }
  }
  return specs;
}

void ObjectReaderImpl::admit(const std::shared_ptr<PendingRead>& read, const ReadStream* stream,
                             Aftermath& after) {
  if (broken_ && (!fetches_.gaps(read->range).empty())) return fail(*read, *broken_, after);
  if (!provide(*read, stream, after)) {
    const uint64_t all = whole() ? version_.size : rounded(read->range).length;
    return park(read, read->wide ? all : total(missing(*read, nullptr)), after);
  }
  fetches_.for_each_in(read->range,
                       [&](const std::shared_ptr<Fetch>& fetch, uint64_t begin, uint64_t end) {
                         if (end > fetch->arrived()) after.awaited.push_back(fetch);
                         fetch->pin(read, begin, end);
                       });
  if (read->unmet == 0) complete(*read, after);
}

bool ObjectReaderImpl::provide(PendingRead& read, const ReadStream* stream, Aftermath& after) {
  MemoryBudget& budget = core_->parts.budget;
  std::vector<Fetch::Spec> specs = missing(read, nullptr);
  const uint64_t need = total(specs);
  std::optional<Reservation> memory;
  if (std::exchange(read.granted, false)) {
    after.memory.push_back(std::move(read.grant));
    if (after.memory.back().bytes() < need) {
      read.wide = true;
      return false;
    }
    memory = after.memory.back().split(need);
  }
  if (specs.empty()) return true;
  if (!memory && stream != nullptr) {
    // In whole pieces, which pay for themselves as read-ahead; without memory for that, the need.
    const ReadWindow window = window_of(*stream);
    std::vector<Fetch::Spec> pieces = missing(read, &window);
    memory = budget.try_reserve(MemoryBudget::Use::read_ahead, total(pieces));
    if (memory) specs = std::move(pieces);
  }
  if (!memory) memory = budget.try_reserve(MemoryBudget::Use::demand, need);
  if (!memory) return false;
  for (const Fetch::Spec& spec : specs)
    make_fetch(spec, memory->split(spec.end - spec.begin), after);
  return true;
}

void ObjectReaderImpl::make_fetch(Fetch::Spec spec, Reservation memory, Aftermath& after) {
  auto fetch = std::make_shared<Fetch>(spec, std::move(memory), core_->parts.buffers,
                                       core_->parts.scheduler, weak_from_this(), cache_);
  fetches_.insert(fetch);
  after.starts.push_back(std::move(fetch));
}

void ObjectReaderImpl::park(const std::shared_ptr<PendingRead>& read, uint64_t bytes,
                            Aftermath& after) {
  read->asked = bytes;
  read->reserving = true;
  parked_.push_back(read);
  after.parks.push_back(read);
}

void ObjectReaderImpl::reserve(const std::shared_ptr<PendingRead>& read) {
  core_->parts.budget.reserve(MemoryBudget::Use::demand, read->asked,
                              [weak = weak_from_this(), read](Reservation memory) {
                                const std::shared_ptr<ObjectReaderImpl> reader = weak.lock();
                                if (reader) reader->granted(read, std::move(memory));
                              });
  // What became idle between the budget's own look and its queueing this read would not be noticed.
  core_->relieve(read->asked);
  bool now = false;
  {
    const MutexLock lock(mutex_);
    read->reserving = false;
    now = read->granted && !read->finished;
  }
  if (now) resume(read);
}

void ObjectReaderImpl::granted(const std::shared_ptr<PendingRead>& read, Reservation memory) {
  {
    const MutexLock lock(mutex_);
    if (read->finished) return;
    read->granted = true;
    read->grant = std::move(memory);
    if (read->reserving) return;
  }
  // Not here: whoever gave the memory back may be anywhere, and this read's answer may free the
  // next.
  core_->parts.scheduler.post([weak = weak_from_this(), read] {
    if (const std::shared_ptr<ObjectReaderImpl> reader = weak.lock()) reader->resume(read);
  });
}

void ObjectReaderImpl::resume(const std::shared_ptr<PendingRead>& read) {
  Aftermath after;
  {
    const MutexLock lock(mutex_);
    if (read->finished) return;
    std::erase(parked_, read);
    admit(read, nullptr, after);
  }
  run(std::move(after));
}

void ObjectReaderImpl::plan_ahead(const ReadPattern& pattern, Aftermath& after) {
  if (pattern.kind == ReadPattern::Kind::sequential) plan_stream(*pattern.stream, after);
  if (pattern.kind == ReadPattern::Kind::strided) plan_strides(pattern.prefetch, after);
}

void ObjectReaderImpl::plan_stream(ReadStream& stream, Aftermath& after) {
  const ReadWindow window = window_of(stream);
  stream.ahead = std::max(stream.ahead, stream.next);
  while (stream.ahead < window.end()) {
    if (const Fetch* fetch = fetches_.covering(stream.ahead)) {
      stream.ahead = fetch->end();
      continue;
    }
    const uint64_t end = fetches_.next_begin(stream.ahead, window.piece_end(stream.ahead));
    if (end > window.end()) return;
    auto memory =
        core_->parts.budget.try_reserve(MemoryBudget::Use::read_ahead, end - stream.ahead);
    if (!memory) return;
    make_fetch(Fetch::Spec{stream.ahead, end, Fetch::Kind::stream}, std::move(*memory), after);
    stream.ahead = end;
  }
}

void ObjectReaderImpl::plan_tail(Aftermath& after) {
  const uint64_t begin = ends_.tail_begin() / granule_ * granule_;
  for (const ByteRange& gap : fetches_.gaps({begin, version_.size - begin})) {
    auto memory = core_->parts.budget.try_reserve(MemoryBudget::Use::read_ahead, gap.length);
    if (!memory) return;
    make_fetch(Fetch::Spec{gap.offset, gap.end(), Fetch::Kind::spot}, std::move(*memory), after);
  }
}

void ObjectReaderImpl::plan_dense(ByteRange range, bool missed, Aftermath& after) {
  if (missed) dense_.missed();
  const uint64_t window = core_->share(core_->link.window(), counted_streams_);
  const uint64_t most =
      dense_.allowance(window, core_->share(core_->parts.budget.limit() / 2, counted_streams_));
  uint64_t held = fetches_.held();
  const auto from = [&](uint64_t back) { return range.offset - std::min(range.offset, back); };
  if (missed) {
    const uint64_t end = std::min(range.end() + dense_reach, version_.size);
    const ByteRange around{from(dense_reach), end - from(dense_reach)};
    held = fetch_unread(around, dense_piece, held, most, after);
  }
  // The rest leaves room for what is around the next miss.
  const uint64_t rest = most / 4 * 3;
  const uint64_t piece = std::clamp(std::bit_floor(std::min(rest, dense_.bytes_unread()) / 8),
                                    dense_piece / 2, core_->options.fetch_size);
  const uint64_t begin = from(dense_back);
  held = fetch_unread({begin, version_.size - begin}, piece, held, rest, after);
  fetch_unread({0, begin}, piece, held, rest, after);
}

uint64_t ObjectReaderImpl::fetch_unread(ByteRange within, uint64_t piece, uint64_t held,
                                        uint64_t most, Aftermath& after) {
  for (uint64_t at = within.offset; held + piece <= most;) {
    const ByteRange stretch = dense_.unread(at, within.end());
    if (stretch.length == 0) break;
    for (const ByteRange& gap : fetches_.gaps(stretch)) {
      // The edges of a stretch may have been read.
      if (gap.end() <= stretch.offset + DenseReads::blur ||
          gap.offset + DenseReads::blur >= stretch.end())
        continue;
      for (uint64_t begin = gap.offset; begin < gap.end();) {
        const uint64_t end = std::min((begin / piece + 1) * piece, gap.end());
        if (held + (end - begin) > most) return most;
        auto memory = core_->parts.budget.try_reserve(MemoryBudget::Use::read_ahead, end - begin);
        if (!memory) return most;
        make_fetch(Fetch::Spec{begin, end, Fetch::Kind::stream}, std::move(*memory), after);
        held += end - begin;
        begin = end;
      }
    }
    at = stretch.end() + DenseReads::blur;
  }
  return held;
}

void ObjectReaderImpl::plan_strides(const StridePrefetch& prefetch, Aftermath& after) {
  const auto size = static_cast<int64_t>(version_.size);
  for (uint32_t i = 0; i < prefetch.count; ++i) {
    const int64_t position = prefetch.position(i);
    if (position < 0 || position >= size) return;
    const auto offset = static_cast<uint64_t>(position);
    const ByteRange piece =
        rounded(ByteRange{offset, std::min(prefetch.length, version_.size - offset)});
    for (const ByteRange& gap : fetches_.gaps(piece)) {
      auto memory = core_->parts.budget.try_reserve(MemoryBudget::Use::read_ahead, gap.length);
      if (!memory) return;
      make_fetch(Fetch::Spec{gap.offset, gap.end(), Fetch::Kind::spot}, std::move(*memory), after);
    }
  }
}

}  // namespace penstock
