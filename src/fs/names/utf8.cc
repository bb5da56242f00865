// SPDX-License-Identifier: Apache-2.0
#include "fs/names/utf8.h"

#include <cstdint>

namespace penstock {

size_t character_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  const bool overlong = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xF0 && byte(1) < 0x90);
  const bool beyond = (first == 0xED && byte(1) > 0x9F) || (first == 0xF4 && byte(1) > 0x8F);
  return overlong || beyond ? 0 : length;
}

std::optional<std::u32string> code_points(std::string_view text) {
  std::u32string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const size_t length = character_length(text);
    if (length == 0) return std::nullopt;
    // The first byte of a character of n bytes has n ones, a zero, and bits of the code point.
    const auto first = static_cast<uint8_t>(text[0]);
    char32_t character = length == 1 ? first : first & (0xFFU >> (length + 1));
    for (size_t i = 1; i < length; ++i)
      character = (character << 6U) | (static_cast<uint8_t>(text[i]) & 0x3FU);
    result.push_back(character);
    text.remove_prefix(length);
  }
  return result;
}

void append_character(std::string& text, char32_t character) {
  const auto low = [&](unsigned shift) {
    text.push_back(static_cast<char>(0x80U | ((character >> shift) & 0x3FU)));
  };
  if (character < 0x80) {
    text.push_back(static_cast<char>(character));
  } else if (character < 0x800) {
    text.push_back(static_cast<char>(0xC0U | (character >> 6U)));
    low(0);
  } else if (character < 0x10000) {
    text.push_back(static_cast<char>(0xE0U | (character >> 12U)));
    low(6);
    low(0);
  } else {
    text.push_back(static_cast<char>(0xF0U | (character >> 18U)));
    low(12);
    low(6);
    low(0);
  }
}

}  // namespace penstock
