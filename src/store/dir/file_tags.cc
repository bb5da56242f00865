// SPDX-License-Identifier: Apache-2.0
#include "store/dir/file_tags.h"

#include <fmt/core.h>
#include <sys/xattr.h>

#include <cerrno>
#include <charconv>
#include <vector>

#include "base/wall_clock.h"
#include "store/dir/posix.h"

namespace penstock {
namespace {

constexpr std::string_view metadata_prefix = "user.penstock.meta.";
constexpr const char* mark_name = "user.penstock.mark";
constexpr size_t max_attribute_name = 255;

// The names of a file's extended attributes, each ended by NUL.
std::string attribute_names(int file) {
  std::string names(1024, '\0');
  while (true) {
    const ssize_t size = flistxattr(file, names.data(), names.size());
    if (size >= 0) {
      names.resize(static_cast<size_t>(size));
      return names;
    }
    if (errno != ERANGE || names.size() > (1 << 20)) return {};
    names.resize(names.size() * 8);
  }
}

std::optional<std::string> attribute(int file, const char* name) {
  std::string value(512, '\0');
  while (true) {
    const ssize_t size = fgetxattr(file, name, value.data(), value.size());
    if (size >= 0) {
      value.resize(static_cast<size_t>(size));
      return value;
    }
    if (errno != ERANGE || value.size() > (1 << 20)) return std::nullopt;
    value.resize(value.size() * 8);
  }
}

}  // namespace

ETag etag_of(const struct stat& status) {
  return fmt::format("{:x}.{:x}.{:x}.{:x}", status.st_ino, status.st_size, to_ns(status.st_mtim),
                     to_ns(status.st_ctim));
}

std::string encode_strings(const std::vector<std::string>& strings) {
  std::string bytes;
  for (const auto& each : strings) bytes += fmt::format("{}:{},", each.size(), each);
  return bytes;
}

std::optional<std::vector<std::string>> decode_strings(std::string_view bytes) {
  std::vector<std::string> strings;
  while (!bytes.empty()) {
    size_t size = 0;
    const auto [end, error] = std::from_chars(bytes.data(), bytes.data() + bytes.size(), size);
    const auto digits = static_cast<size_t>(end - bytes.data());
    if (error != std::errc() || digits == bytes.size() || *end != ':') return std::nullopt;
    bytes.remove_prefix(digits + 1);
    if (bytes.size() <= size || bytes[size] != ',') return std::nullopt;
    strings.emplace_back(bytes.substr(0, size));
    bytes.remove_prefix(size + 1);
  }
  return strings;
}

std::string encode_metadata(const Metadata& metadata) {
  std::vector<std::string> strings;
  for (const auto& [name, value] : metadata) {
    strings.push_back(name);
    strings.push_back(value);
  }
  return encode_strings(strings);
}

std::optional<Metadata> decode_metadata(std::string_view bytes) {
  const auto strings = decode_strings(bytes);
  if (!strings || strings->size() % 2 != 0) return std::nullopt;
  Metadata metadata;
  for (size_t i = 0; i < strings->size(); i += 2) metadata[(*strings)[i]] = (*strings)[i + 1];
  return metadata;
}

bool set_metadata_attributes(int file, const Metadata& metadata) {
  std::vector<std::string> set;
  for (const auto& [name, value] : metadata) {
    const std::string full = std::string(metadata_prefix) + name;
    const bool fits = full.size() <= max_attribute_name && full.find('\0') == std::string::npos;
    if (!fits || fsetxattr(file, full.c_str(), value.data(), value.size(), 0) != 0) {
      for (const auto& earlier : set) fremovexattr(file, earlier.c_str());
      return false;
    }
    set.push_back(full);
  }
  return true;
}

Metadata metadata_attributes(int file) {
  Metadata metadata;
  const std::string names = attribute_names(file);
  for (size_t at = 0; at < names.size();) {
    const std::string name = names.c_str() + at;
    at += name.size() + 1;
    if (!name.starts_with(metadata_prefix)) continue;
    if (auto value = attribute(file, name.c_str()))
      metadata[name.substr(metadata_prefix.size())] = *value;
  }
  return metadata;
}

int set_folder_mark(int folder, const FolderMark& mark) {
  // One attribute for all of it, so that readers see the old mark or the new one.
  const std::string value =
      encode_strings({std::to_string(mark.time_ns), encode_metadata(mark.metadata)});
  return fsetxattr(folder, mark_name, value.data(), value.size(), 0) == 0 ? 0 : errno;
}

std::optional<FolderMark> folder_mark(int folder) {
  const auto value = attribute(folder, mark_name);
  if (!value) return std::nullopt;
  FolderMark mark;
  // A mark that is damaged is still a mark.
  const auto strings = decode_strings(*value);
  if (!strings || strings->size() != 2) return mark;
  std::from_chars(strings->front().data(), strings->front().data() + strings->front().size(),
                  mark.time_ns);
  mark.metadata = decode_metadata(strings->back()).value_or(Metadata());
  return mark;
}

void remove_folder_mark(int folder) { fremovexattr(folder, mark_name); }

}  // namespace penstock
