// SPDX-License-Identifier: Apache-2.0
#include "server/text.h"

#include <array>
#include <charconv>

namespace penstock::test {
namespace {

constexpr char hex_upper[] = "0123456789ABCDEF";
constexpr char hex_lower[] = "0123456789abcdef";
constexpr char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int hex_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

bool unreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.' || c == '~';
}

std::string format_time(time_t when, const char* format) {
  std::tm parts = {};
  gmtime_r(&when, &parts);
  std::array<char, 64> text = {};
  const size_t length = strftime(text.data(), text.size(), format, &parts);
  return {text.data(), length};
}

std::optional<time_t> parse_time(const std::string& text, const char* format) {
  std::tm parts = {};
  const char* end = strptime(text.c_str(), format, &parts);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return timegm(&parts);
}

void append_utf8(std::string& out, uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

void append_entity(std::string& out, std::string_view name) {
  if (name == "amp") out += '&';
  if (name == "lt") out += '<';
  if (name == "gt") out += '>';
  if (name == "quot") out += '"';
  if (name == "apos") out += '\'';
  if (!name.empty() && name.front() == '#') {
    const bool is_hex = name.size() > 1 && (name[1] == 'x' || name[1] == 'X');
    const std::string_view digits = name.substr(is_hex ? 2 : 1);
    uint32_t code = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), code, is_hex ? 16 : 10);
    append_utf8(out, code);
  }
}

bool xml_forbids(char c) {
  return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r';
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::optional<uint64_t> parse_number(std::string_view digits) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

std::string hex(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    text += hex_lower[value >> 4];
    text += hex_lower[value & 15];
  }
  return text;
}

std::string base64(std::string_view bytes) {
  std::string text;
  for (size_t at = 0; at < bytes.size(); at += 3) {
    uint32_t group = 0;
    for (size_t i = 0; i < 3; ++i) {
      group =
          (group << 8) | (at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0U);
    }
    for (size_t i = 0; i < 4; ++i) {
      const bool padding = at + i > bytes.size();
      text += padding ? '=' : base64_digits[(group >> (18 - 6 * i)) & 63];
    }
  }
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  std::string bytes;
  uint32_t group = 0;
  unsigned bits = 0;
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  for (const char c : text) {
    const size_t value = std::string_view(base64_digits).find(c);
    if (value == std::string_view::npos) return std::nullopt;
    group = (group << 6) | static_cast<uint32_t>(value);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes += static_cast<char>((group >> bits) & 255);
    }
  }
  return bytes;
}

std::string uri_encode(std::string_view text, bool keep_slash) {
  std::string encoded;
  encoded.reserve(text.size() + 16);
  for (const char c : text) {
    if (unreserved(c) || (keep_slash && c == '/')) {
      encoded += c;
    } else {
      const auto value = static_cast<unsigned char>(c);
      encoded += '%';
      encoded += hex_upper[value >> 4];
      encoded += hex_upper[value & 15];
    }
  }
  return encoded;
}

std::optional<std::string> uri_decode(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (i + 2 >= text.size() || hex_value(text[i + 1]) < 0 || hex_value(text[i + 2]) < 0)
        return std::nullopt;
      decoded += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      decoded += plus_is_space && text[i] == '+' ? ' ' : text[i];
    }
  }
  return decoded;
}

std::string xml_escape(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size() + 16);
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\r':
        escaped += "&#13;";
        break;
      default:
        if (xml_forbids(c)) {
          escaped += "&#x" + hex({&c, 1}) + ";";
        } else {
          escaped += c;
        }
    }
  }
  return escaped;
}

bool xml_can_carry(std::string_view document) {
  for (size_t i = 0; i < document.size(); ++i) {
    if (xml_forbids(document[i])) return false;
    if (!document.substr(i).starts_with("&#")) continue;
    const std::string text = xml_unescape(document.substr(i, document.find(';', i) - i + 1));
    if (text.empty() || xml_forbids(text.front())) return false;
  }
  return true;
}

std::string xml_unescape(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    const size_t end = text[i] == '&' ? text.find(';', i) : std::string_view::npos;
    if (end == std::string_view::npos) {
      plain += text[i];
    } else {
      append_entity(plain, text.substr(i + 1, end - i - 1));
      i = end;
    }
  }
  return plain;
}

std::vector<std::string> xml_elements(std::string_view document, std::string_view name) {
  std::vector<std::string> found;
  const std::string open = "<" + std::string(name);
  const std::string close = "</" + std::string(name) + ">";
  size_t at = 0;
  while ((at = document.find(open, at)) != std::string_view::npos) {
    at += open.size();
    const size_t begin = document.find('>', at);
    if (begin == std::string_view::npos) break;
    const char after = document[at];
    if (after != '>' && after != ' ' && after != '/' && after != '\n') continue;  // a longer name
    if (document[begin - 1] == '/') {
      found.emplace_back();
      continue;
    }
    const size_t end = document.find(close, begin);
    if (end == std::string_view::npos) break;
    found.emplace_back(document.substr(begin + 1, end - begin - 1));
    at = end + close.size();
  }
  return found;
}

std::string xml_text(std::string_view document, std::string_view name) {
  const std::vector<std::string> found = xml_elements(document, name);
  return found.empty() ? std::string() : xml_unescape(found.front());
}

std::string http_date(time_t when) { return format_time(when, "%a, %d %b %Y %H:%M:%S GMT"); }
std::string iso_date(time_t when) { return format_time(when, "%Y-%m-%dT%H:%M:%S.000Z"); }
std::optional<time_t> parse_amz_date(const std::string& text) {
  return parse_time(text, "%Y%m%dT%H%M%SZ");
}
std::optional<time_t> parse_http_date(const std::string& text) {
  return parse_time(text, "%a, %d %b %Y %H:%M:%S GMT");
}

}  // namespace penstock::test
