// SPDX-License-Identifier: Apache-2.0
#include "data/read/dense_reads.h"

#include <algorithm>
#include <bit>

namespace penstock {
namespace {

constexpr uint64_t mib = 1ULL << 20;

/// Before so much was read nobody knows.
constexpr uint64_t least_units = 16;
/// One reader that goes forward is a stream, and those are fetched ahead of by themselves.
constexpr uint64_t least_jumps = 4;
/// A header is read again, and what the kernel has dropped: that is no pass over the object.
constexpr uint64_t least_again = 32;
/// What one miss adds to the allowance.
constexpr uint64_t growth = 8 * mib;
/// Where more than a quarter of what was read was fetched for nothing, no more is.
constexpr uint64_t waste_factor = 4;
constexpr uint64_t least_waste = 32 * mib;

}  // namespace

// The object's last unit may be too short ever to be full: it is one of many.
bool DenseReads::full(const Unit& one) const noexcept {
  return static_cast<uint64_t>(std::popcount(one.read)) * 4 >= cells * 3;
}

void DenseReads::touch(Unit& one, uint8_t read) {
  if (all_read())
    again_ += static_cast<uint64_t>(std::popcount(static_cast<uint8_t>(one.read & read)));
  if (!one.touched) ++touched_;
  const bool before = full(one);
  one.touched = true;
  one.read |= read;
  if (!before && full(one)) ++full_;
}

void DenseReads::observe(ByteRange range, bool jumped) {
  if (size_ > largest_object) return;
  if (units_.empty()) units_.resize((size_ + unit - 1) / unit);
  // Streams that began side by side go on for themselves.
  if (jumped && full_ >= least_units) ++jumps_;
  const uint64_t first = (range.offset + blur - 1) / cell;
  // Behind the last cell; the object's last one may have no middle.
  const uint64_t end = (range.end() + (range.end() == size_ ? cell : blur) - 1) / cell;
  for (uint64_t at = range.offset / unit; at <= (range.end() - 1) / unit; ++at) {
    uint8_t read = 0;
    for (uint64_t i = 0; i < cells; ++i) {
      const uint64_t number = at * cells + i;
      if (number >= first && number < end) read |= static_cast<uint8_t>(1U << i);
    }
    touch(units_[at], read);
  }
  if (again_ < least_again) return;
  units_.assign(units_.size(), Unit{});
  touched_ = full_ = again_ = jumps_ = misses_ = wasted_ = 0;
}

bool DenseReads::dense() const noexcept {
  if (jumps_ < least_jumps) return false;
  if (wasted_ > std::max(full_ * unit / waste_factor, least_waste)) return false;
  return full_ * 4 >= touched_ * 3;
}

uint64_t DenseReads::allowance(uint64_t window, uint64_t most) const noexcept {
  return std::min({window + misses_ * growth, most, full_ * unit / 2});
}

bool DenseReads::was_read(uint64_t number) const noexcept {
  return (units_[number / cells].read >> (number % cells) & 1U) != 0;
}

ByteRange DenseReads::unread(uint64_t from, uint64_t to) const {
  if (units_.empty() || from >= to) return {};
  const uint64_t end = (to + cell - 1) / cell;
  uint64_t first = from / cell;
  while (first < end && was_read(first)) ++first;
  if (first == end) return {};
  uint64_t last = first;
  while (last < end && !was_read(last)) ++last;
  const uint64_t begin = std::max(from, first * cell - std::min(first * cell, blur));
  return {begin, std::min(to, last * cell + blur) - begin};
}

uint64_t DenseReads::bytes_unread() const noexcept { return size_ - std::min(size_, full_ * unit); }

}  // namespace penstock
