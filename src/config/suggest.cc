// SPDX-License-Identifier: Apache-2.0
#include "config/suggest.h"

#include <algorithm>
#include <vector>

namespace penstock {

size_t edit_distance(std::string_view a, std::string_view b) {
  // Three rows of the usual table: a swap of neighbours looks two rows back.
  std::vector<size_t> before(b.size() + 1);
  std::vector<size_t> last(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, last[j] + 1, row[j - 1] + 1});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

namespace {

/// The shortest candidate whose first words `typed` is; else, whose last ones.
std::optional<std::string> whole_of(std::string_view typed,
                                    std::span<const std::string_view> candidates) {
  if (typed.size() < 3) return std::nullopt;
  std::optional<std::string> begins;
  std::optional<std::string> ends;
  for (const std::string_view candidate : candidates) {
    if (candidate.size() <= typed.size()) continue;
    const auto take = [&](std::optional<std::string>& best) {
      if (!best || candidate.size() < best->size()) best = candidate;
    };
    if (candidate.starts_with(typed) && candidate[typed.size()] == '-') take(begins);
    if (candidate.ends_with(typed) && candidate[candidate.size() - typed.size() - 1] == '-')
      take(ends);
  }
  return begins ? begins : ends;
}

}  // namespace

std::optional<std::string> closest(std::string_view typed,
                                   std::span<const std::string_view> candidates) {
  std::optional<std::string> best = whole_of(typed, candidates);
  if (best) return best;
  size_t best_distance = std::max<size_t>(2, typed.size() / 3) + 1;
  for (const std::string_view candidate : candidates) {
    const size_t distance = edit_distance(typed, candidate);
    // Replacing nearly every letter of a short word is no likeness.
    if (distance < best_distance && distance < std::max(typed.size(), candidate.size())) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace penstock
