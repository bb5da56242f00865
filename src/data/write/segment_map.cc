// SPDX-License-Identifier: Apache-2.0
#include "data/write/segment_map.h"

#include <algorithm>

namespace penstock {

void SegmentMap::resize(uint64_t size) {
  if (size < size_) {
    starts_.erase(starts_.lower_bound(size), starts_.end());
  } else if (size > size_ && (starts_.empty() || starts_.rbegin()->second != Source::hole)) {
    starts_.emplace_hint(starts_.end(), size_, Source::hole);
  }
  size_ = size;
}

void SegmentMap::split(uint64_t at) {
  if (at >= size_) return;
  const auto next = starts_.upper_bound(at);
  const auto found = std::prev(next);
  if (found->first != at) starts_.emplace_hint(next, at, found->second);
}

void SegmentMap::assign(ByteRange range, Source source) {
  if (range.length == 0) return;
  if (range.offset > size_) resize(range.offset);
  if (range.offset == size_) {  // an append: nearly every write
    if (starts_.empty() || starts_.rbegin()->second != source)
      starts_.emplace_hint(starts_.end(), size_, source);
    size_ = range.end();
    return;
  }
  split(range.end());
  split(range.offset);
  size_ = std::max(size_, range.end());
  const auto first = starts_.lower_bound(range.offset);
  const auto last = starts_.lower_bound(range.end());
  auto at = starts_.emplace_hint(starts_.erase(first, last), range.offset, source);
  const auto next = std::next(at);
  if (next != starts_.end() && next->second == source) starts_.erase(next);
  if (at != starts_.begin() && std::prev(at)->second == source) starts_.erase(at);
}

std::vector<SegmentMap::Segment> SegmentMap::segments(ByteRange range) const {
  std::vector<Segment> found;
  visit(range, [&](const Segment& segment) {
    found.push_back(segment);
    return true;
  });
  return found;
}

bool SegmentMap::any(ByteRange range, SourceMask sources) const {
  bool found = false;
  visit(range, [&](const Segment& segment) {
    found = (mask(segment.source) & sources) != 0;
    return !found;
  });
  return found;
}

void SegmentMap::replace(ByteRange range, Source from, Source to) {
  for (const Segment& segment : segments(range)) {
    if (segment.source == from) assign(segment.range, to);
  }
}

uint64_t SegmentMap::bytes(ByteRange range, Source source) const {
  uint64_t total = 0;
  visit(range, [&](const Segment& segment) {
    if (segment.source == source) total += segment.range.length;
    return true;
  });
  return total;
}

std::optional<uint64_t> SegmentMap::find(uint64_t offset, bool hole) const {
  std::optional<uint64_t> found;
  visit({offset, UINT64_MAX - offset}, [&](const Segment& segment) {
    if ((segment.source == Source::hole) == hole) found = segment.range.offset;
    return !found;
  });
  return found;
}

}  // namespace penstock
