// SPDX-License-Identifier: Apache-2.0
#include "config/parse.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "config/option_table.h"
#include "config/suggest.h"
#include "config/values.h"

namespace penstock {
namespace {

/// What mount(8), systemd and fstab put among a file system's options, and what means nothing to
/// this one: times are those of the objects, writes are synchronous at close, and there are neither
/// devices nor set-uid files in a bucket.
constexpr auto mount_words = std::to_array<std::string_view>({"defaults",
                                                              "auto",
                                                              "noauto",
                                                              "_netdev",
                                                              "nofail",
                                                              "user",
                                                              "nouser",
                                                              "users",
                                                              "nousers",
                                                              "owner",
                                                              "noowner",
                                                              "group",
                                                              "nogroup",
                                                              "dev",
                                                              "nodev",
                                                              "suid",
                                                              "nosuid",
                                                              "atime",
                                                              "noatime",
                                                              "relatime",
                                                              "norelatime",
                                                              "diratime",
                                                              "nodiratime",
                                                              "lazytime",
                                                              "nolazytime",
                                                              "strictatime",
                                                              "async",
                                                              "sync",
                                                              "dirsync",
                                                              "mand",
                                                              "nomand",
                                                              "silent",
                                                              "loud",
                                                              "iversion",
                                                              "noiversion",
                                                              "fsname",
                                                              "subtype",
                                                              "helper",
                                                              "uhelper",
                                                              "comment",
                                                              "default_permissions"});

bool is_mount_word(std::string_view name) {
  return name.starts_with("x-") || name.starts_with("X-") ||
         std::find(mount_words.begin(), mount_words.end(), name) != mount_words.end();
}

Error usage_error(std::string message) { return Error(Code::invalid_argument, std::move(message)); }

class Parser {
 public:
  Parser(std::span<const std::string> arguments, const ParseContext& context)
      : arguments_(arguments), context_(context) {
    if (context.base != nullptr) {
      parsed_.options = *context.base;
      return;
    }
    parsed_.options.mount.uid = context.uid;
    parsed_.options.mount.gid = context.gid;
  }

  Result<MountArguments> run() {
    while (next_ < arguments_.size()) {
      const std::string& argument = arguments_[next_++];
      Result<void> taken;
      if (only_positional_ || argument == "-" || !argument.starts_with("-")) {
        positional_.push_back(argument);
      } else if (argument == "--") {
        only_positional_ = true;
      } else if (argument.starts_with("--")) {
        taken = take_long(std::string_view(argument).substr(2));
      } else {
        taken = take_letters(std::string_view(argument).substr(1));
      }
      if (!taken) return taken.error();
      if (parsed_.wish != MountArguments::Wish::mount) return std::move(parsed_);
    }
    if (Result<void> placed = place_positional(); !placed) return placed.error();
    return std::move(parsed_);
  }

 private:
  Result<void> take_long(std::string_view argument) {
    const size_t equals = argument.find('=');
    const std::string_view name = argument.substr(0, equals);
    std::optional<std::string_view> value;
    if (equals != std::string_view::npos) value = argument.substr(equals + 1);
    if (name == "help" || name == "help-all") {
      parsed_.wish = name == "help" ? MountArguments::Wish::help : MountArguments::Wish::help_all;
      return {};
    }
    if (name == "options") return take_list(value);
    const OptionRow* row = find_option(name);
    if (row == nullptr) return unknown("--", name);
    if (row->kind != ValueKind::flag && !value) {
      if (next_ == arguments_.size()) return missing_value(*row);
      value = arguments_[next_++];
    }
    return set(*row, value);
  }

  Result<void> take_letters(std::string_view letters) {
    for (size_t i = 0; i < letters.size(); ++i) {
      const char letter = letters[i];
      if (letter == 'o' || (letter == 't' && context_.mount_helper)) {
        std::optional<std::string_view> value;
        if (i + 1 < letters.size()) {
          value = letters.substr(i + 1);
        } else if (next_ < arguments_.size()) {
          value = arguments_[next_++];
        }
        return letter == 'o' ? take_list(value) : Result<void>();
      }
      if (context_.mount_helper ? take_helper_letter(letter) : take_letter(letter)) continue;
      return usage_error(fmt::format("unknown option -{}; see penstock --help", letter));
    }
    return {};
  }

  bool take_letter(char letter) {
    if (letter == 'h') parsed_.wish = MountArguments::Wish::help;
    if (letter == 'r') parsed_.options.mount.read_only = true;
    if (letter == 'h' || letter == 'r') return true;
    const OptionRow* row = find_option(letter);
    return row != nullptr && set(*row, std::nullopt).has_value();
  }

  bool take_helper_letter(char letter) {
    if (letter == 'f') parsed_.fake = true;
    if (letter == 's') sloppy_ = true;
    if (letter == 'r') parsed_.options.mount.read_only = true;
    return std::string_view("fsrwnv").find(letter) != std::string_view::npos;
  }

