// SPDX-License-Identifier: Apache-2.0
#include "data/read/read_stream.h"

#include <algorithm>

namespace penstock {
namespace {

/// Random reads must leave room for the streams that they come between: this many slots of single
/// reads are recycled among themselves before a stream is given up.
constexpr size_t single_read_slots = 4;

/// A stream that reads less than a quarter of what it passes over is none.
constexpr uint64_t sparse_factor = 4;
constexpr uint64_t sparse_span = 1ULL << 20;
constexpr uint64_t dense_run = 4ULL << 20;

/// The more a stream has read, the further off its requests may come: one small read alone makes
/// nothing near it sequential, or random readers of a hot region would look like streams.
uint64_t tolerance(const ReadStream& stream) {
  return std::min(2 * stream.run, ReadStreams::max_tolerance);
}

uint64_t distance(uint64_t a, uint64_t b) { return a > b ? a - b : b - a; }

void restart(ReadStream& stream, ByteRange range) {
  stream.begin = range.offset;
  stream.next = range.end();
  stream.run = range.length;
  stream.ahead = range.end();
  stream.reads = 1;
}

void extend(ReadStream& stream, ByteRange range) {
  if (range.end() > stream.next) ++stream.reads;  // reading the same again is no movement
  stream.next = std::max(stream.next, range.end());
  stream.run = std::min(stream.run + range.length, stream.next - stream.begin);
}

/// Reads nearly all that it passes over, and has for a while.
bool dense(const ReadStream& stream) {
  return stream.run >= dense_run && stream.run >= (stream.next - stream.begin) / 4 * 3;
}

bool sparse(const ReadStream& stream) {
  const uint64_t span = stream.next - stream.begin;
  return span > sparse_span && stream.run < span / sparse_factor;
}

ReadPattern pattern_of(ReadStream& stream) {
  if (!stream.sequential()) return ReadPattern{};
  return ReadPattern{.kind = ReadPattern::Kind::sequential, .stream = &stream};
}

ReadPattern go_on(ReadStream& stream, ByteRange range, Scheduler::Time now) {
  extend(stream, range);
  if (sparse(stream)) restart(stream, range);
  stream.last_use = now;
  return pattern_of(stream);
}

}  // namespace

ReadPattern ReadStreams::observe(ByteRange range, Scheduler::Time now, bool strides) {
  const auto strided = [](const StridePrefetch& prefetch) {
    return ReadPattern{.kind = ReadPattern::Kind::strided, .prefetch = prefetch};
  };
  ReadStream* stream = find(range);
  // Who copies tensors of one size makes the kernel ask for their ends at equal distances.
  if (stream != nullptr && (!strides || dense(*stream))) return go_on(*stream, range, now);
  if (!strides) return pattern_of(*begin_stream(range, now));
  // Streams at equal distances from each other look strided too, until each is seen to go on.
  const bool goes_on = continues_exactly(range);
  if (strides_.extend(range)) return strided(StridePrefetch{});
  if (!goes_on) {
    if (const std::optional<StridePrefetch> hit = strides_.follow(range)) {
      begin_stream(range, now);
      return strided(*hit);
    }
  }
  if (stream != nullptr) return go_on(*stream, range, now);
  stream = begin_stream(range, now);
  std::optional<StridePrefetch> found = strides_.detect(range);
  if (!found) return pattern_of(*stream);
  // The piece before may have come in several reads, which have made it look like a stream.
  const auto before = std::find_if(streams_.begin(), streams_.end(), [&](const ReadStream& one) {
    return one.reads != 0 && static_cast<int64_t>(one.begin) + 2 * found->stride == found->first;
  });
  if (before != streams_.end()) found->length = strides_.learn_length(before->run);
  return strided(*found);
}

ReadStream* ReadStreams::begin_stream(ByteRange range, Scheduler::Time now) noexcept {
  ReadStream* stream = replaceable();
  restart(*stream, range);
  stream->last_use = now;
  return stream;
}

bool ReadStreams::continues_exactly(ByteRange range) const noexcept {
  return std::any_of(streams_.begin(), streams_.end(), [&](const ReadStream& stream) {
    return stream.reads != 0 && stream.next == range.offset;
  });
}

ReadStream* ReadStreams::find(ByteRange range) noexcept {
  ReadStream* best = nullptr;
  uint64_t best_distance = 0;
  for (ReadStream& stream : streams_) {
    if (stream.reads == 0 || range.offset < stream.begin) continue;
    const uint64_t off = distance(range.offset, stream.next);
    // What such a stream has left out comes late: the kernel reads around each fault.
    const uint64_t late = range.offset < stream.next && dense(stream) ? 2 : 1;
    if (off > late * tolerance(stream)) continue;
    if (best != nullptr && off >= best_distance) continue;
    best = &stream;
    best_distance = off;
  }
  return best;
}

ReadStream* ReadStreams::replaceable() noexcept {
  ReadStream* oldest = &streams_.front();
  ReadStream* oldest_single = nullptr;
  size_t singles = 0;
  for (ReadStream& stream : streams_) {
    if (stream.reads == 0) return &stream;
    if (stream.last_use < oldest->last_use) oldest = &stream;
    if (stream.sequential()) continue;
    ++singles;
    if (oldest_single == nullptr || stream.last_use < oldest_single->last_use) {
      oldest_single = &stream;
    }
  }
  return singles >= single_read_slots ? oldest_single : oldest;
}

}  // namespace penstock
