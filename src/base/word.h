// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace penstock {

/// Percent-encodes `text` for a file of lines of words: a word is not empty ("%" stands for
/// nothing) and has neither blanks nor ends of lines.
std::string encode_word(std::string_view text);
/// Nothing where it is no such word.
std::optional<std::string> decode_word(std::string_view word);

}  // namespace penstock
