// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {

/// The folder at the root of a DirStore that holds what is not an object in its plain place.
inline constexpr const char* private_folder = ".penstock";
inline constexpr const char* odd_folder = "odd";

/// Where a key's plain file lies, relative to the root.
struct PlainPath {
  std::vector<std::string> folders;
  std::string leaf;
  bool marker = false;  ///< The key ends in "/": `leaf` is a folder.
};

/// Nothing if no file can have that name: empty, "." and ".." components, components over 255
/// bytes, NUL, ".penstock".
std::optional<PlainPath> plain_path(std::string_view key);

/// The folders of a key's file below .penstock/odd, and last the file's name: hexadecimal in
/// pieces, so that every key has one, different from all others, and no file's name is a folder's.
std::vector<std::string> odd_path(std::string_view key);

/// The bytes that a folder (whole pieces only) or a file of odd_path stands for; nothing for names
/// of another kind.
std::optional<std::string> odd_folder_bytes(std::string_view name);
std::optional<std::string> odd_file_bytes(std::string_view name);

}  // namespace penstock
