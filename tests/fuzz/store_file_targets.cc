// SPDX-License-Identifier: Apache-2.0
// Where credentials come from: services, programs and the files of the AWS CLI; and what a store
// in a folder keeps beside its files.
#include <algorithm>
#include <chrono>
#include <string>

#include "fuzz/parsers.h"
#include "fuzz/target.h"
#include "fuzz/temp_file.h"
#include "store/dir/file_tags.h"
#include "store/s3/aws_config_file.h"
#include "store/s3/credentials_json.h"
#include "store/s3/sso_token.h"

namespace penstock::fuzz {
namespace {

using Time = std::chrono::system_clock::time_point;

void check_credentials(const Result<Credentials>& credentials) {
  if (!credentials) return must(!credentials.error().message().empty(), "a refusal is explained");
  must(!credentials->access_key.empty() && !credentials->secret_key.empty(),
       "credentials are both halves");
}

/// Both parts of an input that has a line "---" in it; the second is empty where it has none.
std::pair<std::string_view, std::string_view> halves(std::string_view input) {
  constexpr std::string_view line = "\n---\n";
  const size_t at = input.find(line);
  if (at == std::string_view::npos) return {input, {}};
  return {input.substr(0, at), input.substr(at + line.size())};
}

/// A value of several lines, each but the first indented.
std::string indented(const std::string& value) {
  std::string text;
  for (const char c : value) {
    text += c;
    if (c == '\n') text += "  ";
  }
  return text;
}

std::string written_sections(const AwsSections& sections) {
  std::string text;
  for (const auto& [name, section] : sections) {
    text += "[" + name + "]\n";
    for (const auto& [block, values] : section.nested) {
      text += block + " =\n";
      for (const auto& [inner, value] : values) text += "  " + inner + " = " + value + "\n";
    }
    for (const auto& [setting, value] : section.values)
      text += setting + " = " + indented(value) + "\n";
  }
  return text;
}

bool same_sections(const AwsSections& one, const AwsSections& other) {
  return std::ranges::equal(one, other, [](const auto& a, const auto& b) {
    return a.first == b.first && a.second.values == b.second.values &&
           a.second.nested == b.second.nested;
  });
}

}  // namespace

void credentials_json(std::string_view input) {
  check_credentials(parse_credentials_json(input));
  check_credentials(parse_portal_answer(input));
  must(sso_reason(input).size() <= 500, "a reason is short");
}

void sts_answer(std::string_view input) {
  check_credentials(parse_sts_answer(input));
  must(sts_reason(input).size() <= 4 * input.size() + 2, "a reason is of the answer");
}

void iso_time(std::string_view input) {
  const std::optional<Time> time = parse_iso_time(std::string(input));
  if (!time) return;
  must(*time >= Time(), "what is over is so since the epoch at most");
  must(parse_iso_time(penstock::iso_time(*time)) == time, "a time is written as it is");
}

/// The file of `aws sso login`, and what the service answers when its token is to be renewed.
void sso_token(std::string_view input) {
  const auto [file, answer] = halves(input);
  const Result<SsoToken> token = SsoToken::read(file_with(file));
  if (!token) return must(!token.error().message().empty(), "a refusal is explained");
  must(!token->access_token().empty(), "a token is something");
  must(!token->renewal_request().empty(), "it can be renewed");
  const Time now = Time(std::chrono::seconds(1'700'000'000));
  const Result<SsoToken> renewed = token->renewed(answer, now);
  if (renewed) must(renewed->expires() >= now, "a new token has not ended");
}

void aws_file(std::string_view input) {
  const AwsSections sections = parse_aws_file(input);
  for (const auto& [name, section] : sections) {
    for (const auto& [setting, value] : section.values) {
      must(!setting.empty() && setting.find('\n') == std::string::npos, "a setting is one word");
      must(value.size() <= input.size(), "a value is of the file");
    }
  }
  // Quotes around a profile's name are taken off once.
  if (input.find_first_of("'\"") != std::string_view::npos) return;
  must(same_sections(parse_aws_file(written_sections(sections)), sections),
       "what is written is read as the same");
}

void folder_tags(std::string_view input) {
  if (const auto strings = decode_strings(input))
    must(decode_strings(encode_strings(*strings)) == strings, "strings are written as they are");
  if (const auto metadata = decode_metadata(input))
    must(decode_metadata(encode_metadata(*metadata)) == metadata, "so are metadata");
}

}  // namespace penstock::fuzz
