// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {

/// Takes names apart that a program writes one after the other, each ended by a newline or by a
/// zero byte, in whatever pieces. Not thread-safe.
class HintLines {
 public:
  /// Bytes of a name: what the kernel would follow (PATH_MAX).
  static constexpr size_t longest = 4096;

  /// `mountpoint`: absolute names lie below it, or are outside. Without a "/" at its end.
  explicit HintLines(std::string mountpoint) : mountpoint_(std::move(mountpoint)) {}

  struct Names {
    std::vector<std::string> names;  ///< From the mount's root, without empty components.
    uint64_t outside = 0;            ///< Names that do not lie in the mount.
    bool too_long = false;           ///< One was, and nothing after it was looked at.
  };
  /// What ends in these bytes. After a name that is too long it begins anew.
  Names take(std::string_view bytes);
  /// What was not ended, if anything.
  Names rest();

 private:
  void add(std::string_view name, Names& to) const;

  const std::string mountpoint_;
  std::string begun_;
};

}  // namespace penstock
