// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "app/environment.h"
#include "config/configuration.h"

namespace penstock {

/// What the configuration files are like.
struct ConfigCheck {
  std::vector<ConfigFile> files;      ///< Those that there are.
  std::vector<std::string> usual;     ///< Where they are looked for.
  std::vector<std::string> problems;  ///< All that is wrong in them, one sentence each.
};

/// Looks at `file` (absolute), or, where it is empty, at those of the system and of this user.
ConfigCheck check_config_files(const std::string& file, const Environment& environment);

}  // namespace penstock
