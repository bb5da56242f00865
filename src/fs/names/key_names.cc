// SPDX-License-Identifier: Apache-2.0
#include "fs/names/key_names.h"

#include <algorithm>
#include <cstdint>

#include "fs/names/utf8.h"
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