  /// `a,b=c`; a comma inside a value is written `\,`.
  Result<void> take_list(std::optional<std::string_view> list) {
    if (!list) return usage_error("-o needs a value, such as -o ro,metadata_ttl=60s");
    std::string item;
    for (size_t i = 0; i <= list->size(); ++i) {
      if (i < list->size() && (*list)[i] == '\\' && i + 1 < list->size()) {
        item += (*list)[++i];
      } else if (i < list->size() && (*list)[i] != ',') {
        item += (*list)[i];
      } else {
        if (!item.empty()) {
          if (Result<void> taken = take_item(item); !taken) return taken;
        }
        item.clear();
      }
    }
    return {};
  }

  Result<void> take_item(std::string_view item) {
    const size_t equals = item.find('=');
    const std::string_view name = item.substr(0, equals);
    std::optional<std::string_view> value;
    if (equals != std::string_view::npos) value = item.substr(equals + 1);
    if (name == "rw") {
      // mount(8) adds it wherever nobody has said "ro": that is no word against a configuration.
      parsed_.options.mount.read_only =
          context_.mount_helper && context_.base != nullptr && context_.base->mount.read_only;
      return {};
    }
    if (name == "exec") {
      parsed_.options.mount.no_exec = false;
      return {};
    }
    if (name == "remount") {
      return usage_error("-o remount is not supported; unmount, then mount with the new options");
    }
    if (const OptionRow* row = find_option(name)) {
      if (row->kind != ValueKind::flag && !value) return missing_value(*row);
      return set(*row, value);
    }
    if (is_mount_word(name) || sloppy_) return {};
    return unknown("-o ", name);
  }

  Result<void> set(const OptionRow& row, std::optional<std::string_view> value) {
    if (row.kind == ValueKind::flag && value && value->empty())
      return usage_error(fmt::format("--{} is neither yes nor no; leave out '='", row.name));
    return set_value(row, value.value_or(""), context_.working_directory, parsed_.options);
  }

  static Error missing_value(const OptionRow& row) {
    return usage_error(fmt::format("--{} needs a value: --{} {}", row.name, row.name, row.value));
  }

  static Error unknown(std::string_view dashes, std::string_view name) {
    std::vector<std::string_view> names{"help", "help-all"};
    for (const OptionRow& row : option_table()) {
      names.push_back(row.name);
      if (!row.alias.empty()) names.push_back(row.alias);
    }
    std::string typed(name);
    std::replace(typed.begin(), typed.end(), '_', '-');
    const std::optional<std::string> near = closest(typed, names);
    return usage_error(fmt::format("unknown option {}{}; {}", dashes, name,
                                   near ? fmt::format("did you mean {}{}?", dashes, *near)
                                        : "see penstock --help-all for all there are"));
  }

  static bool is_url(const std::string& text) { return text.find("://") != std::string::npos; }
  /// Of a mount in the configuration.
  static bool is_name(const std::string& text) {
    return !text.empty() && text.find('/') == std::string::npos;
  }

  Result<void> place_positional() {
    if (positional_.empty()) {
      return usage_error(
          "URL and MOUNTPOINT are missing: penstock mount s3://BUCKET /mnt/data, or the NAME of a "
          "mount of the configuration");
    }
    // mount(8) hands on what stands in fstab, people mix the two up: only a URL has "://".
    if (positional_.size() == 2 && !is_url(positional_[0]) && is_url(positional_[1])) {
      std::swap(positional_[0], positional_[1]);
    }
    if (positional_.size() > 2) {
      return usage_error(fmt::format(
          "'{}' is one argument too many: there are one URL and one MOUNTPOINT", positional_[2]));
    }
    if (!is_url(positional_[0]) && is_name(positional_[0])) return place_named();
    if (positional_.size() == 1) {
      return is_url(positional_[0])
                 ? usage_error(fmt::format("the MOUNTPOINT is missing: penstock mount {} /mnt/data",
                                           positional_[0]))
                 : usage_error(fmt::format("the URL is missing: penstock mount s3://BUCKET {}",
                                           positional_[0]));
    }
    parsed_.options.store.url = positional_[0];
    parsed_.options.mount.mountpoint = positional_[1];
    if (parsed_.options.mount.mountpoint.empty()) return usage_error("MOUNTPOINT is empty");
    return {};
  }

  Result<void> place_named() {
    parsed_.named = positional_[0];
    std::string& mountpoint = parsed_.options.mount.mountpoint;
    if (positional_.size() == 2) mountpoint = positional_[1];
    if (positional_.size() == 2 && mountpoint.empty()) return usage_error("MOUNTPOINT is empty");
    if (context_.base == nullptr || !mountpoint.empty()) return {};
    return usage_error(
        fmt::format("the configuration names no mountpoint for '{}': penstock mount {} /mnt/data",
                    parsed_.named, parsed_.named));
  }

  std::span<const std::string> arguments_;
  const ParseContext& context_;
  size_t next_ = 0;
  bool only_positional_ = false;
  bool sloppy_ = false;  ///< mount(8) -s: pass over options that are not ours.
  std::vector<std::string> positional_;
  MountArguments parsed_;
};

}  // namespace

Result<MountArguments> parse_mount_arguments(std::span<const std::string> arguments,
                                             const ParseContext& context) {
  return Parser(arguments, context).run();
}

}  // namespace penstock
