// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "journal/journal_state.h"
#include "penstock/object_store.h"

namespace penstock {

/// Where each byte of a file in the journal is: segments without gaps from 0 to size(). Each knows
/// the generation that it was written in, so that what a finished upload covers can be told from
/// what came later. Not thread-safe.
class ContentMap {
 public:
  struct Segment {
    JournalRange range;
    uint64_t generation = 0;
  };

  ContentMap() = default;
  /// All of it `base`.
  explicit ContentMap(uint64_t base_size);
  /// As a journal has it.
  explicit ContentMap(const std::vector<JournalRange>& ranges);

  uint64_t size() const noexcept { return size_; }
  /// Whether some of it is in the base alone.
  bool needs_base() const;
  /// Whether it is the base, all of it and nothing else: one that has no bytes has not become so by
  /// a truncation, of which nothing else tells where the base is empty as well.
  bool only_base() const;
  /// Growth is a hole.
  void resize(uint64_t size, uint64_t generation);
  /// Puts the whole piece at `offset`; what is skipped behind the end is a hole.
  void assign(uint64_t offset, std::shared_ptr<const JournalPiece> piece, uint64_t generation);
  /// Makes a range that lies in the file a hole.
  void punch(ByteRange range, uint64_t generation);
  /// What was written up to `generation` is in the object from now on.
  void settle(uint64_t generation);

  /// The first byte from `offset` on that is in a hole, or in none; absent: there is no such byte.
  std::optional<uint64_t> find(uint64_t offset, bool hole) const;

  /// What lies in `range`, clipped to it and to the file.
  std::vector<JournalRange> ranges(ByteRange range) const;
  std::vector<JournalRange> ranges() const { return ranges({0, size_}); }

 private:
  void split(uint64_t at);

  std::map<uint64_t, Segment> segments_;  ///< By offset.
  uint64_t size_ = 0;
  std::optional<uint64_t> emptied_;  ///< The generation that truncated it to nothing.
};

}  // namespace penstock
