// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "penstock/object_store.h"
#include "penstock/slices.h"

namespace penstock {

/// Copies the bytes of a GET to where they belong.
class CopySink final : public BodySink {
 public:
  CopySink(uint64_t offset, std::span<std::byte> into, std::shared_ptr<void> owner)
      : offset_(offset), into_(into), owner_(std::move(owner)) {}

  bool write(uint64_t offset, std::span<const std::byte> bytes) noexcept override {
    if (offset < offset_ || offset - offset_ > into_.size() ||
        bytes.size() > into_.size() - (offset - offset_)) {
      return false;
    }
    std::memcpy(into_.data() + (offset - offset_), bytes.data(), bytes.size());
    return true;
  }

 private:
  const uint64_t offset_;
  const std::span<std::byte> into_;
  const std::shared_ptr<void> owner_;
};

/// The same, to several places, one behind the other.
class ScatterSink final : public BodySink {
 public:
  explicit ScatterSink(uint64_t offset) : begin_(offset), end_(offset) {}

  void add(std::span<std::byte> into, std::shared_ptr<void> owner) {
    pieces_.push_back({end_, into, std::move(owner)});
    end_ += into.size();
  }

  bool write(uint64_t offset, std::span<const std::byte> bytes) noexcept override {
    if (offset < begin_ || offset > end_ || bytes.size() > end_ - offset) return false;
    for (const Piece& piece : pieces_) {
      if (bytes.empty()) break;
      if (offset >= piece.offset + piece.into.size()) continue;
      const auto into = piece.into.subspan(offset - piece.offset);
      const size_t length = std::min(into.size(), bytes.size());
      std::memcpy(into.data(), bytes.data(), length);
      bytes = bytes.subspan(length);
      offset += length;
    }
    return true;
  }

 private:
  struct Piece {
    uint64_t offset;
    std::span<std::byte> into;
    std::shared_ptr<void> owner;
  };
  const uint64_t begin_;
  uint64_t end_;
  std::vector<Piece> pieces_;
};

/// One read whose pieces come from several places.
class Gathering : public std::enable_shared_from_this<Gathering> {
 public:
  Gathering(ByteRange range, Done<Slices> done)
      : range_(range), bytes_(range.length), done_(std::move(done)) {}

  std::span<std::byte> piece(ByteRange part) {
    return std::span(bytes_).subspan(part.offset - range_.offset, part.length);
  }
  void expect(uint32_t pieces) {
    const MutexLock lock(mutex_);
    missing_ += pieces;
  }
  void arrived(const Result<void>& result) {
    std::optional<Error> error;
    {
      const MutexLock lock(mutex_);
      if (!result && !error_) error_ = result.error();
      if (--missing_ != 0) return;
      error = error_;
    }
    // The answer holds this object for its bytes: the continuation is taken out first, or it would
    // live as long as they do.
    Done<Slices> done = std::move(done_);
    if (error) return done(*error);
    done(Slices{.spans = {std::span<const std::byte>(bytes_)}, .owners = {shared_from_this()}});
  }

 private:
  const ByteRange range_;
  std::vector<std::byte> bytes_;
  Done<Slices> done_;
  Mutex mutex_;
  uint32_t missing_ GUARDED_BY(mutex_) = 1;  ///< One for who sets it up.
  std::optional<Error> error_ GUARDED_BY(mutex_);
};

}  // namespace penstock
