// SPDX-License-Identifier: Apache-2.0
// Compiled alone: toml++ takes the compiler longer than the rest of this layer.
#include "config/config_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "config/suggest.h"
#include "config/toml.h"
#include "config/toml_letters.h"
#include "config/values.h"

namespace penstock {
namespace {

/// No configuration is larger; a file that is was named by mistake.
constexpr size_t largest_file = 1 << 20;

/// Keys that hold secrets in the files and variables of other S3 programs.
bool is_secret(std::string_view key) {
  std::string plain(key);
  std::ranges::transform(plain, plain.begin(), [](char c) {
    return c == '_' ? '-' : (c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  });
  for (const std::string_view word : {"secret", "password", "passwd", "token", "access-key"}) {
    if (plain.find(word) != std::string::npos) return true;
  }
  return false;
}

std::string_view type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "a boolean";
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time:
      return "a date";
    case toml::node_type::none:
      break;
  }
  return "nothing";
}

/// What a value of this kind is to be written as.
std::string_view right_type(ValueKind kind) {
  switch (kind) {
    case ValueKind::flag:
      return "write true or false";
    case ValueKind::count:
      return "write a whole number, without quotes";
    case ValueKind::size:
      return "write a size, such as \"4GiB\", or a number of bytes";
    case ValueKind::space:
      return "write a size or a share of the disk, such as \"200GiB\" or \"20%\"";
    case ValueKind::duration:
      return "write a time, such as \"500ms\" or \"1h\", or a number of seconds";
    case ValueKind::mode:
      return "write the mode in octal, as \"0644\" or 0o644";
    case ValueKind::user:
    case ValueKind::group:
      return "write a name or a number";
    case ValueKind::text:
    case ValueKind::address:
    case ValueKind::path:
    case ValueKind::choice:
      break;
  }
  return "write a string, between quotes";
}

/// The value as it would be typed on the command line; nothing where the type is wrong.
std::optional<std::string> typed_value(const OptionRow& row, const toml::node& node) {
  const ValueKind kind = row.kind;
  if (const auto* flag = node.as_boolean()) {
    if (kind != ValueKind::flag) return std::nullopt;
    return flag->get() ? "yes" : "no";
  }
  if (const auto* number = node.as_integer()) {
    if (kind == ValueKind::mode) {
      if (number->flags() != toml::value_flags::format_as_octal) return std::nullopt;
      return fmt::format("{:04o}", number->get());
    }
    const bool fits = kind == ValueKind::count || kind == ValueKind::size ||
                      kind == ValueKind::space || kind == ValueKind::duration ||
                      kind == ValueKind::user || kind == ValueKind::group;
    return fits ? std::optional(std::to_string(number->get())) : std::nullopt;
  }
  const auto* text = node.as_string();
  if (text == nullptr || kind == ValueKind::flag || kind == ValueKind::count) return std::nullopt;
  return text->get();
}

/// Turns a parsed text into a ConfigFile.
class Reader {
 public:
  Reader(ConfigFile& file, const std::string& home)
      : file_(file),
        home_(home),
        folder_(std::filesystem::path(file.path).parent_path().string()) {}

  void read(std::string_view text) {
    if (const std::optional<TomlPlace> at = bare_letter(text))
      return file_.problems.push_back(
          fmt::format("{}: {}", place({at->line, at->column}).text(), bare_letter_fault));
    const toml::parse_result parsed = toml::parse(text);
    if (parsed) {
      for (const auto& [key, node] : parsed.table()) read_top(key, node);
    } else {
      problem(parsed.error().source().begin,
              fmt::format("this is not TOML: {}", parsed.error().description()));
    }
    std::ranges::sort(found_);
    for (auto& [line, column, message] : found_) file_.problems.push_back(std::move(message));
  }

 private:
  void read_top(const toml::key& key, const toml::node& node) {
    const toml::table* table = node.as_table();
    if (key == "defaults" && table != nullptr)
      return read_settings(*table, file_.defaults, nullptr);
    if (key == "mounts" && table != nullptr) {
      for (const auto& [name, mount] : *table) read_mount(name, mount);
      return;
    }
    if (key == "defaults" || key == "mounts") {
      return problem(key, fmt::format("'{}' is {}; write [{}]", key.str(), type_name(node),
                                      key == "defaults" ? "defaults" : "mounts.NAME"));
    }
    if (is_secret(key.str())) return secret(key);
    if (find_option(key.str()) != nullptr) {
      return problem(key, fmt::format("'{}' stands in no table; options stand in [defaults] or in "
                                      "[mounts.NAME]",
                                      key.str()));
    }
    const std::optional<std::string> near =
        closest(key.str(), std::to_array<std::string_view>({"defaults", "mounts"}));
    problem(key, fmt::format("unknown table '{}'; {}", key.str(),
                             near ? fmt::format("did you mean '{}'?", *near)
                                  : "there are [defaults] and [mounts.NAME]"));
  }

