// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "base/scheduler.h"
#include "data/read/stride_detector.h"
#include "penstock/object_store.h"

namespace penstock {

/// One reader that moves forward through an object, as far as its requests tell.
struct ReadStream {
  uint64_t begin = 0;  ///< Where it was first seen.
  uint64_t next = 0;   ///< Behind the furthest byte it asked for.
  uint64_t run = 0;    ///< Bytes it read between `begin` and `next`.
  uint64_t ahead = 0;  ///< Fetches were started up to here; kept by whoever plans them.
  uint32_t reads = 0;  ///< 0: the slot is free.
  Scheduler::Time last_use{};

  bool from_start() const noexcept { return begin == 0; }
  /// Worth fetching ahead of: two reads that belong together, or a first one at the object's start.
  bool sequential() const noexcept { return reads >= 2 || (reads == 1 && from_start()); }
};

/// What one read turned out to be part of.
struct ReadPattern {
  enum class Kind : uint8_t { random, sequential, strided };
  Kind kind = Kind::random;
  ReadStream* stream = nullptr;  ///< Of a sequential read; valid until the next observe().
  StridePrefetch prefetch;       ///< Of a strided read; may be empty.
};

/// Tells the streams of one object apart by the offsets of its reads alone, so that it does not
/// matter who reads through which descriptor, nor in which order the kernel sends what it reads
/// ahead. Pure bookkeeping; not thread-safe.
class ReadStreams {
 public:
  static constexpr size_t capacity = 16;
  /// How far from a stream's position a read may be and still belong to it.
  static constexpr uint64_t max_tolerance = 4ULL << 20;

  /// Takes note of a read of `range` (not empty) and says what it belongs to. `strides`: those are
  /// looked for, too.
  ReadPattern observe(ByteRange range, Scheduler::Time now, bool strides = true);

  std::span<ReadStream> all() noexcept { return streams_; }
  std::span<const ReadStream> all() const noexcept { return streams_; }

 private:
  ReadStream* find(ByteRange range) noexcept;
  ReadStream* begin_stream(ByteRange range, Scheduler::Time now) noexcept;
  ReadStream* replaceable() noexcept;
  bool continues_exactly(ByteRange range) const noexcept;

  std::array<ReadStream, capacity> streams_;
  StrideDetector strides_;
};

}  // namespace penstock
