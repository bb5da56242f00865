// SPDX-License-Identifier: Apache-2.0
#include "data/read/fetch.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "data/read/cache_link.h"

namespace penstock {

Fetch::Fetch(Spec spec, Reservation memory, BufferPool& buffers, Scheduler& clock,
             std::weak_ptr<FetchOwner> owner, std::shared_ptr<CacheLink> cache)
    : touched(clock.now()),
      spec_(spec),
      buffers_(buffers),
      clock_(clock),
      owner_(std::move(owner)),
      cache_(std::move(cache)),
      memory_(std::move(memory)),
      written_(spec.begin),
      counted_(spec.begin),
      started_(touched),
      first_byte_(touched),
      pieces_((spec.end - spec.begin + BufferPool::unit - 1) / BufferPool::unit),
      live_begin_(spec.begin),
      arrived_(spec.begin) {}

void Fetch::abandon() {
  abandoned_.store(true, std::memory_order_relaxed);
  stop_.request_stop();
}

uint64_t Fetch::piece_size(size_t index) const noexcept {
  return std::min(BufferPool::unit, spec_.end - piece_begin(index));
}

std::shared_ptr<Buffer>& Fetch::buffer_of(size_t index) {
  std::shared_ptr<Buffer>& buffer = pieces_[index].buffer;
  if (!buffer) buffer = buffers_.allocate(piece_size(index), memory_.split(piece_size(index)));
  return buffer;
}

void Fetch::keep(size_t index) {
  const std::shared_ptr<CacheFile> file = cache_->file();
  if (file == nullptr) return;
  sum_up(index);
  const std::shared_ptr<Buffer>& buffer = pieces_[index].buffer;
  if (written_ < piece_begin(index) + buffer->size()) return;
  file->offer(piece_begin(index), std::span(buffer->data(), buffer->size()), buffer, sums_);
}

// Makes the checksums of chunks as soon as they have arrived, while the processor's caches still
// have the bytes: from memory it takes twice as long.
void Fetch::sum_up(size_t index) {
  if (std::exchange(summed_, index) != index) sums_.clear();
  const ChunkLayout& layout = cache_->layout();
  const uint64_t begin = piece_begin(index);
  const ChunkRange arrived = layout.covered(begin, written_);
  while (sums_.size() < arrived.count()) {
    const uint64_t chunk = arrived.first + sums_.size();
    const ByteRange range = layout.bytes_of({chunk, chunk + 1});
    sums_.push_back(
        chunk_sum({pieces_[index].buffer->data() + (range.offset - begin), range.length}));
  }
}

std::span<std::byte> Fetch::room(uint64_t wanted, std::shared_ptr<Buffer>& owner) {
  const size_t index = piece_of(written_);
  owner = buffer_of(index);
  const uint64_t at = written_ - piece_begin(index);
  return std::span(owner->data() + at, std::min<uint64_t>(wanted, owner->size() - at));
}

void Fetch::replace_room() {
  if (filled()) return;
  const size_t index = piece_of(written_);
  std::shared_ptr<Buffer>& buffer = pieces_[index].buffer;
  if (buffer == nullptr) return;
  // Unpaid: the hanging thread's memory was paid for this, and is paid for as long as it hangs.
  std::shared_ptr<Buffer> fresh = buffers_.allocate(buffer->size(), Reservation());
  std::memcpy(fresh->data(), buffer->data(), written_ - piece_begin(index));
  buffer = std::move(fresh);
}

bool Fetch::filled_room(uint64_t bytes) {
  if (abandoned_.load(std::memory_order_relaxed)) return false;
  local_ = true;
  written_ += bytes;
  counted_ = written_;
  if (const std::shared_ptr<FetchOwner> owner = owner_.lock()) owner->advanced(*this, written_);
  return true;
}

bool Fetch::write(uint64_t offset, std::span<const std::byte> bytes) noexcept {
  if (abandoned_.load(std::memory_order_relaxed)) return false;
  if (offset != written_ || bytes.size() > spec_.end - written_) {
    overflowed_ = true;
    return false;
  }
  if (written_ == spec_.begin) first_byte_ = clock_.now();
  while (!bytes.empty()) {
    const size_t index = piece_of(written_);
    const std::shared_ptr<Buffer>& buffer = buffer_of(index);
    const uint64_t at = written_ - piece_begin(index);
    const size_t count = std::min<uint64_t>(bytes.size(), buffer->size() - at);
    std::memcpy(buffer->data() + at, bytes.data(), count);
    written_ += count;
    bytes = bytes.subspan(count);
    if (cache_ != nullptr) keep(index);
  }
  if (const std::shared_ptr<FetchOwner> owner = owner_.lock()) owner->advanced(*this, written_);
  return true;
}

uint64_t Fetch::take_uncounted() noexcept {
  if (written_ - counted_ < BufferPool::unit && written_ != spec_.end) return 0;
  return written_ - std::exchange(counted_, written_);
}

bool Fetch::demanded() const noexcept {
  return std::any_of(pins_.begin(), pins_.end(), [](const Pin& pin) { return !pin.read->ahead; });
}

void Fetch::pin(std::shared_ptr<PendingRead> read, uint64_t begin, uint64_t end) {
  const bool met = end <= arrived_;
  if (!met) {
    ++read->unmet;
    next_need_ = std::min(next_need_, end);
  }
  pins_.push_back(Pin{std::move(read), begin, end, met});
}

void Fetch::advance(uint64_t up_to, std::vector<std::shared_ptr<PendingRead>>& ready) {
  arrived_ = up_to;
  if (up_to < next_need_) return;
  next_need_ = UINT64_MAX;
  for (Pin& pin : pins_) {
    if (pin.met) continue;
    if (pin.end > up_to) {
      next_need_ = std::min(next_need_, pin.end);
      continue;
    }
    pin.met = true;
    if (--pin.read->unmet == 0) ready.push_back(pin.read);
  }
}

void Fetch::unpin(const PendingRead& read, std::vector<std::shared_ptr<PendingRead>>& dropped) {
  const auto mine = std::find_if(pins_.begin(), pins_.end(),
                                 [&](const Pin& pin) { return pin.read.get() == &read; });
  if (mine == pins_.end()) return;
  dropped.push_back(std::move(mine->read));
  pins_.erase(mine);
}

void Fetch::deliver(uint64_t begin, uint64_t end, Slices& answer) {
  used_ = true;
  for (uint64_t at = begin; at < end;) {
    const size_t index = piece_of(at);
    Piece& piece = pieces_[index];
    const uint64_t start = piece_begin(index);
    const uint64_t stop = std::min(end, start + piece_size(index));
    answer.spans.emplace_back(piece.buffer->data() + (at - start), stop - at);
    answer.owners.push_back(piece.buffer);
    piece.delivered += stop - at;
    at = stop;
  }
}

bool Fetch::trim(uint64_t limit, std::vector<std::shared_ptr<Buffer>>& garbage) {
  for (const Pin& pin : pins_) limit = std::min(limit, pin.begin);
  while (live_begin_ < spec_.end) {
    const size_t index = piece_of(live_begin_);
    const uint64_t stop = piece_begin(index) + piece_size(index);
    if (stop > limit || stop > arrived_ || pieces_[index].delivered < piece_size(index)) break;
    garbage.push_back(std::move(pieces_[index].buffer));
    live_begin_ = stop;
  }
  return live_begin_ == spec_.end;
}

}  // namespace penstock
