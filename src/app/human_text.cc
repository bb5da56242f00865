// SPDX-License-Identifier: Apache-2.0
#include "app/human_text.h"

#include <fmt/format.h>

#include <array>
#include <ctime>

namespace penstock {
namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

}  // namespace

std::string human_size(uint64_t bytes) {
  constexpr std::array<std::string_view, 7> units{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  // What would be rounded up to 1024 is one of the next unit.
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1023.5 && unit + 1 < units.size(); ++unit) value /= 1024;
  return unit == 0 || value >= 9.95 ? fmt::format("{:.0f}{}", value, units[unit])
                                    : fmt::format("{:.1f}{}", value, units[unit]);
}

std::string counted(uint64_t count, std::string_view thing) {
  return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

std::string human_time(std::chrono::seconds time) {
  const int64_t s = time.count();
  if (s < 60) return fmt::format("{}s", s);
  if (s < 3600) return fmt::format("{}m{:02}s", s / 60, s % 60);
  return fmt::format("{}h{:02}m", s / 3600, s / 60 % 60);
}

std::string human_latency(std::chrono::duration<double> time) {
  constexpr std::array<std::string_view, 3> units{"us", "ms", "s"};
  double value = time.count() * 1e6;
  size_t unit = 0;
  for (; value >= 999.5 && unit + 1 < units.size(); ++unit) value /= 1000;
  return value >= 9.95 ? fmt::format("{:.0f}{}", value, units[unit])
                       : fmt::format("{:.1f}{}", value, units[unit]);
}

std::string local_time(int64_t ns) {
  const auto seconds = static_cast<time_t>(ns / 1'000'000'000);
  tm parts{};
  localtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  return {text.data(), strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M", &parts)};
}

std::string printable(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (is_control(c)) {
      result += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      result += c;
    }
  }
  return result;
}

std::string json_string(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (is_control(c)) {
      result += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
      continue;
    }
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + "\"";
}

}  // namespace penstock
