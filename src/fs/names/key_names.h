// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace penstock {

/// The components of keys as names of files, and back. Nearly always they are the same. Where they
/// cannot be, code points of Unicode's private use area stand for what the other side has no place
/// for (as in Cygwin, which uses U+F000 to U+F0FF so):
///  - U+F780 to U+F7FF in keys, for the bytes of a name that are not UTF-8, where the store wants
///    keys to be UTF-8;
///  - U+F72E in names, for the dots of the components "." and ".."; and U+F72F alone for the empty
///    component, as in "a//b".
class KeyNames {
 public:
  explicit KeyNames(bool utf8_keys) : utf8_keys_(utf8_keys) {}

  /// `name` has no '/' and is not empty.
  std::string component_of(std::string_view name) const;
  /// Null for a component that no name leads to: with a zero byte, of more than 255 bytes as a
  /// name, or with private code points that stand for something else.
  std::optional<std::string> name_of(std::string_view component) const;

 private:
  const bool utf8_keys_;
};

}  // namespace penstock
