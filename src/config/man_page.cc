// SPDX-License-Identifier: Apache-2.0
// Manual pages, made from the tables of options, commands and presets.
#include "config/man_page.h"

#include <fmt/format.h>

#include <array>
#include <optional>

#include "config/command_table.h"
#include "config/option_table.h"
#include "config/option_text.h"
#include "config/preset_table.h"
#include "config/render.h"

namespace penstock {
namespace {

/// What a page is about, where other pages of the documentation are linked to.
std::string_view linked_text(std::string_view target, std::string_view text) {
  return target.starts_with("configuration.md") ? "penstock.toml(5)" : text;
}

void add_escaped(std::string& page, char c) {
  if (c == '\\') {
    page += "\\e";
  } else if (c == '-') {
    page += "\\-";
  } else if (c == '\'') {
    page += "\\(aq";
  } else if (c == '^' || c == '~') {
    page += c == '^' ? "\\(ha" : "\\(ti";
  } else if (c == '.' && (page.empty() || page.back() == '\n')) {
    page += "\\&.";
  } else {
    page += c;
  }
}

std::string head(std::string_view name, std::string_view section, std::string_view group) {
  return fmt::format(".TH {} {} \"\" \"Penstock {}\" \"{}\"\n.nh\n.ad l\n", name, section,
                     version(), group);
}

std::string section(std::string_view title) { return fmt::format(".SH \"{}\"\n", title); }

/// A paragraph with what it is about hanging to its left. `left` is Markdown, too.
std::string item(std::string_view left, std::string_view text) {
  return fmt::format(".TP\n{}\n{}\n", roff(left), roff(text));
}

/// Lines that stay as they are.
std::string example(std::string_view lines) {
  return fmt::format(".PP\n.RS 4\n.nf\n{}\n.fi\n.RE\n", roff(lines));
}

std::string left_side(const OptionRow& row) {
  std::string text = row.letter != 0 ? fmt::format("`-{}`, ", row.letter) : "";
  text += fmt::format("`--{}`", row.name);
  if (!row.value.empty()) text += fmt::format(" {}", row.value);
  return text;
}

std::string left_side(const CommandOption& option) {
  std::string text = option.letter != 0 ? fmt::format("`-{}`, ", option.letter) : "";
  text += fmt::format("`--{}`", option.name);
  if (!option.value.empty()) text += fmt::format(" {}", option.value);
  return text;
}

/// With an upper-case letter first, and a full stop.
std::string sentence(std::string_view text) {
  std::string result(text);
  if (!result.empty() && result[0] >= 'a' && result[0] <= 'z')
    result[0] = static_cast<char>(result[0] - 'a' + 'A');
  return result + ".";
}

/// Several paragraphs, the later ones below the first.
std::string hanging(std::string_view left, std::string_view markdown) {
  const size_t gap = markdown.find("\n\n");
  std::string text = item(left, markdown.substr(0, gap));
  if (gap != std::string_view::npos)
    text += fmt::format(".IP\n{}\n", roff(markdown.substr(gap + 2)));
  return text;
}

/// All options by group; `left` and `text` say what of each.
template <typename Left, typename Text>
std::string options_by_group(Left left, Text text) {
  std::string page;
  std::optional<OptionGroup> group;
  for (const OptionRow& row : option_table()) {
    if (group != row.group) page += fmt::format(".SS \"{}\"\n", title(row.group));
    group = row.group;
    page += hanging(left(row), text(row));
  }
  return page;
}

std::string command_section(const CommandRow& command) {
  std::string page = fmt::format(
      ".SS \"penstock {}\"\n.PP\n\\fBpenstock {}\\fR {}\n.PP\n{}\n", command.name, command.name,
      roff(fmt::format("[OPTIONS]{}{}", command.arguments.empty() ? "" : " ", command.arguments)),
      roff(sentence(command.about)));
  for (const CommandOption& option : command.options)
    page += item(left_side(option), sentence(option.help));
  std::string shared;
  for (const std::string_view name : command.mount_options)
    shared += fmt::format("{}`--{}`", shared.empty() ? "" : ", ", name);
  if (!shared.empty())
    page += fmt::format(".PP\n{}\n",
                        roff(fmt::format("As for a mount, see penstock-mount(8): {}.", shared)));
  return page;
}

std::string penstock_page() {
  std::string page = head("PENSTOCK", "1", "User Commands");
  page += section("NAME") +
          "penstock \\- mount buckets of S3 and compatible stores as file systems\n" +
          section("SYNOPSIS");
  page +=
      "\\fBpenstock\\fR COMMAND [OPTIONS] [ARGUMENTS]\n.br\n"
      "\\fBpenstock help\\fR [COMMAND]\n.br\n\\fBpenstock version\\fR\n";
  page += section("DESCRIPTION");
  page += roff(
      "Penstock mounts a bucket, or what lies below a prefix of it, as a file system for "
      "training: one file is one object, and every other S3 tool reads what it writes. "
      "This page has the commands beside `mount`, which is in penstock-mount(8). A mount "
      "may have a name in penstock.toml(5).\n");
  page += section("COMMANDS");
  page += ".SS \"penstock mount\"\n.PP\n" +
          roff("`penstock mount` [OPTIONS] URL MOUNTPOINT | NAME [MOUNTPOINT]\n") + ".PP\n" +
          roff("Mounts; see penstock-mount(8).\n");
  for (const CommandRow& command : command_table()) page += command_section(command);
  page += section("EXIT STATUS");
  page += item("`0`", "Done.") +
          item("`1`", "Wrong arguments, or not done; the message says why.") +
          item("`2`",
               "Of `penstock status`: files are not in their bucket yet. Of `penstock restore "
               "--no-wait`: what was asked for cannot be read yet.") +
          item("`3`", "Of `penstock status`: something cannot be seen.");
  page += section("FILES");
  page += item("`/etc/penstock/penstock.toml`, `~/.config/penstock/penstock.toml`",
               "Options and named mounts, see penstock.toml(5).") +
          item("`~/.aws/config`, `~/.aws/credentials`", "Read as the AWS CLI reads them.") +
          item("`/var/cache/penstock`, `~/.cache/penstock`",
               "The cache, and journals of "
               "`--write-back`.") +
          item("`/var/lib/penstock`, `~/.local/state/penstock`",
               "Unfinished uploads, and where journals lie.");
  page += section("EXAMPLES");
  page += example(
      "penstock mount s3://my-bucket/train /mnt/train\n"
      "penstock warm --recursive /mnt/train\n"
      "penstock status\n"
      "penstock umount /mnt/train");
  page += section("SEE ALSO");
  page +=
      "\\fBpenstock\\-mount\\fR(8), \\fBpenstock.toml\\fR(5), \\fBmount\\fR(8), "
      "\\fBfusermount3\\fR(1)\n";
  return page;
}

std::string mount_page() {
  std::string page = head("PENSTOCK\\-MOUNT", "8", "System Administration");
  page += section("NAME") +
          "penstock\\-mount, mount.penstock \\- mount a bucket as a file system\n" +
          section("SYNOPSIS");
  page +=
      "\\fBpenstock mount\\fR [OPTIONS] URL MOUNTPOINT\n.br\n"
      "\\fBpenstock mount\\fR [OPTIONS] NAME [MOUNTPOINT]\n.br\n"
      "\\fBmount \\-t penstock\\fR [\\fB\\-o\\fR OPTION[=VALUE],...] URL|NAME MOUNTPOINT\n";
  page += section("DESCRIPTION");
  page +=
      roff(
          "Mounts the bucket of URL, which is `s3://BUCKET[/PREFIX]` or `file:///DIR`, or what "
          "penstock.toml(5) calls NAME. The command returns with status 0 when the mount "
          "works and stays in the background, or says why it does not and returns 1.\n") +
      ".PP\n" +
      roff(
          "Options stand anywhere, as `--name value` or `--name=value`, and as `-o "
          "name=value,flag`, where - and _ in names are the same and a comma in a value is "
          "written `\\,`. Where one is given twice, the last counts. Flags are taken back by "
          "`--name=no`. Sizes have a unit (`512M`, `4GiB`), times, too (`500ms`, `60s`, `1h`).\n");
  page += section("OPTIONS");
  page += options_by_group([](const OptionRow& row) { return left_side(row); },
                           [](const OptionRow& row) { return option_text(row); });
  page += section("FSTAB");
  page += roff("mount(8) calls the helper `/sbin/mount.penstock` for lines such as\n") +
          example(
              "s3://my-bucket/train /mnt/train penstock ro,_netdev,nofail 0 0\n"
              "train /mnt/train penstock _netdev,nofail 0 0") +
          ".PP\n" +
          roff(
              "where `train` is a mount of `/etc/penstock/penstock.toml`. What mount(8) and "
              "systemd add (`_netdev`, `nofail`, `x-systemd.automount` and so on) is accepted.\n");
  page += section("SIGNALS");
  page += item("`SIGTERM`, `SIGINT`",
               "Stores what is written, for at most `--stop-timeout`, and "
               "ends the mount. A second one ends it at once.") +
          item("`SIGHUP`", "Opens the log file again.") +
          item("`SIGUSR1`",
               "Leaves what `--write-back` has still to upload to the next mount of the prefix.");
  page += section("EXIT STATUS");
  page += item("`0`", "The mount works; with `--foreground`: it has ended, and all is stored.") +
          item("`1`", "It does not, or something could not be stored.");
  page += section("SEE ALSO");
  page +=
      "\\fBpenstock\\fR(1), \\fBpenstock.toml\\fR(5), \\fBmount\\fR(8), \\fBfstab\\fR(5), "
      "\\fBfuse\\fR(8)\n";
  return page;
}

/// How a value is written in a file.
std::string_view toml_type(ValueKind kind) {
  switch (kind) {
    case ValueKind::flag:
      return "true or false";
    case ValueKind::count:
      return "number";
    case ValueKind::size:
      return "\"512M\", \"4GiB\", or bytes";
    case ValueKind::space:
      return "\"200GiB\", \"20%\", or bytes";
    case ValueKind::duration:
      return "\"500ms\", \"1h\", or seconds";
    case ValueKind::mode:
      return "\"0644\" or 0o644";
    case ValueKind::user:
    case ValueKind::group:
      return "name or number";
    case ValueKind::path:
      return "path";
    case ValueKind::text:
    case ValueKind::address:
    case ValueKind::choice:
      break;
  }
  return "string";
}

/// The names and types of the options that a file may have.
std::string toml_options() {
  std::string page;
  for (const OptionRow& row : option_table()) {
    if (row.command_line_only) continue;
    std::string text(row.kind == ValueKind::choice ? row.value : toml_type(row.kind));
    text += fmt::format(": {}.", row.help);
    if (!default_words(row).empty()) text += fmt::format(" Default: {}.", default_words(row));
    page += item(fmt::format("`{}`", row.name), text);
  }
  return page;
}

std::string preset_sections() {
  std::string page;
  for (const Preset& preset : preset_table()) {
    page +=
        fmt::format(".SS \"{}\"\n{}\n", preset.name, roff(fmt::format("For {}.", preset.about)));
    for (const PresetSetting& setting : preset.settings) {
      page +=
          item(fmt::format("`{}` = {}", setting.option, setting.value), sentence(setting.reason));
    }
  }
  return page;
}

std::string toml_page() {
  std::string page = head("PENSTOCK.TOML", "5", "File Formats");
  page += section("NAME") + "penstock.toml \\- options and named mounts of penstock(1)\n" +
          section("SYNOPSIS");
  page += item("`/etc/penstock/penstock.toml`", "The system's.") +
          item("`$XDG_CONFIG_HOME/penstock/penstock.toml`, `~/.config/penstock/penstock.toml`",
               "The user's, which counts more.") +
          item("`--config` FILE", "Read instead of both.");
  page += section("DESCRIPTION");
  page += roff(
      "A file in TOML with a table `[defaults]`, which holds for every mount, and a table "
      "`[mounts.NAME]` for each mount that has a name. With a mistake anywhere in a file "
      "nothing is mounted; `penstock config check` names all of them. The file of another "
      "user, or one that others may write to, is refused. Secrets do not stand in it: "
      "they belong into `~/.aws/credentials` or into the environment.\n");
  page += section("EXAMPLE");
  page += example(
      "[defaults]\n"
      "cache-dir = \"/nvme/penstock\"\n"
      "\n"
      "[mounts.train]\n"
      "source = \"s3://my-bucket/train\"\n"
      "mountpoint = \"/mnt/train\"\n"
      "preset = \"training\"\n"
      "read-only = true");
  page += ".PP\n" + roff(
                        "Then `penstock mount train` mounts it, `penstock umount train` takes it "
                        "away, and `penstock config show train` prints every option that holds, "
                        "and where it comes from.\n");
  page += section("PRECEDENCE");
  page += roff(
      "From the strongest to the weakest: the command line, or the options in fstab; "
      "`[mounts.NAME]` of the user's file, then of the system's; the preset; `[defaults]` "
      "of the user's file, then of the system's; what Penstock does by itself. A preset "
      "that `[defaults]` names gives way to the other options of that table. The "
      "environment sets no option; where none says an endpoint, a region or a profile, "
      "the AWS CLI's variables and files are asked.\n");
  page += section("KEYS OF A MOUNT");
  page += item("`source`", "Its URL: \"s3://BUCKET[/PREFIX]\" or \"file:///DIR\".") +
          item("`mountpoint`",
               "Where it is mounted: a path that begins with / or ~/. Without it, "
               "it is given with the command or in fstab.");
  page += section("OPTIONS");
  page += roff(
              "In `[defaults]` and in `[mounts.NAME]`; penstock-mount(8) says what each is for. "
              "Paths may begin with ~/, and relative ones are those of the file's folder.\n") +
          toml_options();
  page += section("PRESETS") + preset_sections();
  page += section("SEE ALSO");
  page += "\\fBpenstock\\fR(1), \\fBpenstock\\-mount\\fR(8)\n";
  return page;
}

constexpr auto pages = std::to_array<ManPage>({{"penstock", "1", penstock_page},
                                               {"penstock-mount", "8", mount_page},
                                               {"penstock.toml", "5", toml_page}});

}  // namespace

std::string roff(std::string_view markdown) {
  std::string page;
  bool bold = false;
  for (size_t i = 0; i < markdown.size(); ++i) {
    const bool strong = markdown.substr(i, 2) == "**";
    if (markdown[i] == '`' || strong) {
      bold = !bold;
      page += bold ? "\\fB" : "\\fR";
      i += strong ? 1 : 0;
      continue;
    }
    const size_t middle = markdown[i] == '[' ? markdown.find("](", i) : std::string_view::npos;
    const size_t end = middle == std::string_view::npos ? middle : markdown.find(')', middle);
    // "[OPTIONS] URL" is no link.
    if (end != std::string_view::npos &&
        markdown.substr(i, middle - i).find(']') == std::string_view::npos) {
      const std::string_view target = markdown.substr(middle + 2, end - middle - 2);
      page += roff(linked_text(target, markdown.substr(i + 1, middle - i - 1)));
      i = end;
      continue;
    }
    add_escaped(page, markdown[i]);
  }
  return page;
}

std::span<const ManPage> man_pages() { return pages; }

}  // namespace penstock
