// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "penstock/object_store.h"

namespace penstock {

/// Where the parts of a file lie. The boundaries follow from the offset alone, so that an edit
/// years later finds the parts that an upload made. A value type; const methods may be called from
/// any thread.
///
/// With first parts of 8 MiB: 512 parts of 8 MiB, 512 of 16, 1,024 of 32, 2,048 of 64, 2,048 of
/// 128, 1,024 of 512, 1,024 of 1 GiB and 1,808 of 5 GiB: 5 TiB and more with 10,000 parts (10.7 TiB
/// in all). More cannot be had of boundaries that start small: 48.8 TiB takes 10,000 parts that all
/// have 5 GiB. Where the store wants equal parts, 10,000 of 32 MiB or of the first part's size.
class PartLayout {
 public:
  /// `first_part_size` is raised to what the store takes as a part, and above 1 MiB to a multiple
  /// of it.
  PartLayout(uint64_t first_part_size, const StoreLimits& limits);

  uint64_t first_part_size() const noexcept { return classes_.front().part_size; }
  /// Memory comes in blocks of this size; every part is a whole number of them. At most 1 MiB.
  uint64_t block_size() const noexcept { return block_size_; }
  /// The largest file that fits, in bytes.
  uint64_t max_size() const noexcept { return max_size_; }

  /// The part (from 1) that has the byte at `offset`, which must be below max_size().
  uint32_t number_at(uint64_t offset) const noexcept;
  /// All bytes of a part in a file that is long enough.
  ByteRange range(uint32_t number) const noexcept;
  /// How far behind `offset` the next part begins; 0: there.
  uint64_t until_part(uint64_t offset) const noexcept;
  /// How many parts a file of `size` has; 0 for an empty one.
  uint32_t count(uint64_t size) const noexcept { return size == 0 ? 0 : number_at(size - 1); }

 private:
  struct Class {
    uint64_t offset;
    uint64_t part_size;
    uint32_t first_number;
    uint32_t count;
  };
  std::vector<Class> classes_;
  uint64_t block_size_ = 0;
  uint64_t max_size_ = 0;
};

}  // namespace penstock
