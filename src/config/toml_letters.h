// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace penstock {

/// Lines and columns count from 1; a column is a character.
struct TomlPlace {
  uint32_t line = 1;
  uint32_t column = 1;
};

/// Where the first letter that is not ASCII stands outside of strings and comments of a TOML text.
/// TOML has none there, and what toml++ 3.3 does with one is undefined: it must not see any. Nor
/// one that follows the escaped end of a line in a string of several lines, which TOML would allow.
std::optional<TomlPlace> bare_letter(std::string_view text) noexcept;

/// What is wrong there, for a person.
inline constexpr std::string_view bare_letter_fault =
    "this is not TOML: a letter that is not ASCII stands outside of quotes";

}  // namespace penstock
