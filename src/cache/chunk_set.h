// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "cache/chunk_layout.h"

namespace penstock {

/// A set of an object's chunks: one bit each, so that 16 GiB cost 128 KiB. Not thread-safe.
class ChunkSet {
 public:
  explicit ChunkSet(uint64_t chunks) : bits_(chunks, false) {}

  bool has(uint64_t chunk) const { return bits_[chunk]; }
  uint64_t size() const noexcept { return size_; }
  bool full() const noexcept { return size_ == bits_.size(); }

  void add(uint64_t chunk) {
    size_ += bits_[chunk] ? 0 : 1;
    bits_[chunk] = true;
  }
  void add(ChunkRange chunks) {
    for (uint64_t i = chunks.first; i < chunks.end; ++i) add(i);
  }
  void remove(uint64_t chunk) {
    size_ -= bits_[chunk] ? 1 : 0;
    bits_[chunk] = false;
  }
  void remove(ChunkRange chunks) {
    for (uint64_t i = chunks.first; i < chunks.end; ++i) remove(i);
  }
  void clear() {
    bits_.assign(bits_.size(), false);
    size_ = 0;
  }

  /// The first chunk of `chunks` that is not in the set; chunks.end if all are.
  uint64_t first_missing(ChunkRange chunks) const {
    uint64_t i = chunks.first;
    while (i < chunks.end && bits_[i]) ++i;
    return i;
  }

 private:
  std::vector<bool> bits_;
  uint64_t size_ = 0;
};

/// How many bytes of the object the chunks of a set have.
inline uint64_t bytes_in(const ChunkSet& chunks, const ChunkLayout& layout) {
  const uint64_t bytes = chunks.size() * layout.chunk_size();
  if (layout.count() == 0 || !chunks.has(layout.count() - 1)) return bytes;
  const ChunkRange last{layout.count() - 1, layout.count()};
  return bytes - (layout.chunk_size() - layout.bytes_of(last).length);
}

}  // namespace penstock
