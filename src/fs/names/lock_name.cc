// SPDX-License-Identifier: Apache-2.0
#include "fs/names/lock_name.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

namespace penstock {

bool lock_name(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  constexpr std::array<std::string_view, 6> endings{".lock", ".lck",  ".pid",
                                                    "-lock", "_lock", ".lockfile"};
  return lower == "lock" || lower == "lockfile" ||
         std::any_of(endings.begin(), endings.end(),
                     [&](std::string_view ending) { return lower.ends_with(ending); });
}

}  // namespace penstock
