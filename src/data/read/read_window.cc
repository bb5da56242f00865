// SPDX-License-Identifier: Apache-2.0
#include "data/read/read_window.h"

#include <algorithm>
#include <bit>

namespace penstock {
namespace {

constexpr uint64_t mib = 1ULL << 20;

/// Of who most likely reads everything: four pieces of 1 MiB at once.
constexpr uint64_t first_window = 4 * mib;
constexpr uint64_t growth_from_start = 8;
constexpr uint64_t growth_elsewhere = 4;

uint64_t window_size(const ReadStream& stream, const ReadWindow::Limits& limits) {
  const bool all = limits.eager && stream.from_start();
  const uint64_t growth = all ? growth_from_start : growth_elsewhere;
  const uint64_t least = all ? first_window : 0;
  return std::min(std::max(stream.run * growth, least), limits.target);
}

}  // namespace

ReadWindow::ReadWindow(const ReadStream& stream, const Limits& limits)
    : limits_(limits),
      size_(window_size(stream, limits)),
      end_(std::min(stream.next + size_, limits.object_size)) {}

uint64_t ReadWindow::piece_end(uint64_t begin) const noexcept {
  // A small window is four pieces, a large one eight: that many connections work at once.
  const uint64_t by_window = size_ <= 4 * mib ? size_ / 4 : std::max(size_ / 8, mib);
  const uint64_t by_rest = std::max((limits_.object_size - begin) / 8, mib);
  const uint64_t wanted = std::min({by_window, by_rest, limits_.fetch_size});
  const uint64_t piece = std::max(std::bit_floor(wanted), limits_.smallest);
  uint64_t end = (begin / piece + 1) * piece;
  if (end - begin < piece / 2) end += piece;
  return std::min(end, limits_.object_size);
}

}  // namespace penstock
