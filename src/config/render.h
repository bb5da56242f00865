// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace penstock {

/// "0.1.0", as built.
std::string_view version();

/// What --help prints: at most 50 lines of 80 columns. With `all` also the advanced options, as
/// --help-all.
std::string render_help(bool all);

/// What `penstock WORD --help` prints, for each command of command_table() that begins with WORD.
std::string render_command_help(std::string_view word);

/// docs/options.md: every option with its paragraph, in Markdown.
std::string render_options_page();

/// What docs/configuration.md says of presets, in Markdown: what each sets, and why.
std::string render_presets();

/// A completion script for bash.
std::string render_bash_completion();

}  // namespace penstock
