// SPDX-License-Identifier: Apache-2.0
#include "data/read/stride_detector.h"

#include <algorithm>
#include <cstdlib>

namespace penstock {
namespace {

/// Page faults arrive rounded to what the kernel reads around them, so equal distances are only
/// nearly equal; the less they may differ, the fewer random reads look like a pattern.
uint64_t jitter_of(int64_t stride) {
  return std::clamp<uint64_t>(static_cast<uint64_t>(std::llabs(stride)) / 32, 4096, 256 << 10);
}

/// A reader may skip a few pieces, or several threads may take them in turns.
constexpr uint32_t max_skip = 4;

/// Reads that go on further than this behind one piece are a stream.
constexpr uint64_t max_piece = 2ULL << 20;

uint64_t apart(int64_t a, int64_t b) { return static_cast<uint64_t>(std::llabs(a - b)); }

}  // namespace

bool StrideDetector::extend(ByteRange range) {
  Track* track = continued(range);
  if (track == nullptr) return false;
  track->used = ++clock_;
  track->reached = range.end();
  return true;
}

uint64_t StrideDetector::learn_length(uint64_t length) {
  const uint64_t most = std::min(static_cast<uint64_t>(std::llabs(latest_->stride)) / 2, max_piece);
  latest_->length = std::clamp(length, latest_->length, std::max(most, latest_->length));
  return latest_->length;
}

std::optional<StridePrefetch> StrideDetector::follow(ByteRange range) {
  uint32_t steps = 0;
  Track* track = expected(range, steps);
  if (track == nullptr) return std::nullopt;
  track->used = ++clock_;
  track->last = static_cast<int64_t>(range.offset);
  track->reached = range.end();
  track->length = std::max(track->length, range.length);
  track->issued -= std::min(track->issued, steps);
  track->depth = std::min(track->depth * 2, max_depth);
  return top_up(*track);
}

std::optional<StridePrefetch> StrideDetector::detect(ByteRange range) {
  const auto offset = static_cast<int64_t>(range.offset);
  int64_t stride = 0;
  for (const ByteRange& before : recent_) {
    if (before.length == 0) continue;
    const int64_t step = offset - static_cast<int64_t>(before.offset);
    if (static_cast<uint64_t>(std::llabs(step)) < 2 * std::max(range.length, before.length))
      continue;
    const uint64_t jitter = jitter_of(step);
    if (!seen_near(offset - 2 * step, jitter) || !seen_near(offset - 3 * step, jitter)) continue;
    // Of a pattern's multiples (every second piece is a pattern too) the smallest is the true one.
    if (stride == 0 || std::llabs(step) < std::llabs(stride)) stride = step;
  }
  recent_[reads_++ % recent_.size()] = range;
  if (stride == 0) return std::nullopt;
  Track& track = *std::min_element(tracks_.begin(), tracks_.end(),
                                   [](const Track& a, const Track& b) { return a.used < b.used; });
  track = Track{.last = offset,
                .stride = stride,
                .length = range.length,
                .reached = range.end(),
                .depth = first_depth,
                .issued = 0,
                .used = ++clock_};
  latest_ = &track;
  return top_up(track);
}

StrideDetector::Track* StrideDetector::expected(ByteRange range, uint32_t& steps) {
  for (Track& track : tracks_) {
    if (track.stride == 0) continue;
    const uint64_t jitter = jitter_of(track.stride);
    for (uint32_t step = 1; step <= max_skip; ++step) {
      const int64_t there = track.last + track.stride * int64_t{step};
      if (apart(static_cast<int64_t>(range.offset), there) > jitter) continue;
      steps = step;
      return &track;
    }
  }
  return nullptr;
}

StrideDetector::Track* StrideDetector::continued(ByteRange range) {
  for (Track& track : tracks_) {
    if (track.stride == 0 || range.offset != track.reached) continue;
    if (range.end() - static_cast<uint64_t>(track.last) <= track.length) return &track;
  }
  return nullptr;
}

bool StrideDetector::seen_near(int64_t offset, uint64_t jitter) const {
  return std::any_of(recent_.begin(), recent_.end(), [&](const ByteRange& range) {
    return range.length != 0 && apart(static_cast<int64_t>(range.offset), offset) <= jitter;
  });
}

StridePrefetch StrideDetector::top_up(Track& track) {
  // In batches of half the depth: a request more or less per read would do as well, but a batch
  // keeps the planning out of most reads.
  if (track.issued > track.depth / 2) return StridePrefetch{};
  const uint32_t count = track.depth - track.issued;
  const StridePrefetch more{.first = track.last + track.stride * int64_t{track.issued + 1},
                            .stride = track.stride,
                            .count = count,
                            .length = track.length};
  track.issued = track.depth;
  return more;
}

}  // namespace penstock
