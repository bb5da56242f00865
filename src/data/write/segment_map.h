// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/mutex.h"
#include "penstock/object_store.h"

namespace penstock {

/// Where a byte of a file that is being written can be had. The values are bits, so that several
/// make a mask.
enum class Source : uint8_t {
  hole = 1,    ///< Nowhere: it is zero.
  memory = 2,  ///< In a block.
  staged = 4,  ///< In the staging file, at the same offset.
  sent = 8,    ///< Only in a stored part of the unfinished upload, which cannot be read back.
  base = 16,   ///< In the object that the file started from, or that was committed last.
};
using SourceMask = uint8_t;
constexpr SourceMask operator|(Source a, Source b) {
  return static_cast<SourceMask>(a) | static_cast<SourceMask>(b);
}
constexpr SourceMask mask(Source source) { return static_cast<SourceMask>(source); }

/// Says of every byte of a file where it is: segments without gaps from 0 to size(), neighbours
/// differ. Not thread-safe.
class SegmentMap {
 public:
  struct Segment {
    ByteRange range;
    Source source;
  };

  uint64_t size() const noexcept { return size_; }
  /// Growth is a hole.
  void resize(uint64_t size);
  /// Grows the file where the range ends beyond it; what is skipped is a hole.
  void assign(ByteRange range, Source source);

  /// Calls `visitor(segment)` in order for what lies in `range` (clipped to the file) until it
  /// returns false. clang cannot know that the lock which a visitor requires is held by the caller.
  template <typename Visitor>
  void visit(ByteRange range, Visitor&& visitor) const NO_THREAD_SAFETY_ANALYSIS {
    const uint64_t end = range.end() < size_ ? range.end() : size_;
    if (range.offset >= end) return;
    auto at = std::prev(starts_.upper_bound(range.offset));
    for (uint64_t offset = range.offset; offset < end;) {
      const auto next = std::next(at);
      const uint64_t segment_end = next == starts_.end() || next->first > end ? end : next->first;
      if (!visitor(Segment{{offset, segment_end - offset}, at->second})) return;
      offset = segment_end;
      at = next;
    }
  }
  std::vector<Segment> segments(ByteRange range) const;
  /// True if some byte of the range has one of `sources`.
  bool any(ByteRange range, SourceMask sources) const;
  /// Turns what is `from` inside the range into `to`.
  void replace(ByteRange range, Source from, Source to);
  uint64_t bytes(ByteRange range, Source source) const;
  /// The first byte from `offset` on that is in a hole, or in none; absent: there is no such byte.
  std::optional<uint64_t> find(uint64_t offset, bool hole) const;

 private:
  void split(uint64_t at);

  std::map<uint64_t, Source>
      starts_;  ///< Each segment runs to the next start, the last one to size_.
  uint64_t size_ = 0;
};

}  // namespace penstock
