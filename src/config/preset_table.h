// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

namespace penstock {

/// One option that a preset sets.
struct PresetSetting {
  std::string_view option;  ///< The name of a row of option_table().
  std::string_view value;   ///< As one would type it; flags are "yes" or "no".
  std::string_view reason;  ///< One sentence without a full stop, for the documentation.
};

/// What `--preset NAME` stands for.
struct Preset {
  std::string_view name;
  std::string_view about;  ///< One line, no full stop.
  std::span<const PresetSetting> settings;
};

std::span<const Preset> preset_table();

/// The preset of this name, a word of the option `preset`; null for "none".
const Preset* find_preset(std::string_view name);

}  // namespace penstock
