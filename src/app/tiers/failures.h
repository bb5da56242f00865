// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <vector>

#include "app/human_text.h"

namespace penstock {

/// What failed: the first names, and how many. Guarded by its user.
struct Failures {
  static constexpr size_t most_named = 20;

  uint64_t count = 0;
  std::vector<std::string> first;

  void add(const std::string& name, const std::string& why) {
    count += 1;
    if (first.size() < most_named) first.push_back(printable(name + ": " + why));
  }
  /// Several lines, each with its end.
  std::string text() const {
    std::string text;
    for (const std::string& failure : first) text += "penstock: " + failure + "\n";
    if (count > first.size())
      text += fmt::format("penstock: … and {} more\n", count - first.size());
    return text;
  }
};

}  // namespace penstock
