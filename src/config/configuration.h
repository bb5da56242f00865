// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config_file.h"
#include "penstock/options.h"
#include "penstock/result.h"

namespace penstock {

/// What is asked of a configuration.
struct ConfigQuestion {
  std::string mount;   ///< A named mount; empty: the defaults alone.
  std::string preset;  ///< The command line's word; empty: it says none.
  Options built_in;    ///< What holds where no file says anything.
  /// Which options are wanted; null: all.
  std::function<bool(const OptionRow&)> wanted;
};

/// Options and where each comes from.
struct EffectiveOptions {
  Options options;                   ///< With url and mountpoint of the named mount.
  std::vector<std::string> origins;  ///< For each row of option_table(); empty: built in.
};

/// The configuration files that hold for one command. The weakest first, an option is what says the
/// last of: the program itself, [defaults] of the system's file, [defaults] of the user's, the
/// preset, [mounts.NAME] of the system's file, of the user's; and then the command line, which is
/// the caller's. A preset that [defaults] names holds less than what else stands in that table.
/// Immutable.
class Configuration {
 public:
  /// The error (invalid_argument) is the first problem of the files.
  static Result<Configuration> of(std::vector<ConfigFile> files);

  /// invalid_argument where there is no such mount, or none that has a source.
  Result<EffectiveOptions> options(const ConfigQuestion& question) const;

  std::vector<std::string> mounts() const;  ///< Names, sorted, each once.

 private:
  explicit Configuration(std::vector<ConfigFile> files) : files_(std::move(files)) {}
  Error unknown_mount(std::string_view name) const;

  std::vector<ConfigFile> files_;
};

/// The options as a configuration file would have them, each with a comment that says where it
/// comes from: what `penstock config show` prints. `mount`: its name; empty: [defaults].
std::string config_text(const EffectiveOptions& effective, std::string_view mount);

}  // namespace penstock
