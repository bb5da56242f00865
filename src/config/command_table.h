// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

namespace penstock {

/// An option that only one command has.
struct CommandOption {
  std::string_view name;        ///< Without dashes before it.
  char letter = 0;              ///< For -r; 0: none.
  std::string_view value = {};  ///< What help calls its value; empty: it takes none.
  bool is_path = false;         ///< The value is a file or folder, for completion.
  std::string_view help;        ///< One line, no full stop.
};

/// A command beside mount: all that its parser, its help and the shell completion know.
struct CommandRow {
  std::string_view name;  ///< As typed: "warm", "cache ls".
  std::string_view arguments;
  std::string_view about;  ///< One line, no full stop.
  std::span<const CommandOption> options;
  std::span<const std::string_view> mount_options;  ///< Names of rows of option_table().
};

std::span<const CommandRow> command_table();

/// The words that may stand behind `penstock`, without options: mount, those of the table, help,
/// version.
std::span<const std::string_view> command_words();

/// The row of this name; there must be one.
const CommandRow& command_row(std::string_view name);

}  // namespace penstock
