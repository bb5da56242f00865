// SPDX-License-Identifier: Apache-2.0
#include "store/crc_chains.h"

#include <algorithm>
#include <iterator>

namespace penstock {

void RunningRangeCrcs::update(std::span<const std::byte> bytes) noexcept {
  for (size_t i = 0; i < sums_.size(); ++i) {
    if (!only_ || *only_ == range_crc_kinds[i]) sums_[i].update(bytes);
  }
}

RangeCrcs RunningRangeCrcs::value() const noexcept {
  RangeCrcs crcs{};
  for (size_t i = 0; i < sums_.size(); ++i) {
    if (!only_ || *only_ == range_crc_kinds[i]) crcs[i] = sums_[i].value();
  }
  return crcs;
}

CrcChains::Chain CrcChains::join(const Chain& first, const Chain& second) {
  Chain joined{.begin = first.begin, .end = second.end};
  const uint64_t length = second.end - second.begin;
  for (size_t i = 0; i < joined.crcs.size(); ++i)
    joined.crcs[i] = combine_crcs(range_crc_kinds[i], first.crcs[i], second.crcs[i], length);
  return joined;
}

template <typename Fits>
std::optional<CrcChains::Chain> CrcChains::take(Fits fits) {
  const auto found = std::find_if(chains_.rbegin(), chains_.rend(), fits);
  if (found == chains_.rend()) return std::nullopt;
  const Chain taken = *found;
  chains_.erase(std::prev(found.base()));
  return taken;
}

std::optional<RangeCrcs> CrcChains::add(ByteRange range, const RangeCrcs& crcs) {
  Chain grown{.begin = range.offset, .end = range.end(), .crcs = crcs};
  if (const auto before = take([&](const Chain& chain) { return chain.end == grown.begin; }))
    grown = join(*before, grown);
  if (const auto after = take([&](const Chain& chain) { return chain.begin == grown.end; }))
    grown = join(grown, *after);
  if (grown.begin == 0 && grown.end == size_) return grown.crcs;
  if (chains_.size() == most) chains_.erase(chains_.begin());
  chains_.push_back(grown);
  return std::nullopt;
}

}  // namespace penstock