  void read_mount(const toml::key& name, const toml::node& node) {
    const std::string_view word = name.str();
    if (word.empty() || word.find_first_of("/: \t\n") != std::string_view::npos ||
        word.starts_with('-'))
      return problem(name, fmt::format("'{}' is no name for a mount; use letters, digits, '-', '_' "
                                       "and '.'",
                                       word));
    const toml::table* table = node.as_table();
    if (table == nullptr) {
      return problem(name, fmt::format("'{}' is {}; the mount's source and options stand in "
                                       "[mounts.NAME], for example [mounts.train]",
                                       word, type_name(node)));
    }
    NamedMount& mount = file_.mounts[std::string(word)];
    read_settings(*table, mount.settings, &mount);
  }

  void read_settings(const toml::table& table, std::vector<ConfigSetting>& settings,
                     NamedMount* mount) {
    std::set<const OptionRow*> seen;
    for (const auto& [key, node] : table) {
      if (mount != nullptr && (key == "source" || key == "mountpoint")) {
        read_place(key, node, *mount);
        continue;
      }
      const OptionRow* row = find_option(key.str());
      if (row == nullptr) {
        unknown_option(key, mount != nullptr);
      } else if (row->command_line_only) {
        problem(key, fmt::format("'{}' is for the command line only", row->name));
      } else if (!seen.insert(row).second) {
        problem(key, fmt::format("'{}' is given twice in this table", row->name));
      } else {
        read_setting(*row, key, node, settings);
      }
    }
  }

  void read_setting(const OptionRow& row, const toml::key& key, const toml::node& node,
                    std::vector<ConfigSetting>& settings) {
    std::optional<std::string> value = typed_value(row, node);
    if (!value) {
      return problem(node.source().begin, fmt::format("'{}' is {}; {}", key.str(), type_name(node),
                                                      right_type(row.kind)));
    }
    if (row.kind == ValueKind::path && !expand_home(node, *value)) return;
    Options checked;
    if (const Result<void> set = set_value(row, *value, folder_, checked); !set) {
      std::string_view message = set.error().message();
      if (message.starts_with("--")) message.remove_prefix(2);
      return problem(node.source().begin, std::string(message));
    }
    if (row.kind == ValueKind::path) value = value_text(row, checked);
    settings.push_back(
        {.row = &row, .value = *std::move(value), .place = place(key.source().begin)});
  }

  void read_place(const toml::key& key, const toml::node& node, NamedMount& mount) {
    const auto* text = node.as_string();
    if (text == nullptr || text->get().empty()) {
      return problem(node.source().begin,
                     fmt::format("'{}' is {}; write {}", key.str(),
                                 text == nullptr ? type_name(node) : "empty",
                                 key == "source" ? "a URL, such as \"s3://BUCKET/PREFIX\""
                                                 : "a directory, such as \"/mnt/train\""));
    }
    std::string value = text->get();
    if (key == "source") {
      if (value.find("://") == std::string::npos) {
        return problem(node.source().begin,
                       fmt::format("source: '{}' is no URL; write s3://BUCKET[/PREFIX] or "
                                   "file:///DIR",
                                   value));
      }
      mount.source = std::move(value);
      mount.source_place = place(node.source().begin);
      return;
    }
    if (!expand_home(node, value)) return;
    if (!value.starts_with('/')) {
      return problem(node.source().begin,
                     fmt::format("mountpoint: '{}' is relative; begin it with / or ~/", value));
    }
    mount.mountpoint = std::move(value);
  }

  /// Nobody else expands "~/" in a file. False where it cannot be.
  bool expand_home(const toml::node& node, std::string& path) {
    if (!path.starts_with("~/")) return true;
    if (home_.empty()) {
      problem(node.source().begin,
              fmt::format("'{}': there is no HOME here; write the whole path", path));
      return false;
    }
    path = home_ + path.substr(1);
    return true;
  }

  void secret(const toml::key& key) {
    problem(key, fmt::format("'{}': secrets do not belong into this file; put them into "
                             "~/.aws/credentials, which is found by `profile`, or into the "
                             "environment (AWS_SECRET_ACCESS_KEY)",
                             key.str()));
  }

