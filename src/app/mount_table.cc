// SPDX-License-Identifier: Apache-2.0
#include "app/mount_table.h"

#include <sys/sysmacros.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <system_error>
#include <utility>

namespace penstock {
namespace {

/// Spaces, tabs, line ends and backslashes are written as \ and three octal digits.
std::string unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '\\' && i + 3 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 4, value, 8).ptr ==
            text.data() + i + 4) {
      out += static_cast<char>(value);
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

/// "36 25 0:52 / /mnt rw,nosuid shared:1 - fuse.penstock source rw,user_id=0,group_id=0"
std::optional<MountEntry> parse_line(std::string_view line) {
  const std::vector<std::string_view> fields = split(line, ' ');
  const auto dash = std::find(fields.begin(), fields.end(), "-");
  const auto before = dash - fields.begin();
  const auto after = fields.end() - dash;
  if (before < 6 || after < 4) return std::nullopt;
  MountEntry entry;
  entry.device = fields[2];
  entry.mountpoint = unescape(fields[4]);
  entry.type = dash[1];
  entry.source = unescape(dash[2]);
  for (const std::string_view option : split(dash[3], ',')) {
    constexpr std::string_view key = "user_id=";
    if (!option.starts_with(key)) continue;
    std::from_chars(option.data() + key.size(), option.data() + option.size(), entry.owner_uid);
  }
  return entry;
}

std::optional<std::string> real_path(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> found(realpath(path.c_str(), nullptr),
                                                          &std::free);
  if (!found) return std::nullopt;
  return found.get();
}

}  // namespace

dev_t device_number(std::string_view device) {
  unsigned numbers[2] = {};
  const char* const end = device.data() + device.size();
  const auto [colon, status] = std::from_chars(device.data(), end, numbers[0]);
  if (status != std::errc() || colon == end || *colon != ':') return 0;
  if (std::from_chars(colon + 1, end, numbers[1]).ptr != end) return 0;
  return makedev(numbers[0], numbers[1]);
}

std::vector<MountEntry> parse_mount_table(std::string_view text) {
  std::vector<MountEntry> table;
  for (const std::string_view line : split(text, '\n')) {
    if (std::optional<MountEntry> entry = parse_line(line)) table.push_back(*std::move(entry));
  }
  return table;
}

std::vector<MountEntry> read_mount_table(const std::string& proc, const std::string& process) {
  std::ifstream file(proc + "/" + process + "/mountinfo");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return parse_mount_table(text);
}

std::optional<MountEntry> find_mount(const std::vector<MountEntry>& table,
                                     std::string_view mountpoint) {
  const auto entry = std::find_if(table.rbegin(), table.rend(),
                                  [&](const MountEntry& e) { return e.mountpoint == mountpoint; });
  if (entry == table.rend()) return std::nullopt;
  return *entry;
}

std::optional<MountEntry> mount_holding(const std::vector<MountEntry>& table,
                                        std::string_view path) {
  std::optional<MountEntry> best;
  for (const MountEntry& entry : table) {
    if (!is_inside(path, entry.mountpoint)) continue;
    if (!best || entry.mountpoint.size() >= best->mountpoint.size()) best = entry;
  }
  return best;
}

std::string canonical_path(const std::string& path, const std::string& working_directory) {
  std::filesystem::path whole =
      (std::filesystem::path(working_directory) / path).lexically_normal();
  if (!whole.has_filename() && whole.has_relative_path()) whole = whole.parent_path();
  if (std::optional<std::string> real = real_path(whole.string())) return *real;
  if (std::optional<std::string> parent = real_path(whole.parent_path().string())) {
    return (std::filesystem::path(*parent) / whole.filename()).string();
  }
  return whole.string();
}

bool is_inside(std::string_view path, std::string_view directory) {
  if (directory == "/") return path.starts_with("/");
  return path.starts_with(directory) &&
         (path.size() == directory.size() || path[directory.size()] == '/');
}

}  // namespace penstock
