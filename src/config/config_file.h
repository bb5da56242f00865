// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/option_table.h"

namespace penstock {

/// Where something stands in a configuration file; lines and columns count from 1.
struct ConfigPlace {
  std::string file;
  uint32_t line = 0;
  uint32_t column = 0;

  std::string text() const;  ///< FILE:LINE:COLUMN
};

/// One option that a file sets, with a value that set_value() takes.
struct ConfigSetting {
  const OptionRow* row = nullptr;
  std::string value;  ///< As on the command line; paths are absolute, flags "yes" or "no".
  ConfigPlace place;
};

/// [mounts.NAME]
struct NamedMount {
  std::string source;      ///< Empty: this file does not say.
  std::string mountpoint;  ///< Absolute. Empty: likewise.
  std::vector<ConfigSetting> settings;
  ConfigPlace source_place;
};

/// A file of options: what it says, and what is wrong with it. Only one without problems may be
/// used.
struct ConfigFile {
  std::string path;
  std::vector<ConfigSetting> defaults;  ///< [defaults]
  std::map<std::string, NamedMount, std::less<>> mounts;
  std::vector<std::string> problems;  ///< "FILE:LINE:COLUMN: what is wrong, and what is right"
};

/// Understands `text`, which stands in the file `path` (absolute). `home` is what "~/" at the
/// beginning of a path means; relative paths are those of the file's folder. Each setting is
/// checked as the command line's are.
ConfigFile parse_config(std::string_view text, const std::string& path, const std::string& home);

/// Who reads configuration files, and where they are looked for.
struct ConfigPlaces {
  std::string file;  ///< Read instead of `usual`, and must be there; empty: none.
  /// The weakest first. Those that are not there, or in folders that `uid` may not look into, are
  /// passed over.
  std::vector<std::string> usual;
  std::string home;
  uint32_t uid = 0;
  uint32_t gid = 0;
};

/// Reads the files, the weakest first. One that cannot be read, or that others could have written,
/// has a problem.
std::vector<ConfigFile> read_config_files(const ConfigPlaces& places);

}  // namespace penstock