  void unknown_option(const toml::key& key, bool of_mount) {
    if (is_secret(key.str())) return secret(key);
    std::vector<std::string_view> names;
    if (of_mount) names = {"source", "mountpoint"};
    for (const OptionRow& row : option_table()) {
      if (!row.command_line_only) names.push_back(row.name);
    }
    std::string typed(key.str());
    std::ranges::replace(typed, '_', '-');
    const std::optional<std::string> near = closest(typed, names);
    const bool misplaced = key == "source" || key == "mountpoint";
    problem(key, fmt::format("unknown option '{}'; {}", key.str(),
                             misplaced ? "it belongs into [mounts.NAME]"
                             : near    ? fmt::format("did you mean {}?", *near)
                                       : "see penstock --help-all for all there are"));
  }

  ConfigPlace place(const toml::source_position& at) const {
    return {.file = file_.path, .line = at.line, .column = at.column};
  }

  void problem(const toml::key& key, const std::string& message) {
    problem(key.source().begin, message);
  }

  void problem(const toml::source_position& at, const std::string& message) {
    found_.emplace_back(at.line, at.column, fmt::format("{}: {}", place(at).text(), message));
  }

  ConfigFile& file_;
  const std::string& home_;
  const std::string folder_;
  /// Line, column and text: the library goes through a table by its keys.
  std::vector<std::tuple<uint32_t, uint32_t, std::string>> found_;
};

/// Why what others may have written there is not to be used; empty: they cannot have.
std::string distrust(const struct stat& status, const ConfigPlaces& places) {
  // A device, such as /dev/null, or a pipe of who calls.
  if (!S_ISREG(status.st_mode)) return "";
  if (status.st_uid != 0 && status.st_uid != places.uid) {
    return fmt::format("it belongs to user {}, who could change what you mount; {}", status.st_uid,
                       places.uid == 0 ? "root's are /etc/penstock/penstock.toml and --config FILE"
                                       : "use a copy of your own");
  }
  if ((status.st_mode & S_IWOTH) != 0)
    return "everybody may write to it; take that away: chmod o-w";
  const bool trusted_group = status.st_gid == 0 || (places.uid != 0 && status.st_gid == places.gid);
  if ((status.st_mode & S_IWGRP) != 0 && !trusted_group)
    return fmt::format("group {} may write to it; take that away: chmod g-w", status.st_gid);
  return "";
}

/// False also where a folder may not be looked into: HOME may be that of another user, from whom
/// this program was started.
bool is_there(const std::string& path) {
  struct stat status {};
  const int error = stat(path.c_str(), &status) == 0 ? 0 : errno;
  return error != ENOENT && error != ENOTDIR && error != EACCES;
}

/// The text of an open file, or why it is not to be used.
std::string read_text(int descriptor, const ConfigPlaces& places, std::string& text) {
  struct stat status {};
  if (fstat(descriptor, &status) != 0) return std::strerror(errno);
  if (S_ISDIR(status.st_mode)) return "it is a directory";
  if (std::string reason = distrust(status, places); !reason.empty()) return reason;
  std::array<char, 4096> block{};
  while (text.size() <= largest_file) {
    const ssize_t count = read(descriptor, block.data(), block.size());
    if (count == 0) return "";
    if (count < 0 && errno != EINTR) return std::strerror(errno);
    if (count > 0) text.append(block.data(), static_cast<size_t>(count));
  }
  return "it is larger than 1 MiB";
}

}  // namespace

std::string ConfigPlace::text() const { return fmt::format("{}:{}:{}", file, line, column); }

ConfigFile parse_config(std::string_view text, const std::string& path, const std::string& home) {
  ConfigFile file{.path = path};
  Reader(file, home).read(text);
  return file;
}

std::vector<ConfigFile> read_config_files(const ConfigPlaces& places) {
  const bool asked_for = !places.file.empty();
  std::vector<ConfigFile> files;
  for (const std::string& path : asked_for ? std::vector{places.file} : places.usual) {
    const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
    const int error = errno;
    if (descriptor < 0 && !asked_for && !is_there(path)) continue;
    std::string text;
    const std::string reason =
        descriptor < 0 ? std::strerror(error) : read_text(descriptor, places, text);
    if (descriptor >= 0) close(descriptor);
    if (reason.empty()) {
      files.push_back(parse_config(text, path, places.home));
    } else {
      files.push_back({.path = path});
      files.back().problems.push_back(
          fmt::format("the configuration file {} cannot be used: {}", path, reason));
    }
  }
  return files;
}

}  // namespace penstock
