// SPDX-License-Identifier: Apache-2.0
#include "store/s3/credentials_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "store/s3/xml.h"

namespace penstock {
namespace {

using Clock = std::chrono::system_clock;

std::string text_of(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

/// <...Response><...Result><Credentials>: null where the answer has none.
const XmlElement* credentials_of(const XmlElement& answer) {
  for (const XmlElement& result : answer.children) {
    if (!result.name.ends_with("Result")) continue;
    if (const XmlElement* credentials = result.child("Credentials")) return credentials;
  }
  return nullptr;
}

/// What lies beyond the clock's range never comes: some say with the year 9999 that keys do not
/// end. What lies before it is over, whenever it was: programs in Go write the year 1 for no time.
Clock::time_point time_at(std::chrono::seconds since_epoch) {
  constexpr auto last = std::chrono::floor<std::chrono::seconds>(Clock::duration::max());
  // The clock could count some of these, but not for how long they are over.
  since_epoch = std::max(since_epoch, std::chrono::seconds(0));
  return since_epoch < last ? Clock::time_point(since_epoch) : Clock::time_point::max();
}

std::string trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(blanks) - first + 1));
}

Result<Credentials> checked(Credentials credentials, const std::string& expiration) {
  if (credentials.access_key.empty() || credentials.secret_key.empty()) {
    return Error(Code::corrupt, "the answer holds no AccessKeyId and SecretAccessKey");
  }
  if (expiration.empty()) return credentials;
  const auto expires = parse_iso_time(expiration);
  if (!expires)
    return Error(Code::corrupt, fmt::format("'{}' is no time of expiration", expiration));
  credentials.expires = *expires;
  return credentials;
}

}  // namespace

Result<Credentials> parse_credentials_json(std::string_view text) {
  const nlohmann::json object = nlohmann::json::parse(text, nullptr, false);
  if (!object.is_object()) return Error(Code::corrupt, "the answer is no JSON object");
  const std::string code = text_of(object, "Code");
  if (!code.empty() && code != "Success") {
    return Error(Code::access_denied, fmt::format("{}: {}", code, text_of(object, "Message")));
  }
  std::string token = text_of(object, "Token");
  if (token.empty()) token = text_of(object, "SessionToken");
  return checked({.access_key = text_of(object, "AccessKeyId"),
                  .secret_key = text_of(object, "SecretAccessKey"),
                  .session_token = std::move(token)},
                 text_of(object, "Expiration"));
}

Result<Credentials> parse_sts_answer(std::string_view text) {
  const Result<XmlElement> answer = parse_xml(text);
  if (!answer) return answer.error();
  const XmlElement* const credentials = credentials_of(*answer);
  if (credentials == nullptr)
    return Error(Code::corrupt,
                 fmt::format("the answer, a <{}>, has no <Credentials>", answer->name));
  return checked({.access_key = trimmed(credentials->text_of("AccessKeyId")),
                  .secret_key = trimmed(credentials->text_of("SecretAccessKey")),
                  .session_token = trimmed(credentials->text_of("SessionToken"))},
                 trimmed(credentials->text_of("Expiration")));
}

Result<Credentials> parse_portal_answer(std::string_view text) {
  const nlohmann::json answer = nlohmann::json::parse(text, nullptr, false);
  const auto keys = answer.is_object() ? answer.find("roleCredentials") : answer.end();
  if (!answer.is_object() || keys == answer.end() || !keys->is_object())
    return Error(Code::corrupt, "the answer has no roleCredentials");
  auto found = checked({.access_key = text_of(*keys, "accessKeyId"),
                        .secret_key = text_of(*keys, "secretAccessKey"),
                        .session_token = text_of(*keys, "sessionToken")},
                       "");
  if (!found.has_value()) return found;
  const auto ends = keys->find("expiration");
  if (ends == keys->end() || !ends->is_number_unsigned())
    return Error(Code::corrupt, "the roleCredentials have no time of expiration");
  found->expires = time_at(std::chrono::seconds(ends->get<uint64_t>() / 1000));
  return found;
}

std::string sso_reason(std::string_view text) {
  const nlohmann::json answer = nlohmann::json::parse(text, nullptr, false);
  if (!answer.is_object()) return "";
  for (const char* name : {"message", "Message", "error_description", "error"}) {
    if (std::string words = text_of(answer, name); !words.empty()) return words.substr(0, 500);
  }
  return "";
}

std::string sts_reason(std::string_view text) {
  const Result<XmlElement> answer = parse_xml(text);
  const XmlElement* const error = answer ? answer->child("Error") : nullptr;
  if (error == nullptr) return "";
  return fmt::format("{}: {}", trimmed(error->text_of("Code")),
                     trimmed(error->text_of("Message")).substr(0, 500));
}

std::optional<Clock::time_point> parse_iso_time(const std::string& text) {
  std::tm when{};
  int used = 0;
  const int fields =
      // NOLINTNEXTLINE(cert-err34-c): the fields are two or four digits, which cannot overflow.
      std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &when.tm_year, &when.tm_mon,
                  &when.tm_mday, &when.tm_hour, &when.tm_min, &when.tm_sec, &used);
  if (fields != 6) return std::nullopt;
  when.tm_year -= 1900;
  when.tm_mon -= 1;
  size_t at = static_cast<size_t>(used);
  if (at < text.size() && text[at] == '.') at = text.find_first_not_of("0123456789", at + 1);
  const std::string zone = at < text.size() ? text.substr(at) : "";
  int hours = 0;
  int minutes = 0;
  char sign = '+';
  // NOLINTNEXTLINE(cert-err34-c)
  const bool has_offset = std::sscanf(zone.c_str(), "%c%2d:%2d", &sign, &hours, &minutes) == 3;
  if (zone != "Z" && zone != "UTC" && !zone.empty() &&
      !(has_offset && (sign == '+' || sign == '-')))
    return std::nullopt;
  const int offset = (sign == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
  return time_at(std::chrono::seconds(timegm(&when) - offset));
}

std::string iso_time(Clock::time_point time) {
  const std::time_t seconds = Clock::to_time_t(time);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", utc.tm_year + 1900, utc.tm_mon + 1,
                     utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

}  // namespace penstock
