// SPDX-License-Identifier: Apache-2.0
#include "config/toml_letters.h"

#include <algorithm>

namespace penstock {
namespace {

bool is_ascii(char c) { return static_cast<uint8_t>(c) < 0x80; }
bool begins_character(char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; }

class Scan {
 public:
  explicit Scan(std::string_view text) : rest_(text) {
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    if (rest_.starts_with(byte_order_mark)) rest_.remove_prefix(byte_order_mark.size());
  }

  std::optional<TomlPlace> run() {
    while (!rest_.empty()) {
      const char c = rest_.front();
      if (!is_ascii(c)) return place_;
      if (c == '#') {
        skip(std::min(rest_.find('\n'), rest_.size()));
      } else if (c == '"' || c == '\'') {
        if (!skip_string(c)) return place_;
      } else {
        skip(1);
      }
    }
    return std::nullopt;
  }

 private:
  void skip(size_t bytes) {
    for (const char c : rest_.substr(0, bytes)) {
      if (c == '\n') {
        place_ = {.line = place_.line + 1, .column = 1};
      } else if (begins_character(c)) {
        ++place_.column;
      }
    }
    rest_.remove_prefix(std::min(bytes, rest_.size()));
  }

  /// False at a letter that toml++ must not see. One that does not end, or ends with its line, is
  /// no concern here: what follows is wrong whatever it is.
  bool skip_string(char quote) {
    const char three[] = {quote, quote, quote};
    const std::string_view long_end(three, sizeof three);
    const bool is_long = rest_.starts_with(long_end);
    const std::string_view end = is_long ? long_end : long_end.substr(0, 1);
    skip(end.size());
    while (!rest_.empty() && !rest_.starts_with(end) && (is_long || rest_.front() != '\n')) {
      if (quote == '"' && rest_.front() == '\\') {
        if (!skip_escape()) return false;
      } else {
        skip(1);
      }
    }
    if (rest_.starts_with(end)) skip(end.size());
    return true;
  }

  bool skip_escape() {
    constexpr std::string_view blanks = " \t\r\n";
    const size_t next = rest_.find_first_not_of(blanks, 1);
    if (next == 1 || next == std::string_view::npos) {
      skip(2);
      return true;
    }
    skip(next);
    return is_ascii(rest_.front());
  }

  std::string_view rest_;
  TomlPlace place_;
};

}  // namespace

std::optional<TomlPlace> bare_letter(std::string_view text) noexcept { return Scan(text).run(); }

}  // namespace penstock
