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
  /// What holds unless the arguments say otherwise: of configuration files. Null: the built-in
  /// defaults, with `uid` and `gid`. Its url and mountpoint are those of the named mount.
  const Options* base = nullptr;
};

struct MountArguments {
  enum class Wish : uint8_t { mount, help, help_all };
  Wish wish = Wish::mount;
  Options options;    ///< With url and mountpoint set, the latter as it was given.
  std::string named;  ///< The mount of the configuration that is meant; empty: a URL was given.
  bool fake = false;  ///< mount(8) -f: check everything, mount nothing.
};

/// Understands the arguments of `penstock mount` (without these two words), and of mount.penstock.
/// Options may stand before, between and behind URL and MOUNTPOINT; where one is given twice the
/// last counts; "--" ends them. A word that is neither URL nor path, alone or before MOUNTPOINT, is
/// the name of a mount of the configuration; its url is that of `context.base`, and so is its
/// mountpoint where none is given. Errors (invalid_argument) say what is wrong and what would be
/// right.
Result<MountArguments> parse_mount_arguments(std::span<const std::string> arguments,
                                             const ParseContext& context);

}  // namespace penstock
