// SPDX-License-Identifier: Apache-2.0
#include "app/doctor/redaction.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace penstock {
namespace {

constexpr std::string_view mask = "***";
/// Shorter ones would be found in words that are none: "true", of TOKENIZERS_PARALLELISM.
constexpr size_t shortest_secret = 8;
/// Of what certainly is one.
constexpr size_t shortest_known_secret = 4;

constexpr std::array<std::string_view, 9> secret_words{"secret",  "token",      "password",
                                                       "passwd",  "access_key", "credential",
                                                       "private", "signature",  "authorization"};

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](unsigned char c) { return std::tolower(c); });
  return result;
}

/// Whether what has this name is a secret. A path, as of a file with a token, is none.
bool names_secret(std::string_view name, std::string_view value) {
  if (value.starts_with('/') || value.starts_with('~')) return false;
  const std::string small = lower(name);
  return std::ranges::any_of(
      secret_words, [&](std::string_view word) { return small.find(word) != std::string::npos; });
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\"'");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\"'") - first + 1);
}

/// "USER:PASSWORD" of a URL; empty: it has none.
std::string_view user_of(std::string_view url) {
  const size_t scheme = url.find("://");
  const size_t begin = scheme == std::string_view::npos ? 0 : scheme + 3;
  const size_t end = std::min(url.find_first_of("/ \t\n\"'?#", begin), url.size());
  const size_t at = url.substr(0, end).rfind('@');
  if (at == std::string_view::npos || at < begin) return {};
  return url.substr(begin, at - begin);
}

void replace_all(std::string& text, std::string_view what) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + mask.size()))
    text.replace(at, what.size(), mask);
}

/// What stands between "://" and "@" of every URL.
void hide_users(std::string& text) {
  for (size_t at = text.find("://"); at != std::string::npos; at = text.find("://", at + 3)) {
    const size_t length = user_of(std::string_view(text).substr(at)).size();
    if (length != 0) text.replace(at + 3, length, mask);
  }
}

/// What follows `name` and a sign, up to the end of the word, or of the line.
void hide_value(std::string& text, std::string_view name, std::string_view ends) {
  std::string small = lower(text);
  for (size_t at = small.find(name); at != std::string::npos; at = small.find(name, at)) {
    at += name.size();
    const size_t end = std::min(text.find_first_of(ends, at), text.size());
    text.replace(at, end - at, mask);
    small = lower(text);
  }
}

}  // namespace

void Redaction::add(std::string_view secret, size_t shortest) {
  if (secret.size() >= shortest) secrets_.emplace_back(secret);
}

Redaction::Redaction(const std::map<std::string, std::string>& variables,
                     const std::vector<std::string>& files) {
  for (const auto& [name, value] : variables) {
    if (names_secret(name, value))
      add(value, name.starts_with("AWS_") ? shortest_known_secret : shortest_secret);
    const std::string_view user = user_of(value);
    const size_t colon = user.find(':');
    if (colon != std::string_view::npos) add(user.substr(colon + 1), shortest_known_secret);
  }
  for (const std::string& file : files) {
    for (size_t begin = 0; begin < file.size();) {
      const size_t end = std::min(file.find('\n', begin), file.size());
      const std::string_view line = std::string_view(file).substr(begin, end - begin);
      const size_t equals = line.find('=');
      if (equals != std::string_view::npos) {
        const std::string_view value = trimmed(line.substr(equals + 1));
        if (names_secret(line.substr(0, equals), value)) add(value, shortest_known_secret);
      }
      begin = end + 1;
    }
  }
  std::ranges::sort(secrets_, [](const auto& a, const auto& b) { return a.size() > b.size(); });
}

std::string Redaction::clean(std::string_view text) const {
  std::string result(text);
  for (const std::string& secret : secrets_) replace_all(result, secret);
  hide_users(result);
  for (const std::string_view name :
       {"x-amz-signature=", "x-amz-credential=", "x-amz-security-token=", "signature="})
    hide_value(result, name, "& \t\n\"',");
  hide_value(result, "authorization:", "\n\"");
  return result;
}

}  // namespace penstock
