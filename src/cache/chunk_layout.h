// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include "penstock/object_store.h"

namespace penstock {

/// Chunks [first, end).
struct ChunkRange {
  uint64_t first = 0;
  uint64_t end = 0;

  uint64_t count() const noexcept { return end - first; }
  bool empty() const noexcept { return first >= end; }
};

/// How an object is cut into chunks: what the cache keeps, checks and loses as one. Pure; follows
/// from the object's size alone. The last chunk may be short, an empty object has none.
class ChunkLayout {
 public:
  static constexpr uint64_t smallest_chunk = 16ULL << 10;
  /// What is fetched arrives in pieces of this size at most, and only whole chunks are kept.
  static constexpr uint64_t largest_chunk = 1ULL << 20;
  /// As many as this before chunks become larger.
  static constexpr uint64_t most_small_chunks = 1ULL << 20;

  explicit ChunkLayout(uint64_t object_size) noexcept : object_size_(object_size) {
    while (count() > most_small_chunks && chunk_size_ < largest_chunk) chunk_size_ *= 2;
  }

  uint64_t object_size() const noexcept { return object_size_; }
  uint64_t chunk_size() const noexcept { return chunk_size_; }
  uint64_t count() const noexcept {
    return object_size_ / chunk_size_ + (object_size_ % chunk_size_ != 0 ? 1 : 0);
  }
  uint64_t chunk_of(uint64_t offset) const noexcept { return offset / chunk_size_; }
  uint64_t offset_of(uint64_t chunk) const noexcept { return chunk * chunk_size_; }

  /// The bytes of chunks, clipped to the object.
  ByteRange bytes_of(ChunkRange chunks) const noexcept {
    const uint64_t begin = std::min(offset_of(chunks.first), object_size_);
    return {begin, std::min(offset_of(chunks.end), object_size_) - begin};
  }
  /// The chunks that [from, to) touches; `to` lies inside the object.
  ChunkRange touched(uint64_t from, uint64_t to) const noexcept {
    if (from >= to) return {};
    return {chunk_of(from), chunk_of(to - 1) + 1};
  }
  /// The chunks that the part of `range` inside the object touches.
  ChunkRange touched(ByteRange range) const noexcept {
    return touched(range.offset, std::min(range.end(), object_size_));
  }
  /// The chunks that [from, to) covers wholly, the object's short last one included.
  ChunkRange covered(uint64_t from, uint64_t to) const noexcept {
    if (from >= to) return {};
    const uint64_t first = (from + chunk_size_ - 1) / chunk_size_;
    const uint64_t end = to >= object_size_ ? count() : to / chunk_size_;
    return {first, std::max(first, end)};
  }

 private:
  uint64_t object_size_;
  uint64_t chunk_size_ = smallest_chunk;
};

}  // namespace penstock
