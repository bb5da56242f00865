// SPDX-License-Identifier: Apache-2.0
#include "config/values.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "config/suggest.h"

namespace penstock {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Unit {
  std::string_view name;
  uint64_t factor;
};

constexpr std::array<Unit, 17> size_units{{
    {"", 1},
    {"b", 1},
    {"k", 1ULL << 10},
    {"kib", 1ULL << 10},
    {"kb", 1'000},
    {"m", 1ULL << 20},
    {"mib", 1ULL << 20},
    {"mb", 1'000'000},
    {"g", 1ULL << 30},
    {"gib", 1ULL << 30},
    {"gb", 1'000'000'000},
    {"t", 1ULL << 40},
    {"tib", 1ULL << 40},
    {"tb", 1'000'000'000'000},
    {"p", 1ULL << 50},
    {"pib", 1ULL << 50},
    {"pb", 1'000'000'000'000'000},
}};

constexpr std::array<Unit, 5> duration_units{
    {{"", 1'000}, {"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}}};

Error bad_value() { return Error(Code::invalid_argument); }

Result<uint64_t> parse_number(std::string_view text, int base) {
  uint64_t value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (status != std::errc() || end != text.data() + text.size()) return bad_value();
  return value;
}

Result<uint64_t> parse_with_unit(std::string_view text, std::span<const Unit> units) {
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const Result<uint64_t> number = parse_number(text.substr(0, digits), 10);
  if (!number) return bad_value();
  std::string name(text.substr(digits));
  std::transform(name.begin(), name.end(), name.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  const auto unit =
      std::find_if(units.begin(), units.end(), [&](const Unit& u) { return u.name == name; });
  uint64_t value = 0;
  if (unit == units.end() || __builtin_mul_overflow(*number, unit->factor, &value))
    return bad_value();
  return value;
}

/// The number of the user or group called `name`, or `name` itself if it is a number.
Result<uint64_t> parse_owner(ValueKind kind, const std::string& name) {
  if (Result<uint64_t> number = parse_number(name, 10)) return number;
  std::vector<char> space(1 << 16);
  if (kind == ValueKind::user) {
    passwd entry{};
    passwd* found = nullptr;
    getpwnam_r(name.c_str(), &entry, space.data(), space.size(), &found);
    if (found != nullptr) return uint64_t{entry.pw_uid};
  } else {
    ::group entry{};
    ::group* found = nullptr;
    getgrnam_r(name.c_str(), &entry, space.data(), space.size(), &found);
    if (found != nullptr) return uint64_t{entry.gr_gid};
  }
  return bad_value();
}

std::string_view what_is_right(ValueKind kind) {
  switch (kind) {
    case ValueKind::size:
      return "is not a size; write a number with a unit, such as 512M or 4GiB";
    case ValueKind::space:
      return "is not a space on a disk; write a size, such as 200GiB, or a share, such as 20%";
    case ValueKind::duration:
      return "is not a time; write a number with a unit, such as 500ms, 60s, 5m or 1h";
    case ValueKind::count:
      return "is not a whole number";
    case ValueKind::mode:
      return "is not a mode; write it in octal as for chmod, such as 0644";
    case ValueKind::user:
      return "is not a user of this machine; give a user's name or number";
    case ValueKind::group:
      return "is not a group of this machine; give a group's name or number";
    case ValueKind::address:
      return "is not an address to listen at; write HOST:PORT with the number of an address, such "
             "as 127.0.0.1:9464 or [::1]:9464, or a port alone";
    case ValueKind::flag:
    case ValueKind::text:
    case ValueKind::path:
    case ValueKind::choice:
      break;
  }
  return "is not a value of this option";
}

Error complaint(const OptionRow& row, std::string_view text, std::string_view what) {
  return Error(Code::invalid_argument, fmt::format("--{}: '{}' {}", row.name, text, what));
}

Result<uint64_t> parse_by_kind(ValueKind kind, std::string_view text) {
  switch (kind) {
    case ValueKind::size:
      return parse_size(text);
    case ValueKind::duration:
      return parse_duration(text);
    case ValueKind::mode:
      return parse_number(text, 8);
    case ValueKind::user:
    case ValueKind::group:
      return parse_owner(kind, std::string(text));
    case ValueKind::flag:
    case ValueKind::text:
    case ValueKind::address:
    case ValueKind::path:
    case ValueKind::space:
    case ValueKind::count:
    case ValueKind::choice:
      break;
  }
  return parse_number(text, 10);
}

std::string number_text(ValueKind kind, uint64_t value) {
  if (kind == ValueKind::size) return size_text(value);
  if (kind == ValueKind::duration) return duration_text(value);
  if (kind == ValueKind::mode) return fmt::format("{:04o}", value);
  return std::to_string(value);
}

std::vector<std::string_view> words_of(std::string_view choices) {
  std::vector<std::string_view> words;
  while (!choices.empty()) {
    const size_t bar = std::min(choices.find('|'), choices.size());
    words.push_back(choices.substr(0, bar));
    choices.remove_prefix(std::min(bar + 1, choices.size()));
  }
  return words;
}

Result<void> set_choice(const OptionRow& row, std::string_view text, OptionTarget target) {
  const std::vector<std::string_view> words = words_of(row.value);
  const auto word = std::find(words.begin(), words.end(), text);
  if (word == words.end()) {
    const std::optional<std::string> near = closest(text, words);
    return complaint(row, text,
                     fmt::format("is not one of {}{}", fmt::join(words, ", "),
                                 near ? fmt::format(" (did you mean {}?)", *near) : ""));
  }
  const auto store = [&](auto* value) {
    using Value = std::remove_pointer_t<decltype(value)>;
    // The words of a row are in the order of its enumerators.
    if constexpr (std::is_enum_v<Value>) *value = static_cast<Value>(word - words.begin());
    if constexpr (std::is_same_v<Value, std::string>) *value = text;
  };
  std::visit(store, target);
  return {};
}

Result<void> set_number(const OptionRow& row, std::string_view text, OptionTarget target) {
  uint64_t value = 0;
  if (row.most_is_forever && text == "forever") {
    value = row.most;
  } else if (!(row.zero_is_auto && text == "auto")) {
    const Result<uint64_t> number = parse_by_kind(row.kind, text);
    if (!number) return complaint(row, text, what_is_right(row.kind));
    value = *number;
    const bool is_auto = row.zero_is_auto && value == 0;
    if (value < row.least && !is_auto) {
      return complaint(
          row, text,
          fmt::format("is too small; the least is {}", number_text(row.kind, row.least)));
    }
    if (value > row.most) {
      return complaint(
          row, text, fmt::format("is too large; the most is {}", number_text(row.kind, row.most)));
    }
  }
  if (auto* const* small = std::get_if<uint32_t*>(&target)) {
    if (value > UINT32_MAX) return complaint(row, text, "is too large");
    **small = static_cast<uint32_t>(value);
  } else if (auto* const* large = std::get_if<uint64_t*>(&target)) {
    **large = value;
  } else if (auto* const* fine = std::get_if<milliseconds*>(&target)) {
    **fine = milliseconds(value);
  } else {
    if (value % 1000 != 0) return complaint(row, text, "is not a number of whole seconds");
    *std::get<seconds*>(target) = seconds(value / 1000);
  }
  return {};
}

Result<void> set_space(const OptionRow& row, std::string_view text, DiskSpace& target) {
  const bool share = text.ends_with('%');
  const Result<uint64_t> number =
      share ? parse_number(text.substr(0, text.size() - 1), 10) : parse_size(text);
  if (!number || (share && (*number < 1 || *number > 100)))
    return complaint(row, text, what_is_right(row.kind));
  target = share ? DiskSpace{.percent = static_cast<uint32_t>(*number)} : DiskSpace{*number, 0};
  return {};
}

Result<void> set_flag(const OptionRow& row, std::string_view text, bool& target) {
  const bool yes = text.empty() || text == "yes" || text == "true";
  if (!yes && text != "no" && text != "false") return complaint(row, text, "is neither yes nor no");
  target = yes;
  return {};
}

/// With the loopback address where there is none.
Result<void> set_address(const OptionRow& row, std::string_view text, std::string& target) {
  const size_t colon = text.rfind(':');
  std::string host = "127.0.0.1";
  std::string_view port = text;
  if (colon != std::string_view::npos) {
    if (colon != 0) host = text.substr(0, colon);
    port = text.substr(colon + 1);
  }
  if (host == "localhost") host = "127.0.0.1";
  in6_addr address{};
  const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  const std::string number = brackets ? host.substr(1, host.size() - 2) : host;
  const bool right = inet_pton(brackets ? AF_INET6 : AF_INET, number.c_str(), &address) == 1;
  const Result<uint64_t> parsed = parse_number(port, 10);
  if (!right || !parsed || *parsed > UINT16_MAX)
    return complaint(row, text, what_is_right(row.kind));
  target = fmt::format("{}:{}", host, *parsed);
  return {};
}

/// The words for what a target holds.
struct Printer {
  const OptionRow& row;
  std::string operator()(const bool* value) const { return *value ? "yes" : "no"; }
  std::string operator()(const std::string* value) const { return *value; }
  std::string operator()(const uint32_t* value) const { return number(*value); }
  std::string operator()(const uint64_t* value) const { return number(*value); }
  std::string operator()(const milliseconds* value) const {
    return number(static_cast<uint64_t>(value->count()));
  }
  std::string operator()(const seconds* value) const {
    return number(static_cast<uint64_t>(value->count()) * 1000);
  }
  template <typename Choice>
  requires std::is_enum_v<Choice> std::string operator()(const Choice* value) const {
    return std::string(words_of(row.value)[static_cast<size_t>(*value)]);
  }
  std::string operator()(const DiskSpace* value) const {
    return value->percent == 0 ? size_text(value->bytes) : fmt::format("{}%", value->percent);
  }
  std::string number(uint64_t value) const {
    if (row.most_is_forever && value >= row.most) return "forever";
    return row.zero_is_auto && value == 0 ? "auto" : number_text(row.kind, value);
  }
};

}  // namespace

Result<uint64_t> parse_size(std::string_view text) { return parse_with_unit(text, size_units); }

Result<uint64_t> parse_duration(std::string_view text) {
  return parse_with_unit(text, duration_units);
}

std::string size_text(uint64_t bytes) {
  constexpr std::array<std::string_view, 6> names{"", "KiB", "MiB", "GiB", "TiB", "PiB"};
  size_t unit = 0;
  while (unit + 1 < names.size() && bytes != 0 && bytes % 1024 == 0) {
    bytes /= 1024;
    ++unit;
  }
  return fmt::format("{}{}", bytes, names[unit]);
}

std::string duration_text(uint64_t milliseconds) {
  if (milliseconds % 1000 != 0) return fmt::format("{}ms", milliseconds);
  const uint64_t whole = milliseconds / 1000;
  if (whole > 3600 && whole % 3600 == 0) return fmt::format("{}h", whole / 3600);
  if (whole > 60 && whole % 60 == 0) return fmt::format("{}m", whole / 60);
  return fmt::format("{}s", whole);
}

Result<void> set_value(const OptionRow& row, std::string_view text, const std::string& directory,
                       Options& options) {
  const OptionTarget target = row.target(options);
  switch (row.kind) {
    case ValueKind::flag:
      return set_flag(row, text, *std::get<bool*>(target));
    case ValueKind::choice:
      return set_choice(row, text, target);
    case ValueKind::address:
      return set_address(row, text, *std::get<std::string*>(target));
    case ValueKind::text:
    case ValueKind::path:
      if (text.empty()) {
        return Error(
            Code::invalid_argument,
            fmt::format("--{} has an empty value; give one, or leave the option out", row.name));
      }
      *std::get<std::string*>(target) =
          row.kind == ValueKind::path
              ? (std::filesystem::path(directory) / text).lexically_normal().string()
              : std::string(text);
      return {};
    case ValueKind::space:
      return set_space(row, text, *std::get<DiskSpace*>(target));
    case ValueKind::size:
    case ValueKind::duration:
    case ValueKind::count:
    case ValueKind::mode:
    case ValueKind::user:
    case ValueKind::group:
      break;
  }
  return set_number(row, text, target);
}

std::string value_text(const OptionRow& row, const Options& options) {
  Options copy = options;
  const OptionTarget target = row.target(copy);
  return std::visit(Printer{row}, target);
}

}  // namespace penstock
