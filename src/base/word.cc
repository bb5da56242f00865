// SPDX-License-Identifier: Apache-2.0
#include "base/word.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>

namespace penstock {

std::string encode_word(std::string_view text) {
  if (text.empty()) return "%";
  std::string word;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= ' ' || byte == '%' || byte >= 0x7f) {
      word += fmt::format("%{:02x}", byte);
    } else {
      word += c;
    }
  }
  return word;
}

std::optional<std::string> decode_word(std::string_view word) {
  std::string text;
  if (word == "%") return text;
  for (size_t i = 0; i < word.size(); ++i) {
    if (word[i] != '%') {
      text += word[i];
      continue;
    }
    uint8_t byte = 0;
    const std::string_view digits = word.substr(i + 1, 2);
    const char* const end = digits.data() + digits.size();
    if (digits.size() != 2 || std::from_chars(digits.data(), end, byte, 16).ptr != end)
      return std::nullopt;
    text += static_cast<char>(byte);
    i += 2;
  }
  return text;
}

}  // namespace penstock
