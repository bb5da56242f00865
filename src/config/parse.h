// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "penstock/options.h"
#include "penstock/result.h"

namespace penstock {

/// Who asks, and how.
struct ParseContext {
  uint32_t uid = 0;  ///< The defaults of --uid and --gid.
  uint32_t gid = 0;
  std::string working_directory;  ///< What relative paths are relative to.
  /// Called by mount(8) as mount.penstock: its own letters (-s -f -n -v -t) are understood instead
  /// of ours.
  bool mount_helper = false;
};

struct MountArguments {
  enum class Wish : uint8_t { mount, help, help_all };
  Wish wish = Wish::mount;
  Options options;    ///< With url and mountpoint set, the latter as it was given.
  bool fake = false;  ///< mount(8) -f: check everything, mount nothing.
};

/// Understands the arguments of `penstock mount` (without these two words), and of mount.penstock.
/// Options may stand before, between and behind URL and MOUNTPOINT; where one is given twice the
/// last counts; "--" ends them. Errors (invalid_argument) say what is wrong and what would be
/// right.
Result<MountArguments> parse_mount_arguments(std::span<const std::string> arguments,
                                             const ParseContext& context);

}  // namespace penstock
