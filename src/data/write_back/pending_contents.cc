// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/pending_contents.h"

#include <algorithm>
#include <utility>

namespace penstock {

bool PendingContents::any(ByteRange range) const {
  const std::optional<uint64_t> written = map_.find(range.offset, false);
  return written && *written < range.end();
}

std::optional<uint64_t> PendingContents::seek(uint64_t offset, bool hole, bool whole) const {
  if (offset >= size_) return std::nullopt;
  // Bytes that the disk does not take are bytes all the same.
  if (!whole) return hole ? size_ : offset;
  const std::optional<uint64_t> found = map_.find(offset, hole);
  return hole && !found ? size_ : found;
}

void PendingContents::collected(uint64_t end) {
  size_ = std::max(size_, end);
  changed_ = true;
}

void PendingContents::store(uint64_t offset, std::shared_ptr<const JournalPiece> piece) {
  map_.assign(offset, std::move(piece), generation_);
  size_ = std::max(size_, map_.size());
  changed_ = true;
}

void PendingContents::resize(uint64_t size) {
  map_.resize(size, generation_);
  size_ = size;
  changed_ = true;
}

void PendingContents::punch(ByteRange range) {
  map_.punch(range, generation_);
  changed_ = true;
}

uint64_t PendingContents::promise() {
  changed_ = false;
  return generation_++;
}

}  // namespace penstock
