// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "penstock/object_store.h"

namespace penstock {

/// Where a strided reader goes next: `count` pieces of `length` bytes, `stride` apart, the first at
/// `first`. Pieces may lie outside the object: whoever fetches them clips.
struct StridePrefetch {
  int64_t first = 0;
  int64_t stride = 0;
  uint32_t count = 0;
  uint64_t length = 0;

  int64_t position(uint32_t index) const noexcept { return first + stride * int64_t{index}; }
};

/// Finds readers that touch an object at equal distances (one page of every tensor, one column of
/// every row group), also several at once and in either direction. Pure bookkeeping; not
/// thread-safe.
class StrideDetector {
 public:
  static constexpr uint32_t first_depth = 4;
  static constexpr uint32_t max_depth = 32;

  /// True if `range` goes on with the piece that a known strided reader has reached: the kernel may
  /// ask for one piece in several reads.
  bool extend(ByteRange range);

  /// If `range` is where a known strided reader was expected: what to fetch now (possibly nothing).
  std::optional<StridePrefetch> follow(ByteRange range);

  /// Takes note of a read that belongs to nothing known. If it is the fourth of four reads at equal
  /// distances, a strided reader is known from now on.
  std::optional<StridePrefetch> detect(ByteRange range);
  /// The pieces of the reader just detected are as long as the one before was; the length, bounded.
  uint64_t learn_length(uint64_t length);

 private:
  struct Track {
    int64_t last = 0;      ///< Where its latest piece begins.
    int64_t stride = 0;    ///< 0: the slot is free.
    uint64_t length = 0;   ///< Bytes that it reads of a piece.
    uint64_t reached = 0;  ///< Behind the latest byte read of the latest piece.
    uint32_t depth = 0;    ///< Pieces to keep on the way.
    uint32_t issued = 0;   ///< Pieces behind `last` that were asked for already.
    uint64_t used = 0;
  };

  Track* latest_ = nullptr;  ///< The one just detected.

  Track* expected(ByteRange range, uint32_t& steps);
  Track* continued(ByteRange range);
  bool seen_near(int64_t offset, uint64_t jitter) const;
  static StridePrefetch top_up(Track& track);

  std::array<Track, 4> tracks_;
  std::array<ByteRange, 16> recent_{};  ///< A ring; unused entries have length 0.
  uint64_t reads_ = 0;
  uint64_t clock_ = 0;
};

}  // namespace penstock
