// SPDX-License-Identifier: Apache-2.0
#include "store/dir/key_path.h"

#include <algorithm>

namespace penstock {
namespace {

constexpr size_t max_component = 255;
constexpr size_t bytes_per_piece = 100;
constexpr std::string_view file_suffix = ".o";
constexpr std::string_view digits = "0123456789abcdef";

std::string to_hex(std::string_view bytes) {
  std::string hex;
  hex.reserve(bytes.size() * 2);
  for (const char byte : bytes) {
    hex.push_back(digits[static_cast<unsigned char>(byte) >> 4]);
    hex.push_back(digits[static_cast<unsigned char>(byte) & 15]);
  }
  return hex;
}

std::optional<std::string> from_hex(std::string_view hex) {
  if (hex.size() % 2 != 0 || hex.size() > bytes_per_piece * 2) return std::nullopt;
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    const size_t high = digits.find(hex[i]);
    const size_t low = digits.find(hex[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    bytes.push_back(static_cast<char>(high * 16 + low));
  }
  return bytes;
}

bool is_file_name(std::string_view name) {
  return !name.empty() && name.size() <= max_component && name != "." && name != "..";
}

}  // namespace

std::optional<PlainPath> plain_path(std::string_view key) {
  if (key.find('\0') != std::string_view::npos) return std::nullopt;
  PlainPath path;
  path.marker = key.ends_with('/');
  if (path.marker) key.remove_suffix(1);
  while (true) {
    const size_t slash = key.find('/');
    const std::string_view name = key.substr(0, slash);
    if (!is_file_name(name) || (path.folders.empty() && name == private_folder))
      return std::nullopt;
    if (slash == std::string_view::npos) {
      path.leaf = name;
      return path;
    }
    path.folders.emplace_back(name);
    key.remove_prefix(slash + 1);
  }
}

std::vector<std::string> odd_path(std::string_view key) {
  std::vector<std::string> pieces;
  while (key.size() > bytes_per_piece) {
    pieces.push_back(to_hex(key.substr(0, bytes_per_piece)));
    key.remove_prefix(bytes_per_piece);
  }
  pieces.push_back(to_hex(key).append(file_suffix));
  return pieces;
}

std::optional<std::string> odd_folder_bytes(std::string_view name) {
  return name.size() == bytes_per_piece * 2 ? from_hex(name) : std::nullopt;
}

std::optional<std::string> odd_file_bytes(std::string_view name) {
  if (!name.ends_with(file_suffix) || name.size() == file_suffix.size()) return std::nullopt;
  return from_hex(name.substr(0, name.size() - file_suffix.size()));
}

}  // namespace penstock
