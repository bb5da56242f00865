// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/buffer_pool.h"
#include "penstock/object_store.h"

namespace penstock {

/// A change of a file's contents as it was asked for.
struct Change {
  enum class Kind : uint8_t {
    write,
    append,
    truncate,
    extend,  ///< As truncate, where that makes the file longer.
    zero,    ///< A range becomes a hole, also behind the end.
    punch,   ///< The same, but the size stays.
  };
  Kind kind = Kind::write;
  uint64_t offset = 0;  ///< The new size for truncate and extend.
  std::span<const std::byte> data;
  uint64_t length = 0;                      ///< Of zero and punch.
  std::shared_ptr<Buffer> block = nullptr;  ///< If `data` is a whole block: what holds it.

  bool resizes() const noexcept { return kind == Kind::truncate || kind == Kind::extend; }

  /// The bytes that it is about in a file of `size`; empty, at the new size, where it resizes.
  ByteRange range(uint64_t size) const noexcept {
    switch (kind) {
      case Kind::write:
        break;
      case Kind::append:
        return {size, data.size()};
      case Kind::truncate:
        return {offset, 0};
      case Kind::extend:
        return {std::max(offset, size), 0};
      case Kind::zero:
        return {offset, length};
      case Kind::punch: {
        const uint64_t begin = std::min(offset, size);
        return {begin, std::min(length, size - begin)};
      }
    }
    return {offset, data.size()};
  }

  /// The bytes of a file of `size` that the change makes others: also what a write behind the end
  /// skips, which becomes a hole, and what a truncation cuts off.
  ByteRange reach(uint64_t size) const noexcept {
    const ByteRange asked = range(size);
    if (!resizes() && asked.length == 0) return {size, 0};
    const uint64_t begin = std::min(asked.offset, size);
    const uint64_t end = resizes() ? std::max(asked.offset, size) : asked.end();
    return {begin, end - begin};
  }
};

}  // namespace penstock
