// SPDX-License-Identifier: Apache-2.0
#include "config/render.h"

#include <fmt/format.h>

#include <optional>

#include "config/command_table.h"
#include "config/option_table.h"
#include "config/option_text.h"
#include "config/preset_table.h"

namespace penstock {
namespace {

constexpr std::string_view usage =
    R"(Usage: penstock mount [OPTIONS] URL MOUNTPOINT | NAME [MOUNTPOINT]
       penstock umount [--lazy | --force | --detach-pending] MOUNTPOINT|NAME
       penstock warm [OPTIONS] PATH...
       penstock restore [OPTIONS] PATH...
       penstock archive --class CLASS [OPTIONS] PATH...
       penstock tier [OPTIONS] PATH... | penstock verify [OPTIONS] PATH|URL...
       penstock cache ls|stats|verify|evict [OPTIONS]
       penstock status [--json | --watch] | penstock stats [--json] [MOUNTPOINT]
       penstock doctor [OPTIONS] [URL|MOUNTPOINT] | penstock replay LOG DIR
       penstock config check [FILE] | show [NAME] | penstock credentials

Example: penstock mount --endpoint-url http://10.0.0.5:9000 s3://b/train /mnt/b

URL is s3://BUCKET[/PREFIX] or file:///DIR, NAME a mount in penstock.toml.
Credentials are found as the AWS CLI finds them.
fstab: s3://BUCKET /mnt/data penstock _netdev,metadata_ttl=1h 0 0
)";

constexpr std::string_view page_head = R"(# Options of `penstock mount`

<!-- Generated from src/config/option_table.cc by `penstock --generate options-page`. Change it there. -->

    penstock mount [OPTIONS] URL MOUNTPOINT
    penstock mount [OPTIONS] NAME [MOUNTPOINT]

`URL` is `s3://BUCKET[/PREFIX]` or `file:///DIR`. Options may stand anywhere, as `--name value` or `--name=value`, and as
`-o name=value,flag`, where `-` and `_` in names are the same and a comma in a value is written `\,`. That is also the
form for `/etc/fstab`. Where an option is given twice, the last one counts.

Sizes are bytes or have a unit: `512K`, `512M`, `4G` or `4GiB` count in 1,024, `4GB` in 1,000. Times have a unit: `500ms`,
`60s`, `5m`, `1h`; a bare number is seconds.

Options can also stand in files, under the same names and with the same values, and a mount can be given a name there:
see [configuration.md](configuration.md). A flag that a file has set is taken back by `--NAME=no`.

What mount(8) and fstab add (`rw`, `_netdev`, `nofail`, `noatime`, `x-systemd.*` and so on) is accepted in `-o`. The
environment variables and files of the AWS CLI are read for the endpoint, region, profile and credentials.
)";

/// "-f, --foreground", "--region NAME".
std::string left_side(const OptionRow& row) {
  std::string text = row.letter != 0 ? fmt::format("-{}, ", row.letter) : "";
  text += fmt::format("--{}", row.name);
  if (!row.value.empty())
    text += fmt::format(" {}", row.kind == ValueKind::choice ? "WORD" : row.value);
  return text;
}

std::string own_help_line(const CommandOption& option) {
  std::string left = option.letter != 0 ? fmt::format("-{}, ", option.letter) : "";
  left += fmt::format("--{}{}{}", option.name, option.value.empty() ? "" : " ", option.value);
  return fmt::format("  {:<24} {}\n", left, option.help);
}

std::string help_line(const OptionRow& row) {
  std::string text = fmt::format("  {:<24} ", left_side(row));
  if (row.kind == ValueKind::choice) text += fmt::format("{}: ", row.value);
  text += row.help;
  if (!default_words(row).empty()) text += fmt::format(" [{}]", default_words(row));
  return text + "\n";
}

std::string page_entry(const OptionRow& row) {
  return fmt::format("\n### `--{}{}{}`\n\n{}\n", row.name, row.value.empty() ? "" : " ", row.value,
                     option_text(row));
}

/// Each row's text by `one`, under a heading per group as `head` writes it.
template <typename Head, typename One>
std::string by_group(bool all, Head head, One one) {
  std::string text;
  std::optional<OptionGroup> group;
  for (const OptionRow& row : option_table()) {
    if (row.advanced && !all) continue;
    if (group != row.group) text += head(row.group);
    group = row.group;
    text += one(row);
  }
  return text;
}

}  // namespace

std::string_view default_words(const OptionRow& row) {
  return row.initial_words.empty() ? row.initial : row.initial_words;
}

std::string option_text(const OptionRow& row) {
  std::string text = fmt::format(
      "{}{}.", static_cast<char>(row.help[0] >= 'a' ? row.help[0] - 'a' + 'A' : row.help[0]),
      row.help.substr(1));
  if (!default_words(row).empty()) text += fmt::format(" Default: {}.", default_words(row));
  if (row.letter != 0) text += fmt::format(" Also `-{}`.", row.letter);
  if (!row.alias.empty()) text += fmt::format(" Also `-o {}`.", row.alias);
  return text + fmt::format("\n\n{}", row.paragraph);
}

std::string_view version() { return PENSTOCK_VERSION; }

std::string render_help(bool all) {
  std::string text(usage);
  text += by_group(
      all, [](OptionGroup group) { return fmt::format("\n{}:\n", title(group)); }, help_line);
  if (!all) text += "More: penstock --help-all, penstock help COMMAND, penstock version\n";
  return text;
}

std::string render_options_page() {
  return std::string(page_head) +
         by_group(
             true, [](OptionGroup group) { return fmt::format("\n## {}\n", title(group)); },
             page_entry);
}

std::string render_presets() {
  std::string text;
  for (const Preset& preset : preset_table()) {
    text += fmt::format("{}### `{}`\nFor {}.\n\n| option | value | why |\n|---|---|---|\n",
                        text.empty() ? "" : "\n", preset.name, preset.about);
    for (const PresetSetting& setting : preset.settings)
      text += fmt::format("| `{}` | `{}` | {} |\n", setting.option, setting.value, setting.reason);
  }
  return text;
}

std::string render_command_help(std::string_view word) {
  std::string text;
  for (const CommandRow& command : command_table()) {
    if (command.name.substr(0, command.name.find(' ')) != word) continue;
    text += fmt::format("{}penstock {}{}{}{}\n  {}.\n", text.empty() ? "Usage: " : "\n",
                        command.name, " [OPTIONS]", command.arguments.empty() ? "" : " ",
                        command.arguments, command.about);
    for (const CommandOption& option : command.options) text += own_help_line(option);
    for (const std::string_view name : command.mount_options) text += help_line(*find_option(name));
  }
  return text;
}

}  // namespace penstock
