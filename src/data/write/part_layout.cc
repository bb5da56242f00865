// SPDX-License-Identifier: Apache-2.0
#include "data/write/part_layout.h"

#include <algorithm>
#include <array>

namespace penstock {
namespace {

struct Step {
  uint64_t factor;  ///< Part size in first part sizes.
  uint32_t parts;   ///< Of 10,000.
};

constexpr std::array steps = {Step{1, 512},   Step{2, 512},   Step{4, 1024},   Step{8, 2048},
                              Step{16, 2048}, Step{64, 1024}, Step{128, 1024}, Step{640, 1808}};
constexpr uint64_t largest_block = 1ULL << 20;
/// Where parts cannot grow: 10,000 of them are 312 GiB.
constexpr uint64_t least_equal_part = 32ULL << 20;

}  // namespace

PartLayout::PartLayout(uint64_t first_part_size, const StoreLimits& limits) {
  uint64_t first = std::max<uint64_t>({first_part_size, limits.min_part_size, 1});
  if (first > largest_block) first = (first + largest_block - 1) / largest_block * largest_block;
  if (limits.equal_parts) first = std::max(first, least_equal_part);
  first = std::min({first, limits.max_part_size, limits.max_put_size});
  block_size_ = first % largest_block == 0 ? largest_block : std::min(first, largest_block);
  if (first % block_size_ != 0) first = first / block_size_ * block_size_;
  if (limits.equal_parts) {
    classes_.push_back({0, first, 1, limits.max_parts});
    max_size_ = std::min(first * limits.max_parts, limits.max_object_size);
    return;
  }
  uint64_t offset = 0;
  uint32_t number = 1;
  for (const Step& step : steps) {
    const uint32_t left = limits.max_parts - (number - 1);
    const bool last = &step == &steps.back();
    const auto share = static_cast<uint32_t>(uint64_t{step.parts} * limits.max_parts / 10'000);
    const uint32_t parts = last ? left : std::min(left, std::max<uint32_t>(share, 1));
    if (parts == 0) continue;
    const uint64_t size =
        std::max(first, std::min(first * step.factor, limits.max_part_size) / first * first);
    classes_.push_back({offset, size, number, parts});
    offset += size * parts;
    number += parts;
  }
  max_size_ = std::min(offset, limits.max_object_size);
}

uint32_t PartLayout::number_at(uint64_t offset) const noexcept {
  const auto after =
      std::upper_bound(classes_.begin(), classes_.end(), offset,
                       [](uint64_t at, const Class& part_class) { return at < part_class.offset; });
  const Class& found = *std::prev(after);
  return found.first_number + static_cast<uint32_t>((offset - found.offset) / found.part_size);
}

ByteRange PartLayout::range(uint32_t number) const noexcept {
  const auto after = std::upper_bound(
      classes_.begin(), classes_.end(), number,
      [](uint32_t at, const Class& part_class) { return at < part_class.first_number; });
  const Class& found = *std::prev(after);
  return {found.offset + uint64_t{number - found.first_number} * found.part_size, found.part_size};
}

uint64_t PartLayout::until_part(uint64_t offset) const noexcept {
  if (offset >= max_size_) return UINT64_MAX;
  const ByteRange part = range(number_at(offset));
  return offset == part.offset ? 0 : part.end() - offset;
}

}  // namespace penstock
