// SPDX-License-Identifier: Apache-2.0
#include "fs/names/xattrs.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "fs/names/attributes.h"

namespace penstock {
namespace {

constexpr std::string_view encoded_prefix = "penstock-xattr-";

bool plain_name(std::string_view name) {
  const bool letters = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  });
  // "penstock-" is what later versions may need.
  return !name.empty() && letters && !is_attribute_name(name) && !name.starts_with("penstock-");
}

bool plain_value(std::string_view value) {
  const bool printable =
      std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~'; });
  return printable && !value.empty() && value.front() != ' ' && value.back() != ' ';
}

std::string to_hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) text += fmt::format("{:02x}", static_cast<uint8_t>(c));
  return text;
}

std::optional<std::string> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (size_t i = 0; i < text.size(); i += 2) {
    uint8_t byte = 0;
    const auto [end, error] = std::from_chars(&text[i], &text[i] + 2, byte, 16);
    if (error != std::errc() || end != &text[i] + 2) return std::nullopt;
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

std::string encoded_name(std::string_view name) {
  return std::string(encoded_prefix) + to_hex(name);
}

}  // namespace

std::optional<std::string> find_xattr(const Metadata& metadata, std::string_view name) {
  if (const auto it = metadata.find(encoded_name(name)); it != metadata.end())
    return from_hex(it->second);
  const auto it = plain_name(name) ? metadata.find(std::string(name)) : metadata.end();
  return it == metadata.end() ? std::nullopt : std::optional(it->second);
}

std::vector<std::string> xattr_names(const Metadata& metadata) {
  std::vector<std::string> names;
  for (const auto& [name, value] : metadata) {
    if (plain_name(name)) names.push_back(name);
    if (!name.starts_with(encoded_prefix)) continue;
    const auto decoded = from_hex(std::string_view(name).substr(encoded_prefix.size()));
    if (decoded && from_hex(value)) names.push_back(*decoded);
  }
  return names;
}

void put_xattr(Metadata& metadata, std::string_view name, std::string_view value) {
  erase_xattr(metadata, name);
  if (plain_name(name) && plain_value(value)) {
    metadata[std::string(name)] = value;
  } else {
    metadata[encoded_name(name)] = to_hex(value);
  }
}

bool erase_xattr(Metadata& metadata, std::string_view name) {
  const size_t encoded = metadata.erase(encoded_name(name));
  const size_t plain = plain_name(name) ? metadata.erase(std::string(name)) : 0;
  return encoded + plain > 0;
}

}  // namespace penstock
