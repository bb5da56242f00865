// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "app/environment.h"
#include "config/command_parse.h"
#include "config/command_table.h"
#include "config/configuration.h"
#include "config/parse.h"
#include "penstock/result.h"

namespace penstock {

/// Where configuration files are read from: `file` (absolute) alone, or, where it is empty, the
/// system's and the user's.
ConfigPlaces config_places(const std::string& file, const Environment& environment);

/// The configuration that holds where `--config` is `file`. The error is a sentence for a person.
Result<Configuration> read_configuration(const std::string& file, const Environment& environment);

/// parse_mount_arguments() over what configuration files say, those that the arguments name.
Result<MountArguments> parse_configured_mount(std::span<const std::string> arguments,
                                              bool mount_helper, const Environment& environment);

/// parse_command() over what configuration files say of the options that the command takes.
Result<CommandArguments> parse_configured(const CommandRow& command,
                                          std::span<const std::string> arguments,
                                          const Environment& environment);

}  // namespace penstock
