// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/content_map.h"

#include <algorithm>
#include <utility>

namespace penstock {
namespace {

/// The part of `range` from `offset` on, at most `length` bytes.
JournalRange cut(const JournalRange& range, uint64_t offset, uint64_t length) {
  JournalRange part = range;
  const uint64_t skipped = offset - range.offset;
  part.offset = offset;
  part.length = std::min(length, range.length - skipped);
  if (range.kind == JournalRange::Kind::piece) part.skip += skipped;
  return part;
}

}  // namespace

ContentMap::ContentMap(uint64_t base_size) : size_(base_size) {
  if (base_size == 0) return;
  segments_[0] = {
      {.kind = JournalRange::Kind::base, .offset = 0, .length = base_size, .piece = nullptr}, 0};
}

ContentMap::ContentMap(const std::vector<JournalRange>& ranges) {
  if (ranges.empty()) emptied_ = 0;
  for (const JournalRange& range : ranges) {
    segments_[range.offset] = {range, 0};
    size_ = range.offset + range.length;
  }
}

void ContentMap::split(uint64_t at) {
  auto found = segments_.upper_bound(at);
  if (found == segments_.begin()) return;
  --found;
  Segment& segment = found->second;
  const uint64_t end = segment.range.offset + segment.range.length;
  if (found->first == at || end <= at) return;
  segments_[at] = {cut(segment.range, at, end - at), segment.generation};
  segment.range.length = at - segment.range.offset;
}

bool ContentMap::needs_base() const {
  return std::any_of(segments_.begin(), segments_.end(), [](const auto& entry) {
    return entry.second.range.kind == JournalRange::Kind::base;
  });
}

bool ContentMap::only_base() const {
  return !emptied_ && std::all_of(segments_.begin(), segments_.end(), [](const auto& entry) {
    return entry.second.range.kind == JournalRange::Kind::base;
  });
}

void ContentMap::resize(uint64_t size, uint64_t generation) {
  if (size > size_) {
    segments_[size_] = {{.kind = JournalRange::Kind::hole,
                         .offset = size_,
                         .length = size - size_,
                         .piece = nullptr},
                        generation};
  } else {
    split(size);
    segments_.erase(segments_.lower_bound(size), segments_.end());
  }
  size_ = size;
  if (size == 0) emptied_ = generation;
}

void ContentMap::assign(uint64_t offset, std::shared_ptr<const JournalPiece> piece,
                        uint64_t generation) {
  if (offset > size_) resize(offset, generation);
  const uint64_t length = piece->length;
  const uint64_t end = offset + length;
  split(offset);
  split(end);
  segments_.erase(segments_.lower_bound(offset), segments_.lower_bound(end));
  segments_[offset] = {{.kind = JournalRange::Kind::piece,
                        .offset = offset,
                        .length = length,
                        .piece = std::move(piece)},
                       generation};
  size_ = std::max(size_, end);
}

void ContentMap::punch(ByteRange range, uint64_t generation) {
  if (range.length == 0) return;
  split(range.offset);
  split(range.end());
  segments_.erase(segments_.lower_bound(range.offset), segments_.lower_bound(range.end()));
  segments_[range.offset] = {{.kind = JournalRange::Kind::hole,
                              .offset = range.offset,
                              .length = range.length,
                              .piece = nullptr},
                             generation};
}

std::optional<uint64_t> ContentMap::find(uint64_t offset, bool hole) const {
  if (offset >= size_) return std::nullopt;
  for (auto at = std::prev(segments_.upper_bound(offset)); at != segments_.end(); ++at) {
    const bool is_hole = at->second.range.kind == JournalRange::Kind::hole;
    if (is_hole == hole) return std::max(offset, at->first);
  }
  return std::nullopt;
}

void ContentMap::settle(uint64_t generation) {
  if (emptied_ && *emptied_ <= generation) emptied_.reset();
  for (auto at = segments_.begin(); at != segments_.end();) {
    Segment& segment = at->second;
    if (segment.generation > generation) {
      ++at;
      continue;
    }
    segment.range.kind = JournalRange::Kind::base;
    segment.range.piece.reset();
    segment.range.skip = 0;
    if (at != segments_.begin()) {
      Segment& before = std::prev(at)->second;
      if (before.range.kind == JournalRange::Kind::base && before.generation <= generation) {
        before.range.length += segment.range.length;
        at = segments_.erase(at);
        continue;
      }
    }
    ++at;
  }
}

std::vector<JournalRange> ContentMap::ranges(ByteRange range) const {
  std::vector<JournalRange> result;
  const uint64_t end = std::min(range.end(), size_);
  if (range.offset >= end) return result;
  auto at = std::prev(segments_.upper_bound(range.offset));
  for (uint64_t offset = range.offset; offset < end; ++at) {
    result.push_back(cut(at->second.range, offset, end - offset));
    offset += result.back().length;
  }
  return result;
}

}  // namespace penstock
