// SPDX-License-Identifier: Apache-2.0
#include "fs/names/attributes.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <string>

#include "base/wall_clock.h"
#include "base/writer_mark.h"

namespace penstock {
namespace {

template <typename T>
std::optional<T> parse_number(std::string_view text, int base = 10) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// "1700000000", "1700000000.5" or "1700000000.123456789".
std::optional<int64_t> parse_time(std::string_view text) {
  const size_t dot = text.find('.');
  const std::optional<int64_t> seconds = parse_number<int64_t>(text.substr(0, dot));
  if (!seconds) return std::nullopt;
  int64_t fraction = 0;
  if (dot != std::string_view::npos) {
    std::string digits(text.substr(dot + 1));
    if (digits.empty() || digits.size() > 9) return std::nullopt;
    digits.resize(9, '0');
    const std::optional<uint32_t> parsed = parse_number<uint32_t>(digits);
    if (!parsed) return std::nullopt;
    fraction = *parsed;
  }
  return to_ns({.tv_sec = *seconds, .tv_nsec = fraction});
}

std::string format_time(int64_t ns) {
  int64_t seconds = ns / ns_per_second;
  int64_t fraction = ns % ns_per_second;
  if (fraction < 0) {
    fraction += ns_per_second;
    --seconds;
  }
  return fraction == 0 ? fmt::format("{}", seconds) : fmt::format("{}.{:09}", seconds, fraction);
}

/// "2024-02-29T12:30:00.123456789Z", in UTC, as gcsfuse writes it (RFC 3339).
std::optional<int64_t> parse_rfc3339(const std::string& text) {
  std::tm fields{};
  const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &fields);
  if (rest == nullptr || !text.ends_with('Z')) return std::nullopt;
  const std::string_view fraction(rest, static_cast<size_t>(&text.back() - rest));
  // Digits alone would be read as more of the seconds since the epoch.
  if (!fraction.empty() && !fraction.starts_with('.')) return std::nullopt;
  return parse_time(fmt::format("{}{}", timegm(&fields), fraction));
}

/// GeeseFS escapes the bytes of metadata that a header cannot carry as %XX.
std::string unescape(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    std::optional<uint8_t> byte;
    if (text[i] == '%' && i + 2 < text.size())
      byte = parse_number<uint8_t>(text.substr(i + 1, 2), 16);
    plain += byte ? static_cast<char>(*byte) : text[i];
    if (byte) i += 2;
  }
  return plain;
}

std::string escape(std::string_view plain) {
  std::string text;
  for (const char c : plain) {
    if (c > ' ' && c <= '~' && c != '%') {
      text += c;
    } else {
      text += fmt::format("%{:02X}", static_cast<uint8_t>(c));
    }
  }
  return text;
}

struct TypeBits {
  FileType type;
  uint32_t bits;
};
constexpr std::array<TypeBits, 7> type_bits{{{FileType::file, S_IFREG},
                                             {FileType::directory, S_IFDIR},
                                             {FileType::symlink, S_IFLNK},
                                             {FileType::fifo, S_IFIFO},
                                             {FileType::socket, S_IFSOCK},
                                             {FileType::character_device, S_IFCHR},
                                             {FileType::block_device, S_IFBLK}}};

uint32_t bits_of(FileType type) {
  return std::find_if(type_bits.begin(), type_bits.end(),
                      [&](const TypeBits& each) { return each.type == type; })
      ->bits;
}

/// The type that a mode tells, where it is one that no key can tell.
std::optional<FileType> special_type(uint32_t mode) {
  const auto* known = std::find_if(type_bits.begin(), type_bits.end(), [&](const TypeBits& each) {
    return each.bits == (mode & S_IFMT);
  });
  const bool special = known != type_bits.end() && known->type != FileType::file &&
                       known->type != FileType::directory;
  return special ? std::optional(known->type) : std::nullopt;
}

/// The directory's own note: see StoredAttributes::children_carry.
constexpr std::string_view children_name = "penstock-children";
constexpr std::string_view children_value = "carry-attributes";

template <typename T>
bool take(std::optional<T>& field, std::optional<T> value) {
  if (!value) return false;
  field = std::move(value);
  return true;
}

bool take_mode(StoredAttributes& result, std::optional<uint32_t> mode) {
  if (!mode) return false;
  result.mode = *mode & 07777U;
  if (const auto type = special_type(*mode)) result.type = type;
  return true;
}

