// SPDX-License-Identifier: Apache-2.0
#include "app/access/access_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace penstock {
namespace {

using Json = nlohmann::ordered_json;

constexpr int largest_errno = 133;  // of Linux: EHWPOISON
constexpr int64_t us_per_second = 1'000'000;
constexpr uint64_t longest_us = 1'000'000'000'000'000;  // 31 years

std::string error_name(int number) {
  const char* const name = strerrorname_np(number);
  return name == nullptr ? std::to_string(number) : name;
}

int error_number(const std::string& name) {
  for (int number = 1; number <= largest_errno; ++number) {
    if (error_name(number) == name) return number;
  }
  return EIO;  // of another system, or of a later one
}

std::string hex_of(std::string_view bytes) {
  std::string digits;
  for (const char c : bytes) digits += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return digits;
}

std::optional<std::string> bytes_of(const std::string& digits) {
  if (digits.size() % 2 != 0 || digits.find_first_not_of("0123456789abcdef") != std::string::npos)
    return std::nullopt;
  std::string bytes;
  for (size_t i = 0; i < digits.size(); i += 2)
    bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  return bytes;
}

std::string text_of(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void add_name(Json& line, const std::string& field, const std::string& name) {
  line[field] = name;
  if (std::ranges::all_of(name, [](char c) { return static_cast<unsigned char>(c) < 0x80; }))
    return;
  // What was replaced comes back as another text.
  if (Json::parse(text_of(line[field])) != line[field]) line[field + "_hex"] = hex_of(name);
}

/// The name in `field`. Throws what makes it no name.
std::string name_in(const Json& line, const std::string& field) {
  const auto exact = line.find(field + "_hex");
  if (exact == line.end()) return line.at(field).get<std::string>();
  const std::optional<std::string> bytes = bytes_of(exact->get<std::string>());
  if (!bytes)
    throw std::invalid_argument(fmt::format("{}_hex is not made of pairs of digits", field));
  return *bytes;
}

bool leads_out(const std::string& path) {
  if (path.starts_with('/') || path.find('\0') != std::string::npos) return true;
  const std::string framed = "/" + path + "/";
  return framed.find("/../") != std::string::npos || framed.find("/./") != std::string::npos;
}

template <typename T>
std::optional<T> number_in(const Json& line, const char* field) {
  const auto found = line.find(field);
  if (found == line.end()) return std::nullopt;
  if (!found->is_number_unsigned())
    throw std::invalid_argument(fmt::format("{} is no number from 0 on", field));
  const auto value = found->get<uint64_t>();
  if (value > std::numeric_limits<T>::max())
    throw std::invalid_argument(fmt::format("{} is too large", field));
  return static_cast<T>(value);
}

/// Throws what is wrong.
AccessRecord record_of(const Json& line) {
  AccessRecord record;
  const double began = line.at("time").get<double>();
  if (!(began >= 0 && began < 1e11)) throw std::invalid_argument("time is no time");
  record.began_us = std::llround(began * us_per_second);
  const uint64_t took = number_in<uint64_t>(line, "us").value_or(0);
  if (took > longest_us) throw std::invalid_argument("us is too large");
  record.took_us = static_cast<int64_t>(took);
  record.operation = line.at("op").get<std::string>();
  if (line.contains("path")) {
    record.path = name_in(line, "path");
    if (leads_out(*record.path)) throw std::invalid_argument("path leads out of the mount");
  }
  if (line.contains("to")) record.to = name_in(line, "to");
  const bool to_is_text = record.operation == "symlink" || record.operation == "mount";
  if (!to_is_text && leads_out(record.to)) throw std::invalid_argument("to leads out of the mount");
  record.handle = number_in<uint64_t>(line, "fh").value_or(0);
  record.flags = line.value("flags", "");
  record.offset = number_in<uint64_t>(line, "offset");
  if (record.offset.value_or(0) > INT64_MAX) throw std::invalid_argument("offset is too large");
  record.size = number_in<uint64_t>(line, "size");
  if (record.size.value_or(0) > INT64_MAX) throw std::invalid_argument("size is too large");
  if (record.operation != "setattr" && record.size.value_or(0) > largest_access)
    throw std::invalid_argument("size is more than a mount is ever asked for");
  record.bytes = number_in<uint64_t>(line, "bytes");
  record.mode = number_in<uint32_t>(line, "mode");
  if (line.contains("error")) record.error = error_number(line["error"].get<std::string>());
  return record;
}

}  // namespace

std::string to_line(const AccessRecord& record) {
  Json line;
  line["op"] = record.operation;
  if (record.path) add_name(line, "path", *record.path);
  if (!record.to.empty()) add_name(line, "to", record.to);
  if (record.handle != 0) line["fh"] = record.handle;
  if (!record.flags.empty()) line["flags"] = record.flags;
  if (record.offset) line["offset"] = *record.offset;
  if (record.size) line["size"] = *record.size;
  if (record.bytes) line["bytes"] = *record.bytes;
  if (record.mode) line["mode"] = *record.mode;
  if (record.error != 0) line["error"] = error_name(record.error);
  // The time by hand: a double's digits would be more than it has.
  return fmt::format("{{\"time\":{}.{:06},\"us\":{},{}\n", record.began_us / us_per_second,
                     record.began_us % us_per_second, record.took_us, text_of(line).substr(1));
}

Result<AccessRecord> parse_access_line(std::string_view line) {
  try {
    return record_of(Json::parse(line));
  } catch (const std::exception& error) {  // also what nlohmann's library says
    return Error(Code::corrupt, error.what());
  }
}

}  // namespace penstock
