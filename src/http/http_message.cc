// SPDX-License-Identifier: Apache-2.0
#include "http/http_message.h"

#include <cctype>

namespace penstock {

void HttpHeaders::add(std::string_view name, std::string_view value) {
  Line line{};
  line.name = static_cast<uint32_t>(text_.size());
  for (const char c : name) text_ += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  line.value = static_cast<uint32_t>(text_.size());
  text_ += value;
  line.end = static_cast<uint32_t>(text_.size());
  lines_.push_back(line);
}

void HttpHeaders::clear() noexcept {
  text_.clear();
  lines_.clear();
}

std::pair<std::string_view, std::string_view> HttpHeaders::line(size_t index) const noexcept {
  const Line& line = lines_[index];
  const std::string_view text = text_;
  return {text.substr(line.name, line.value - line.name),
          text.substr(line.value, line.end - line.value)};
}

std::string_view HttpHeaders::find(std::string_view name) const noexcept {
  for (size_t i = 0; i < lines_.size(); ++i) {
    const auto [candidate, value] = line(i);
    if (candidate == name) return value;
  }
  return {};
}

bool HttpHeaders::contains(std::string_view name) const noexcept {
  for (size_t i = 0; i < lines_.size(); ++i) {
    if (line(i).first == name) return true;
  }
  return false;
}

}  // namespace penstock
