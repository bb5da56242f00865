// SPDX-License-Identifier: Apache-2.0
#include "store/s3/aws_config_file.h"

#include <algorithm>
#include <cctype>

namespace penstock {
namespace {

std::string_view trim(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\v\f";
  const size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return result;
}

/// "  profile  'my dev' " is "profile my dev".
std::string section_name(std::string_view text) {
  text = trim(text);
  const size_t blank = text.find_first_of(" \t");
  if (blank == std::string_view::npos) return std::string(text);
  std::string_view name = trim(text.substr(blank));
  if (name.size() >= 2 && (name.front() == '"' || name.front() == '\'') &&
      name.back() == name.front()) {
    name = name.substr(1, name.size() - 2);
  }
  return std::string(text.substr(0, blank)) + " " + std::string(name);
}

class Parser {
 public:
  void line(std::string_view raw) {
    const std::string_view text = trim(raw);
    if (text.empty() || text.front() == '#' || text.front() == ';') return;
    const size_t indent = raw.find(text.front());
    if (section_ != nullptr && !setting_.empty() && indent > setting_indent_)
      return continued(text);
    if (text.front() == '[') return header(text);
    if (section_ != nullptr) assignment(text, indent);
  }

  AwsSections take() { return std::move(sections_); }

 private:
  void header(std::string_view text) {
    const size_t end = text.find(']');
    setting_.clear();
    section_ =
        end == std::string_view::npos ? nullptr : &sections_[section_name(text.substr(1, end - 1))];
  }

  void assignment(std::string_view text, size_t indent) {
    const size_t sign = text.find_first_of("=:");
    if (sign == std::string_view::npos || sign == 0) return;
    setting_ = lower(trim(text.substr(0, sign)));
    setting_indent_ = indent;
    section_->values[setting_] = std::string(trim(text.substr(sign + 1)));
  }

  void continued(std::string_view text) {
    std::string& value = section_->values[setting_];
    const size_t sign = text.find('=');
    if (value.empty() && sign != std::string_view::npos) {
      section_->nested[setting_][lower(trim(text.substr(0, sign)))] =
          std::string(trim(text.substr(sign + 1)));
      return;
    }
    value += "\n";
    value += text;
  }

  AwsSections sections_;
  AwsSection* section_ = nullptr;
  std::string setting_;
  size_t setting_indent_ = 0;
};

}  // namespace

std::string AwsSection::value(const std::string& name) const {
  const auto found = values.find(name);
  return found == values.end() ? "" : found->second;
}

std::string AwsSection::nested_value(const std::string& block, const std::string& name) const {
  const auto found = nested.find(block);
  if (found == nested.end()) return "";
  const auto inner = found->second.find(name);
  return inner == found->second.end() ? "" : inner->second;
}

void AwsSection::merge(const AwsSection& other) {
  for (const auto& [name, value] : other.values) values[name] = value;
  for (const auto& [name, block] : other.nested) nested[name] = block;
}

AwsSections parse_aws_file(std::string_view text) {
  if (text.substr(0, 3) == "\xEF\xBB\xBF")
    text.remove_prefix(3);  // A byte order mark, as some editors leave one.
  Parser parser;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    parser.line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parser.take();
}

}  // namespace penstock
