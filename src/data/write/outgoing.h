// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/buffer_pool.h"
#include "data/write/staging_file.h"
#include "data/write/write_memory.h"

namespace penstock {

/// The bytes of one part or object on its way to the store, and what they live in. Not thread-safe.
class Outgoing {
 public:
  explicit Outgoing(std::shared_ptr<WriteMemory> memory)
      : memory_(std::move(memory)), begin_(memory_->sending()) {}
  ~Outgoing() {
    uint64_t bytes = 0;
    for (const auto& piece : pieces_) bytes += piece.size();
    buffers_.clear();
    memory_->ended(bytes, begin_);
  }
  Outgoing(const Outgoing&) = delete;
  Outgoing& operator=(const Outgoing&) = delete;

  void add(std::span<const std::byte> bytes, std::shared_ptr<const Buffer> buffer) {
    pieces_.push_back(bytes);
    buffers_.push_back(std::move(buffer));
  }
  void add_zeros(uint64_t length);
  void add_staged(std::shared_ptr<StagingFile> file, ByteRange range) {
    staged_.push_back({pieces_.size(), range});
    pieces_.emplace_back();
    file_ = std::move(file);
  }

  bool staged() const noexcept { return !staged_.empty(); }
  /// Blocks on the disk.
  Result<void> map_staged();

  static Body body(std::shared_ptr<Outgoing> outgoing) {
    std::vector<std::span<const std::byte>> pieces = outgoing->pieces_;
    return {std::move(pieces), std::move(outgoing)};
  }

 private:
  struct Staged {
    size_t piece;
    ByteRange range;
  };

  const std::shared_ptr<WriteMemory> memory_;
  const Scheduler::Time begin_;
  std::vector<std::span<const std::byte>> pieces_;
  std::vector<std::shared_ptr<const Buffer>> buffers_;
  std::vector<Staged> staged_;
  std::shared_ptr<StagingFile> file_;
  std::vector<std::shared_ptr<const void>> mappings_;
};

}  // namespace penstock
