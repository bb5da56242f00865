// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "penstock/result.h"

namespace penstock {

/// Whether objects of that storage class must be restored before they can be read.
inline bool is_archive_class(std::string_view storage_class) {
  return storage_class == "GLACIER" || storage_class == "DEEP_ARCHIVE";
}

/// Intelligent-Tiering: some of its objects are archived, which only a HEAD tells.
inline bool is_tiering_class(std::string_view storage_class) {
  return storage_class == "INTELLIGENT_TIERING";
}

/// What a store says of the restoration of an object (x-amz-restore, RestoreStatus).
struct RestoreState {
  bool ongoing = false;
  int64_t until_ns = 0;  ///< Since the epoch: until then it can be read. 0: not known.
};

/// How fast a restoration is, as S3 calls it: the faster, the dearer.
enum class RestoreTier : uint8_t { expedited, standard, bulk };

inline constexpr std::array<std::string_view, 3> restore_tier_names{"Expedited", "Standard",
                                                                    "Bulk"};

inline std::string_view to_string(RestoreTier tier) noexcept {
  return restore_tier_names[static_cast<size_t>(tier)];
}

/// Nothing for what is no tier's name.
inline std::optional<RestoreTier> restore_tier(std::string_view name) {
  for (size_t i = 0; i < restore_tier_names.size(); ++i) {
    if (restore_tier_names[i] == name) return static_cast<RestoreTier>(i);
  }
  return std::nullopt;
}

/// What is wanted of a restoration.
struct RestoreWish {
  uint32_t days = 7;  ///< How long the object can be read. Intelligent-Tiering knows no end.
  RestoreTier tier = RestoreTier::standard;
};

/// The most days that a wish may name: more than S3's clients ever ask for.
inline constexpr uint32_t most_restore_days = 36'500;

/// "DAYS" or "DAYS,TIER"; invalid_argument with a message that says what is right.
inline Result<RestoreWish> parse_restore_wish(std::string_view text, const RestoreWish& otherwise) {
  RestoreWish wish = otherwise;
  const size_t comma = text.find(',');
  const std::string_view days = text.substr(0, comma);
  const auto [end, error] = std::from_chars(days.data(), days.data() + days.size(), wish.days);
  const bool number = error == std::errc() && end == days.data() + days.size();
  const std::optional<RestoreTier> tier = comma == std::string_view::npos
                                              ? std::optional(otherwise.tier)
                                              : restore_tier(text.substr(comma + 1));
  if (!number || wish.days == 0 || wish.days > most_restore_days || !tier) {
    return Error(Code::invalid_argument,
                 "a restore is asked for by DAYS or DAYS,TIER: 7 or 7,Bulk (Expedited, Standard)");
  }
  wish.tier = *tier;
  return wish;
}

}  // namespace penstock
