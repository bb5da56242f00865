// SPDX-License-Identifier: Apache-2.0
#include "fs/names/compact_etag.h"

#include <charconv>

namespace penstock {
namespace {

constexpr std::string_view digits = "0123456789abcdef";
constexpr size_t sum_digits = 32;
constexpr uint32_t most_parts = 10'000;

/// Nothing where the text is not just what the number would be written as.
std::optional<uint16_t> number_of_parts(std::string_view text) {
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (text.front() == '0' || number > most_parts) return std::nullopt;
  return static_cast<uint16_t>(number);
}

}  // namespace

std::optional<CompactEtag> CompactEtag::of(std::string_view etag) {
  CompactEtag result;
  if (etag.empty()) return result;
  if (etag.size() < sum_digits) return std::nullopt;
  for (size_t i = 0; i < sum_digits; ++i) {
    const size_t digit = digits.find(etag[i]);
    if (digit == std::string_view::npos) return std::nullopt;
    result.sum_[i / 2] = static_cast<uint8_t>(result.sum_[i / 2] << 4U | digit);
  }
  result.parts_ = no_parts;
  if (etag.size() == sum_digits) return result;
  if (etag[sum_digits] != '-' || etag.size() == sum_digits + 1) return std::nullopt;
  const auto parts = number_of_parts(etag.substr(sum_digits + 1));
  if (!parts) return std::nullopt;
  result.parts_ = *parts;
  return result;
}

std::string CompactEtag::text() const {
  std::string result;
  if (parts_ == no_etag) return result;
  result.reserve(sum_digits + 6);
  for (const uint8_t byte : sum_) {
    result += digits[byte >> 4U];
    result += digits[byte & 0xfU];
  }
  if (parts_ != no_parts) result += '-' + std::to_string(parts_);
  return result;
}

}  // namespace penstock
