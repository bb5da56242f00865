// SPDX-License-Identifier: Apache-2.0
// What is asked of the table of options.
#include <algorithm>

#include "config/option_table.h"

namespace penstock {
namespace {

/// '_' and '-' are the same in option names: fstab and other FUSE programs write the former.
bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return (x == '_' ? '-' : x) == (y == '_' ? '-' : y); });
}

}  // namespace

const OptionRow* find_option(std::string_view name) {
  if (name.empty()) return nullptr;
  const auto row = std::ranges::find_if(option_table(), [&](const OptionRow& r) {
    return same_name(r.name, name) || same_name(r.alias, name);
  });
  return row == option_table().end() ? nullptr : &*row;
}

const OptionRow* find_option(char letter) {
  const auto row = std::ranges::find_if(
      option_table(), [&](const OptionRow& r) { return r.letter != 0 && r.letter == letter; });
  return row == option_table().end() ? nullptr : &*row;
}

std::string_view title(OptionGroup group) {
  switch (group) {
    case OptionGroup::bucket:
      return "Bucket";
    case OptionGroup::permissions:
      return "Permissions";
    case OptionGroup::caching:
      return "Caching";
    case OptionGroup::reading:
      return "Reading";
    case OptionGroup::writing:
      return "Writing";
    case OptionGroup::running:
      return "Running";
    case OptionGroup::logging:
      return "Logging";
    case OptionGroup::monitoring:
      return "Monitoring";
    case OptionGroup::configuration:
      break;
  }
  return "Configuration";
}

}  // namespace penstock
