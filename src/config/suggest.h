// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace penstock {

/// How many letters must be inserted, removed, replaced or swapped with their neighbour to make `b`
/// of `a`.
size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate that someone who typed `typed` most likely meant: of several words joined by "-",
/// one of which it is (endpoint: endpoint-url), the shortest, or else the one that takes the fewest
/// changes. Nothing where none is close.
std::optional<std::string> closest(std::string_view typed,
                                   std::span<const std::string_view> candidates);

}  // namespace penstock