/// Takes an attribute that to_metadata writes. False: the name is none of those, or its value makes
/// no sense.
bool take_own(StoredAttributes& result, const std::string& name, const std::string& value) {
  if (name == "mode") return take_mode(result, parse_number<uint32_t>(value));
  if (name == "uid") return take(result.uid, parse_number<uint32_t>(value));
  if (name == "gid") return take(result.gid, parse_number<uint32_t>(value));
  if (name == "mtime") return take(result.mtime_ns, parse_time(value));
  if (name == "atime") return take(result.atime_ns, parse_time(value));
  if (name == "rdev") return take(result.device, parse_number<uint32_t>(value));
  if (name == children_name) return result.children_carry = value == children_value;
  return name == writer_mark;
}

/// Takes an attribute that other programs write (GeeseFS, rclone, gcsfuse, gsutil). It counts only
/// where the object has none of Penstock's own that says the same.
bool take_foreign(StoredAttributes& result, const std::string& name, const std::string& value) {
  const auto link = [&](std::string target) {
    result.type = FileType::symlink;
    result.target = std::move(target);
    return true;
  };
  if (name == "goog-reserved-posix-mode")
    return take_mode(result, parse_number<uint32_t>(value, 8));
  if (name == "goog-reserved-posix-uid") return take(result.uid, parse_number<uint32_t>(value));
  if (name == "goog-reserved-posix-gid") return take(result.gid, parse_number<uint32_t>(value));
  if (name == "goog-reserved-file-mtime") return take(result.mtime_ns, parse_time(value));
  if (name == "gcsfuse_mtime") return take(result.mtime_ns, parse_rfc3339(value));
  if (name == "gcsfuse_symlink_target") return link(value);
  if (name == "--symlink-target") return link(unescape(value));
  return false;
}

}  // namespace

StoredAttributes parse_attributes(const Metadata& metadata) {
  StoredAttributes result;
  for (const auto& [name, value] : metadata) {
    if (!take_foreign(result, name, value)) result.other.emplace(name, value);
  }
  for (auto it = result.other.begin(); it != result.other.end();)
    it = take_own(result, it->first, it->second) ? result.other.erase(it) : std::next(it);
  return result;
}

Metadata to_metadata(const StoredAttributes& attributes, FileType type) {
  Metadata metadata = attributes.other;
  // A type that only the mode can tell is told even where the permissions are the defaults.
  if (attributes.mode || attributes.type) {
    metadata["mode"] =
        fmt::format("{}", attributes.mode.value_or(0777) | bits_of(attributes.type.value_or(type)));
  }
  if (attributes.uid) metadata["uid"] = fmt::format("{}", *attributes.uid);
  if (attributes.gid) metadata["gid"] = fmt::format("{}", *attributes.gid);
  if (attributes.device) metadata["rdev"] = fmt::format("{}", *attributes.device);
  if (attributes.mtime_ns) metadata["mtime"] = format_time(*attributes.mtime_ns);
  if (attributes.atime_ns) metadata["atime"] = format_time(*attributes.atime_ns);
  if (attributes.target) metadata["--symlink-target"] = escape(*attributes.target);
  if (attributes.children_carry) metadata[std::string(children_name)] = children_value;
  return metadata;
}

Metadata with_time(const ObjectInfo& source) {
  Metadata metadata = source.metadata.value_or(Metadata());
  metadata.erase(std::string(writer_mark));  // The copy is made by another write.
  const bool has_time = parse_attributes(metadata).mtime_ns.has_value();
  if (!has_time && source.last_modified_ns != 0)
    metadata["mtime"] = format_time(source.last_modified_ns);
  return metadata;
}

uint32_t without_set_ids(uint32_t mode) {
  mode &= ~static_cast<uint32_t>(S_ISUID);
  return (mode & S_IXGRP) != 0 ? mode & ~static_cast<uint32_t>(S_ISGID) : mode;
}

bool is_attribute_name(std::string_view name) {
  constexpr std::array<std::string_view, 13> names{"mode",
                                                   "uid",
                                                   "gid",
                                                   "mtime",
                                                   "atime",
                                                   "rdev",
                                                   children_name,
                                                   writer_mark,
                                                   "gcsfuse_mtime",
                                                   "gcsfuse_symlink_target",
                                                   "--symlink-target"};
  return name.starts_with("goog-reserved-") ||
         std::find(names.begin(), names.end(), name) != names.end();
}

size_t metadata_bytes(const Metadata& metadata) {
  size_t bytes = 0;
  for (const auto& [name, value] : metadata) {
    if (!is_header(name)) bytes += name.size() + value.size();
  }
  return bytes;
}

}  // namespace penstock
