// SPDX-License-Identifier: Apache-2.0
#include "fs/key_names.h"

#include <algorithm>
#include <cstdint>

#include "penstock/file_system.h"

namespace penstock {
namespace {

constexpr std::string_view dot = "\xEF\x9C\xAE";      // U+F72E
constexpr std::string_view nothing = "\xEF\x9C\xAF";  // U+F72F

/// U+F780 to U+F7FF are EF 9E 80 to EF 9F BF.
bool is_private(std::string_view character) {
  return character.size() == 3 && character[0] == '\xEF' &&
         (character[1] == '\x9E' || character[1] == '\x9F');
}

std::string private_for(char byte) {
  const auto low = static_cast<uint8_t>(static_cast<uint8_t>(byte) - 0x80);
  return {'\xEF', static_cast<char>(0x9E + (low >> 6)), static_cast<char>(0x80 | (low & 0x3F))};
}

char byte_of(std::string_view character) {
  const auto high = static_cast<uint8_t>(static_cast<uint8_t>(character[1]) - 0x9E);
  return static_cast<char>(0x80 + (high << 6) + (static_cast<uint8_t>(character[2]) & 0x3F));
}

/// The length of the character at the front; 0 where it is not UTF-8 (RFC 3629).
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

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<uint8_t>(c) < 0x80; });
}

}  // namespace

std::string KeyNames::component_of(std::string_view name) const {
  if (is_ascii(name)) return std::string(name);
  if (name == nothing) return "";
  if (name == dot) return ".";
  if (name.size() == 2 * dot.size() && name.starts_with(dot) && name.ends_with(dot)) return "..";
  if (!utf8_keys_) return std::string(name);
  std::string component;
  while (!name.empty()) {
    const size_t length = character_length(name);
    const std::string_view character = name.substr(0, std::max<size_t>(length, 1));
    if (length == 0 || is_private(character)) {
      // One that a key's private code point could be taken for is taken apart.
      for (const char byte : character) component += private_for(byte);
    } else {
      component += character;
    }
    name.remove_prefix(character.size());
  }
  return component;
}

std::optional<std::string> KeyNames::name_of(std::string_view component) const {
  if (component.empty()) return std::string(nothing);
  if (component == ".") return std::string(dot);
  if (component == "..") return std::string(dot) + std::string(dot);
  std::string name;
  for (std::string_view rest = component; !rest.empty();) {
    const std::string_view character = rest.substr(0, std::max<size_t>(character_length(rest), 1));
    if (utf8_keys_ && is_private(character)) {
      name += byte_of(character);
    } else {
      name += character;
    }
    rest.remove_prefix(character.size());
  }
  const bool possible =
      name.size() <= max_name_bytes && component.find('\0') == std::string_view::npos;
  return possible && component_of(name) == component ? std::optional(name) : std::nullopt;
}

}  // namespace penstock
