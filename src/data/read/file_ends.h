// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "penstock/object_store.h"

namespace penstock {

/// Files whose table of contents is at their end (Parquet, Arrow, zip with npz and what torch.save
/// writes) are opened by reads of their head and of their tail. Tells by what one object
/// begins with, and by where it is read first, when its tail is worth a request of its own. Pure
/// bookkeeping, guarded by its reader's lock.
class FileEnds {
 public:
  /// Bytes of the tail. Of Parquet and zip files of some thousand entries the whole table; the
  /// readers of Parquet themselves begin with 64 KiB.
  static constexpr uint64_t tail = 256ULL << 10;
  /// What of a file's beginning is its head: the formats' own headers are in it.
  static constexpr uint64_t head = 64ULL << 10;
  /// Of smaller objects the tail is not worth a request of its own.
  static constexpr uint64_t least_size = 8 * tail;

  /// So many first bytes tell every format.
  static constexpr uint64_t longest_magic = 6;

  /// `expected`: other objects of such a name had their table of contents at their end.
  FileEnds(uint64_t size, bool expected) noexcept : size_(size), listed_at_end_(expected) {}

  /// The name of the format that these first bytes of an object are of, if it is one with a table
  /// of contents at its end; else empty.
  static std::string_view format_of(std::span<const std::byte> first) noexcept;

  /// Takes note of a read of `range` (not empty); true, once at most, where the tail is to be
  /// fetched with it: the object was read at one of its ends only.
  bool observe(ByteRange range) noexcept;
  /// `first` is what the object begins with. True, once at most, where the tail is to be fetched
  /// now.
  bool recognise(std::span<const std::byte> first) noexcept;
  bool recognised() const noexcept { return recognised_; }

  /// Who reads this object's start most likely goes on at its end. A guess, until the first bytes
  /// have arrived.
  bool listed_at_end() const noexcept { return listed_at_end_; }
  /// Where the tail begins.
  uint64_t tail_begin() const noexcept { return size_ - tail; }

 private:
  bool take() noexcept;

  const uint64_t size_;
  bool listed_at_end_;
  bool recognised_ = false;
  bool roamed_ = false;  ///< Something else than an end was read.
  bool taken_ = false;
};

/// Which names, by what follows their last dot, belonged to files with a table of contents at their
/// end: of the next one both ends are fetched at once. Thread-safe.
class NamesOfFormats {
 public:
  static constexpr size_t capacity = 16;
  static constexpr size_t longest = 15;

  bool expected(std::string_view key) const EXCLUDES(mutex_);
  /// The object `key` turned out to have its table at its end, or not.
  void learn(std::string_view key, bool listed_at_end) EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;
  std::deque<std::string> known_ GUARDED_BY(mutex_);  ///< Oldest first.
};

}  // namespace penstock
