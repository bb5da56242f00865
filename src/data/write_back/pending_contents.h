// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "data/write_back/content_map.h"

namespace penstock {

/// What the bytes of a pending file are now, and what of that was written since the last promise of
/// contents. Every write belongs to the generation that the next such promise closes. Bytes that
/// are collected, and not in the journal yet (WriteTail), count for the size, and as a change. Not
/// thread-safe: the file's lock is held by the caller.
class PendingContents {
 public:
  /// Of an edit: all is the base's. `changed`: of a new file, which is to become an object even if
  /// nothing is written.
  PendingContents(uint64_t base_size, bool changed)
      : map_(base_size), size_(base_size), changed_(changed) {}
  /// As they were promised to a journal.
  explicit PendingContents(const std::vector<JournalRange>& promised)
      : map_(promised), size_(map_.size()), generation_(2) {}

  uint64_t size() const noexcept { return size_; }
  /// Whether something was written since the last promise of contents.
  bool changed() const noexcept { return changed_; }
  /// Without the bytes that are collected.
  const ContentMap& map() const noexcept { return map_; }
  /// Whether there are bytes in the range that are in no hole.
  bool any(ByteRange range) const;
  /// As FileBytes::seek. `whole`: the map is, for nothing is collected.
  std::optional<uint64_t> seek(uint64_t offset, bool hole, bool whole) const;

  /// Bytes up to `end` are collected.
  void collected(uint64_t end);
  /// The piece has the bytes from `offset` on, collected ones or others.
  void store(uint64_t offset, std::shared_ptr<const JournalPiece> piece);
  /// Growth is a hole. Nothing is collected.
  void resize(uint64_t size);
  /// Makes a range that lies in the file a hole. Nothing is collected.
  void punch(ByteRange range);

  /// What is there now is promised: returns the generation that this closes. Nothing is collected.
  uint64_t promise();
  /// The generation that the last promise of contents closed.
  uint64_t promised() const noexcept { return generation_ - 1; }
  /// What was written since is of no account: the file is deleted.
  void disclaim() noexcept { changed_ = false; }
  /// What was written up to `generation` is in the object from now on.
  void settle(uint64_t generation) { map_.settle(generation); }

 private:
  ContentMap map_;
  uint64_t size_ = 0;
  bool changed_ = false;
  uint64_t generation_ = 1;  ///< Of what is written now.
};

}  // namespace penstock
