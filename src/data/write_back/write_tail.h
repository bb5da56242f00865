// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace penstock {

/// Small writes that follow one another, collected before they go to the journal: it has fewer
/// pieces to keep track of. Not thread-safe.
class WriteTail {
 public:
  /// Up to this much is collected.
  static constexpr uint64_t limit = 256ULL << 10;
  /// Writes from this size on go to the journal as they are, where nothing is collected.
  static constexpr uint64_t direct_size = 64ULL << 10;

  bool empty() const noexcept { return bytes_.empty(); }
  uint64_t offset() const noexcept { return offset_; }
  std::span<const std::byte> bytes() const noexcept { return bytes_; }
  /// Whether `length` bytes for `offset` can be added; else what is here has to go to the journal
  /// first.
  bool takes(uint64_t offset, uint64_t length) const noexcept {
    if (bytes_.empty()) return length < direct_size;
    return offset == offset_ + bytes_.size() && bytes_.size() + length <= limit;
  }
  void add(uint64_t offset, std::span<const std::byte> data) {
    if (bytes_.empty()) offset_ = offset;
    bytes_.insert(bytes_.end(), data.begin(), data.end());
  }
  void clear() noexcept { bytes_.clear(); }

 private:
  std::vector<std::byte> bytes_;
  uint64_t offset_ = 0;
};

}  // namespace penstock
