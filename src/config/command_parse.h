// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/command_table.h"
#include "penstock/options.h"
#include "penstock/result.h"

namespace penstock {

struct CommandArguments {
  bool help = false;
  Options options;                      ///< What was given of the mount's options.
  std::vector<std::string_view> given;  ///< Their names, without what configuration files say.
  std::map<std::string, std::string, std::less<>>
      own;  ///< The command's own options that were given, with their values.
  std::vector<std::string> positional;

  bool has(std::string_view name) const { return own.find(name) != own.end(); }
};

/// Understands the arguments of a command (without its words) as parse_mount_arguments does:
/// options may stand anywhere, the last one counts, "--" ends them. Relative paths are those of
/// `directory`. `base` holds what is not given. Errors (invalid_argument) say what is wrong and
/// what would be right.
Result<CommandArguments> parse_command(const CommandRow& command,
                                       std::span<const std::string> arguments,
                                       const std::string& directory, const Options& base = {});

}  // namespace penstock
