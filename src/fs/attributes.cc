// SPDX-License-Identifier: Apache-2.0
#include "fs/attributes.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <charconv>
#include <string>

#include "data/write_back/writer_mark.h"

namespace penstock {
namespace {

constexpr int64_t ns_per_second = 1'000'000'000;

template <typename T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// "1700000000", "1700000000.5" or "1700000000.123456789".
std::optional<int64_t> parse_time(std::string_view text) {
  const size_t dot = text.find('.');
  const std::optional<int64_t> seconds = parse_number<int64_t>(text.substr(0, dot));
  // Beyond these the nanoseconds would not fit: years 1678 to 2262.
  if (!seconds || *seconds > INT64_MAX / ns_per_second - 1 ||
      *seconds < INT64_MIN / ns_per_second + 1) {
    return std::nullopt;
  }
  int64_t fraction = 0;
  if (dot != std::string_view::npos) {
    std::string digits(text.substr(dot + 1));
    if (digits.empty() || digits.size() > 9) return std::nullopt;
    digits.resize(9, '0');
    const std::optional<uint32_t> parsed = parse_number<uint32_t>(digits);
    if (!parsed) return std::nullopt;
    fraction = *parsed;
  }
  return *seconds * ns_per_second + fraction;
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

}  // namespace

StoredAttributes parse_attributes(const Metadata& metadata) {
  StoredAttributes result;
  for (const auto& [name, value] : metadata) {
    bool understood = name == writer_mark;
    if (name == "mode") {
      if (const auto mode = parse_number<uint32_t>(value))
        result.mode = *mode & 07777U, understood = true;
    } else if (name == "uid") {
      if (const auto uid = parse_number<uint32_t>(value)) result.uid = *uid, understood = true;
    } else if (name == "gid") {
      if (const auto gid = parse_number<uint32_t>(value)) result.gid = *gid, understood = true;
    } else if (name == "mtime") {
      if (const auto mtime = parse_time(value)) result.mtime_ns = *mtime, understood = true;
    }
    if (!understood) result.other.emplace(name, value);
  }
  return result;
}

Metadata to_metadata(const StoredAttributes& attributes, FileType type) {
  Metadata metadata = attributes.other;
  const uint32_t type_bits = type == FileType::directory ? S_IFDIR : S_IFREG;
  if (attributes.mode) metadata["mode"] = fmt::format("{}", *attributes.mode | type_bits);
  if (attributes.uid) metadata["uid"] = fmt::format("{}", *attributes.uid);
  if (attributes.gid) metadata["gid"] = fmt::format("{}", *attributes.gid);
  if (attributes.mtime_ns) metadata["mtime"] = format_time(*attributes.mtime_ns);
  return metadata;
}

}  // namespace penstock
