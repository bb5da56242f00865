// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "penstock/object_store.h"

namespace penstock {

/// Whether the readers of one object leave little out of what they touch: they read large pieces
/// whole (tensors, row groups), from many places at once and in whatever order, so that they will
/// read what lies between, too. Small reads at random are never taken for that. Remembers which
/// 128 KiB of the object were read, as far as the middle byte of each tells: by that one byte,
/// small reads fill no more of the map than they are of the object. Pure bookkeeping; not
/// thread-safe.
class DenseReads {
 public:
  /// Nothing is remembered of larger objects: two bytes for each MiB are what an open file may
  /// cost.
  static constexpr uint64_t largest_object = 32ULL << 30;

  explicit DenseReads(uint64_t object_size) : size_(object_size) {}

  /// Takes note of a read of `range` (not empty, inside the object). `jumped`: it went on with
  /// nothing that was read before. Once all of the object was read, and some of it again,
  /// everything is forgotten: the next pass begins.
  void observe(ByteRange range, bool jumped);
  /// A read found that its bytes were not even on their way.
  void missed() noexcept { ++misses_; }
  /// Bytes that were fetched ahead were dropped, and nobody had read them.
  void wasted(uint64_t bytes) noexcept { wasted_ += bytes; }

  /// True where more than one place is read and nearly everything around it.
  bool dense() const noexcept;

  /// How many bytes may be there or on their way that nobody has read yet: `window` while that is
  /// enough, more with each miss, since in no order at all a larger part of the object is more
  /// often the right one; at most `most`, and at most half of what was read.
  uint64_t allowance(uint64_t window, uint64_t most) const noexcept;

  /// The first stretch of [from, to) that was not read. Empty where there is none. It may reach 64
  /// KiB into what was read on either side, since that is how exactly reads are remembered.
  ByteRange unread(uint64_t from, uint64_t to) const;
  /// How exactly that is.
  static constexpr uint64_t blur = 64ULL << 10;
  uint64_t bytes_unread() const noexcept;

 private:
  static constexpr uint64_t unit = 1ULL << 20;
  static constexpr uint64_t cell = 2 * blur;
  static constexpr uint64_t cells = unit / cell;
  struct Unit {
    uint8_t read = 0;  ///< A bit for each cell.
    bool touched = false;
  };

  bool full(const Unit& one) const noexcept;
  bool was_read(uint64_t cell_number) const noexcept;
  void touch(Unit& one, uint8_t read);
  bool all_read() const noexcept { return full_ >= size_ / unit; }

  const uint64_t size_;
  std::vector<Unit> units_;  ///< Empty before the first read.
  uint64_t touched_ = 0;     ///< Units.
  uint64_t full_ = 0;        ///< Units of which nearly all was read.
  uint64_t again_ = 0;       ///< Cells that were read again after all of the object was.
  uint64_t jumps_ = 0;
  uint64_t misses_ = 0;
  uint64_t wasted_ = 0;
};

}  // namespace penstock
