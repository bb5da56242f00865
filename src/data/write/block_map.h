// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <span>

#include "base/buffer_pool.h"
#include "base/deferred.h"
#include "penstock/object_store.h"

namespace penstock {

/// The bytes of one file that are in memory, in blocks of one size at multiples of it. The first
/// block starts small and grows (16 KiB, 64, 256), so that a small file costs little. Which bytes
/// of a block mean something is the SegmentMap's to know. Not thread-safe.
class BlockMap {
 public:
  BlockMap(BufferPool& buffers, uint64_t block_size) : buffers_(buffers), block_size_(block_size) {}

  /// What must be reserved before `range` can be written. 0 where it is in memory already.
  uint64_t needed(ByteRange range) const;
  /// Makes room for `range`; `memory` pays for needed(range) (or for less, when the budget is
  /// overdrawn on purpose).
  void prepare(ByteRange range, Reservation memory, Deferred& after);
  /// Takes a buffer with the bytes of the whole block at `offset`, paid for by `memory`. False, and
  /// nothing done, where something of that block is in memory already.
  bool adopt(uint64_t offset, const std::shared_ptr<Buffer>& buffer, Reservation& memory);
  void copy_in(uint64_t offset, std::span<const std::byte> data);
  void copy_out(uint64_t offset, std::span<std::byte> out) const;

  /// Calls `visitor(span, buffer)` for the pieces of `range`, which must be in memory.
  template <typename Visitor>
  void visit(ByteRange range, Visitor&& visitor) const {
    for (uint64_t offset = range.offset; offset < range.end();) {
      const uint64_t index = offset / block_size_;
      const uint64_t end = std::min(range.end(), (index + 1) * block_size_);
      const auto& buffer = blocks_.find(index)->second.buffer;
      visitor(std::span(buffer->data() + offset % block_size_, end - offset), buffer);
      offset = end;
    }
  }

  /// Lets go of the blocks that lie in `range` (a whole number of blocks, or up to the end of the
  /// file) and are not pinned.
  void drop(ByteRange range, Deferred& after);
  /// Pinned blocks are being filled: drop leaves them.
  void pin(ByteRange range);
  void unpin(ByteRange range);

  struct Block {
    std::shared_ptr<Buffer> buffer;
    uint32_t pins = 0;
  };
  const std::map<uint64_t, Block>& blocks() const noexcept { return blocks_; }
  /// Memory held, in bytes.
  uint64_t bytes() const noexcept { return bytes_; }

 private:
  uint64_t capacity(uint64_t index, uint64_t end) const noexcept;
  template <typename Visitor>
  void each(ByteRange range, Visitor&& visitor) const;

  BufferPool& buffers_;
  const uint64_t block_size_;
  std::map<uint64_t, Block> blocks_;
  uint64_t bytes_ = 0;
};

}  // namespace penstock
