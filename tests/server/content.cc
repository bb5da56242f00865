// SPDX-License-Identifier: Apache-2.0
#include "server/content.h"

#include <algorithm>
#include <functional>
#include <random>

#include "base/mutex.h"
#include "server/test_server.h"

namespace penstock::test {
namespace {

// The period is no power of two: bytes from the wrong multiple of any chunk size are then wrong
// bytes.
constexpr uint64_t pattern_period = (uint64_t{4} << 20) - 4096;
constexpr size_t zero_block_size = size_t{1} << 20;

const std::string& pattern() {
  static const std::string bytes = [] {
    std::string block(pattern_period, '\0');
    std::mt19937_64 random(20261124);
    for (size_t i = 0; i + 8 <= block.size(); i += 8) {
      const uint64_t word = random();
      std::copy_n(reinterpret_cast<const char*>(&word), 8, block.data() + i);
    }
    return block;
  }();
  return bytes;
}

const std::string& zero_block() {
  static const std::string bytes(zero_block_size, '\0');
  return bytes;
}

uint64_t pattern_shift(const std::string& key) {
  uint64_t hash = 14695981039346656037ULL;  // FNV-1a
  for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return (hash >> 8) % pattern_period;
}

}  // namespace

std::string synthetic_bytes(const std::string& key, uint64_t offset, size_t length) {
  return Content::synthetic(key, offset + length).read(offset, length);
}

Content Content::of_string(std::string bytes) {
  auto owner = std::make_shared<std::string>(std::move(bytes));
  return of_memory(std::shared_ptr<const char>(owner, owner->data()), owner->size());
}

Content Content::of_memory(std::shared_ptr<const char> memory, uint64_t length) {
  Content content;
  content.add({.source = Source::memory, .memory = std::move(memory), .length = length});
  return content;
}

Content Content::zeros(uint64_t length) {
  Content content;
  content.add({.source = Source::zeros, .length = length});
  return content;
}

Content Content::synthetic(const std::string& key, uint64_t length) {
  Content content;
  content.add({.source = Source::pattern, .from = pattern_shift(key), .length = length});
  return content;
}

void Content::add(Piece piece) {
  if (piece.length == 0) return;
  piece.start = size_;
  size_ += piece.length;
  pieces_.push_back(std::move(piece));
}

void Content::append(const Content& more) {
  pieces_.reserve(pieces_.size() + more.pieces_.size());
  for (const Piece& piece : more.pieces_) add(piece);
}

const Content::Piece& Content::piece_at(uint64_t offset) const {
  auto after = std::upper_bound(pieces_.begin(), pieces_.end(), offset,
                                [](uint64_t at, const Piece& piece) { return at < piece.start; });
  return *std::prev(after);
}

Content Content::slice(uint64_t offset, uint64_t length) const {
  Content result;
  const uint64_t end = std::min(size_, offset + length);
  while (offset < end) {
    Piece piece = piece_at(offset);
    const uint64_t skip = offset - piece.start;
    piece.from += skip;
    piece.length = std::min(piece.length - skip, end - offset);
    offset += piece.length;
    result.add(std::move(piece));
  }
  return result;
}

size_t Content::spans(uint64_t offset, uint64_t length, iovec* out, size_t capacity) const {
  size_t count = 0;
  const uint64_t end = std::min(size_, offset + length);
  while (offset < end && count < capacity) {
    const Piece& piece = piece_at(offset);
    const uint64_t skip = offset - piece.start;
    uint64_t bytes = std::min(piece.length - skip, end - offset);
    const char* data = nullptr;
    switch (piece.source) {
      case Source::memory:
        data = piece.memory.get() + piece.from + skip;
        break;
      case Source::zeros:
        data = zero_block().data();
        bytes = std::min<uint64_t>(bytes, zero_block_size);
        break;
      case Source::pattern: {
        const uint64_t at = (piece.from + skip) % pattern_period;
        data = pattern().data() + at;
        bytes = std::min(bytes, pattern_period - at);
        break;
      }
    }
    out[count++] = {.iov_base = const_cast<char*>(data), .iov_len = bytes};
    offset += bytes;
  }
  return count;
}

std::string Content::read(uint64_t offset, uint64_t length) const {
  std::string bytes;
  const uint64_t end = std::min(size_, offset + length);
  if (offset < end) bytes.reserve(end - offset);
  while (offset < end) {
    iovec span = {};
    spans(offset, end - offset, &span, 1);
    bytes.append(static_cast<const char*>(span.iov_base), span.iov_len);
    offset += span.iov_len;
  }
  return bytes;
}

struct BlockPool::Free {
  Mutex mutex;
  std::vector<std::unique_ptr<char[]>> blocks GUARDED_BY(mutex);
};

BlockPool::BlockPool() : free_(std::make_shared<Free>()) {}

std::shared_ptr<char> BlockPool::take() {
  std::unique_ptr<char[]> block;
  {
    const MutexLock lock(free_->mutex);
    if (!free_->blocks.empty()) {
      block = std::move(free_->blocks.back());
      free_->blocks.pop_back();
    }
  }
  if (block == nullptr) block.reset(new char[block_size]);
  return {block.release(), [pool = std::weak_ptr<Free>(free_)](char* memory) {
            std::unique_ptr<char[]> owned(memory);
            const std::shared_ptr<Free> alive = pool.lock();
            if (alive == nullptr) return;
            const MutexLock lock(alive->mutex);
            alive->blocks.push_back(std::move(owned));
          }};
}

}  // namespace penstock::test
