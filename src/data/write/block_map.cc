// SPDX-License-Identifier: Apache-2.0
#include "data/write/block_map.h"

#include <algorithm>
#include <cstring>

namespace penstock {

constexpr uint64_t smallest_block = 16ULL << 10;

/// How large the block must be for its first `end` bytes.
uint64_t BlockMap::capacity(uint64_t index, uint64_t end) const noexcept {
  if (index > 0) return block_size_;
  uint64_t size = smallest_block;
  while (size < end) size *= 4;
  return std::min(size, block_size_);
}

/// Calls `visitor(index, end inside the block)` for every block that `range` touches.
template <typename Visitor>
void BlockMap::each(ByteRange range, Visitor&& visitor) const {
  if (range.length == 0) return;
  const uint64_t last = (range.end() - 1) / block_size_;
  for (uint64_t index = range.offset / block_size_; index <= last; ++index) {
    visitor(index, std::min(range.end() - index * block_size_, block_size_));
  }
}

uint64_t BlockMap::needed(ByteRange range) const {
  uint64_t total = 0;
  each(range, [&](uint64_t index, uint64_t end) {
    const auto found = blocks_.find(index);
    if (found == blocks_.end() || found->second.buffer->size() < end) total += capacity(index, end);
  });
  return total;
}

void BlockMap::prepare(ByteRange range, Reservation memory, Deferred& after) {
  each(range, [&](uint64_t index, uint64_t end) {
    Block& block = blocks_[index];
    if (block.buffer != nullptr && block.buffer->size() >= end) return;
    const uint64_t size = capacity(index, end);
    std::shared_ptr<Buffer> larger = buffers_.allocate(size, memory.split(size));
    bytes_ += size;
    if (block.buffer != nullptr) {
      std::memcpy(larger->data(), block.buffer->data(), block.buffer->size());
      bytes_ -= block.buffer->size();
      after.release(std::move(block.buffer));
    }
    block.buffer = std::move(larger);
  });
}

bool BlockMap::adopt(uint64_t offset, const std::shared_ptr<Buffer>& buffer, Reservation& memory) {
  const auto [block, fresh] = blocks_.try_emplace(offset / block_size_);
  if (!fresh) return false;
  buffer->pay(memory.split(buffer->size()));
  bytes_ += buffer->size();
  block->second.buffer = buffer;
  return true;
}

void BlockMap::copy_in(uint64_t offset, std::span<const std::byte> data) {
  visit({offset, data.size()}, [&](std::span<std::byte> piece, const auto&) {
    std::memcpy(piece.data(), data.data(), piece.size());
    data = data.subspan(piece.size());
  });
}

void BlockMap::copy_out(uint64_t offset, std::span<std::byte> out) const {
  visit({offset, out.size()}, [&](std::span<const std::byte> piece, const auto&) {
    std::memcpy(out.data(), piece.data(), piece.size());
    out = out.subspan(piece.size());
  });
}

void BlockMap::drop(ByteRange range, Deferred& after) {
  auto block = blocks_.lower_bound((range.offset + block_size_ - 1) / block_size_);
  while (block != blocks_.end() && block->first * block_size_ < range.end()) {
    if (block->second.pins > 0) {
      ++block;
      continue;
    }
    bytes_ -= block->second.buffer->size();
    after.release(std::move(block->second.buffer));
    block = blocks_.erase(block);
  }
}

void BlockMap::pin(ByteRange range) {
  each(range, [&](uint64_t index, uint64_t) { ++blocks_[index].pins; });
}

void BlockMap::unpin(ByteRange range) {
  each(range, [&](uint64_t index, uint64_t) { --blocks_[index].pins; });
}

}  // namespace penstock
