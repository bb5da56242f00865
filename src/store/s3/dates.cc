// SPDX-License-Identifier: Apache-2.0
#include "store/s3/dates.h"

#include <array>
#include <charconv>
#include <chrono>

namespace penstock {
namespace {

std::optional<int> number(std::string_view text, size_t at, size_t digits) {
  if (at + digits > text.size()) return std::nullopt;
  int value = 0;
  const char* end = text.data() + at + digits;
  const auto [stop, error] = std::from_chars(text.data() + at, end, value);
  if (error != std::errc() || stop != end || value < 0) return std::nullopt;
  return value;
}

struct Moment {
  int year, month, day, hour, minute, second;
};

std::optional<int64_t> to_nanoseconds(const Moment& m) {
  using namespace std::chrono;
  const year_month_day date{year(m.year), month(static_cast<unsigned>(m.month)),
                            day(static_cast<unsigned>(m.day))};
  // Nanoseconds since the epoch fit into 64 bits until 2262. A leap second counts as the next
  // second.
  const bool time_ok = m.hour < 24 && m.minute < 60 && m.second <= 60;
  if (!date.ok() || !time_ok || m.year < 1700 || m.year > 2261) return std::nullopt;
  const auto time =
      sys_days(date).time_since_epoch() + hours(m.hour) + minutes(m.minute) + seconds(m.second);
  return duration_cast<nanoseconds>(time).count();
}

}  // namespace

std::optional<int64_t> parse_http_date(std::string_view text) {
  constexpr std::array<std::string_view, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  if (text.size() != 29 || text[3] != ',' || text.substr(25) != " GMT") return std::nullopt;
  const auto day = number(text, 5, 2);
  const auto year = number(text, 12, 4);
  const auto hour = number(text, 17, 2);
  const auto minute = number(text, 20, 2);
  const auto second = number(text, 23, 2);
  if (!day || !year || !hour || !minute || !second) return std::nullopt;
  for (size_t i = 0; i < months.size(); ++i) {
    if (text.substr(8, 3) != months[i]) continue;
    return to_nanoseconds({*year, static_cast<int>(i) + 1, *day, *hour, *minute, *second});
  }
  return std::nullopt;
}

std::optional<int64_t> parse_iso_date(std::string_view text) {
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' ||
      text[16] != ':' || text.back() != 'Z') {
    return std::nullopt;
  }
  const auto year = number(text, 0, 4);
  const auto month = number(text, 5, 2);
  const auto day = number(text, 8, 2);
  const auto hour = number(text, 11, 2);
  const auto minute = number(text, 14, 2);
  const auto second = number(text, 17, 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  const auto whole = to_nanoseconds({*year, *month, *day, *hour, *minute, *second});
  const std::string_view fraction = text.substr(19, text.size() - 20);
  if (!whole || fraction.empty()) return whole;
  if (fraction[0] != '.' || fraction.size() > 10) return std::nullopt;
  int64_t nanoseconds = 0;
  int64_t unit = 100'000'000;
  for (const char c : fraction.substr(1)) {
    if (c < '0' || c > '9') return std::nullopt;
    nanoseconds += (c - '0') * unit;
    unit /= 10;
  }
  return *whole + nanoseconds;
}

}  // namespace penstock
