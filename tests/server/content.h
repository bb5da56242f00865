// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::test {

/// Immutable bytes that objects, parts and copies share. Copying one copies a few words per piece.
class Content {
 public:
  Content() = default;
  static Content of_string(std::string bytes);
  static Content of_memory(std::shared_ptr<const char> memory, uint64_t length);
  static Content zeros(uint64_t length);
  static Content synthetic(const std::string& key, uint64_t length);

  uint64_t size() const noexcept { return size_; }
  void append(const Content& more);
  Content slice(uint64_t offset, uint64_t length) const;
  /// Points `out` at the bytes from `offset` on, `length` at most; returns how many entries are
  /// filled.
  size_t spans(uint64_t offset, uint64_t length, iovec* out, size_t capacity) const;
  std::string read(uint64_t offset, uint64_t length) const;

 private:
  enum class Source : uint8_t { memory, zeros, pattern };
  struct Piece {
    Source source = Source::memory;
    std::shared_ptr<const char> memory;
    uint64_t from = 0;   ///< Where in the source it begins.
    uint64_t start = 0;  ///< Where in this content it begins.
    uint64_t length = 0;
  };

  void add(Piece piece);
  const Piece& piece_at(uint64_t offset) const;

  std::vector<Piece> pieces_;
  uint64_t size_ = 0;
};

/// Memory for bodies as they come in, in blocks that are used again: fresh pages cost more than the
/// copy into them.
class BlockPool {
 public:
  static constexpr size_t block_size = size_t{1} << 20;

  BlockPool();
  /// Thread-safe, also when the pool is gone by the time the block is given back.
  std::shared_ptr<char> take();

 private:
  struct Free;
  std::shared_ptr<Free> free_;
};

}  // namespace penstock::test
