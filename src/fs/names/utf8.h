// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace penstock {

/// The length in bytes of the character at the front of `text`, which is not empty; 0 where it is
/// not UTF-8 (RFC 3629).
size_t character_length(std::string_view text);

/// The code points of `text`; null where it is not UTF-8.
std::optional<std::u32string> code_points(std::string_view text);

/// Appends a code point that code_points returned.
void append_character(std::string& text, char32_t character);

}  // namespace penstock
