// SPDX-License-Identifier: Apache-2.0
// Compiled alone, as config_file.cc is.
#include "config/price_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>

#include "config/toml.h"
#include "config/toml_letters.h"

namespace penstock {
namespace {

double* price_of(PriceTable& prices, std::string_view key) {
  if (key == "put") return &prices.put;
  if (key == "get") return &prices.get;
  if (key == "delete") return &prices.remove;
  if (key == "received") return &prices.received;
  if (key == "sent") return &prices.sent;
  return nullptr;
}

/// The currency becomes a label of a metric, and stands in a column of `penstock stats`: short,
/// printable, without quotes.
bool is_currency(std::string_view text) {
  return !text.empty() && text.size() <= 8 &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f && c != '"'; });
}

/// What is wrong with one line of the table.
std::optional<std::string> take(PriceTable& prices, std::string_view key, const toml::node& node) {
  if (key == "currency") {
    const std::optional<std::string> text = node.value_exact<std::string>();
    if (!text || !is_currency(*text))
      return "the currency is a string of up to 8 letters, such as \"USD\"";
    prices.currency = *text;
    return std::nullopt;
  }
  double* const price = price_of(prices, key);
  if (price == nullptr) {
    return fmt::format("'{}' is no price; there are currency, put, get, delete, received and sent",
                       key);
  }
  const std::optional<double> number = node.value<double>();
  if (!node.is_number() || !number || !(*number >= 0) || std::isinf(*number))
    return fmt::format("the price '{}' is a number that is not negative, such as 0.005", key);
  *price = *number;
  return std::nullopt;
}

Error wrong_at(const std::string& place, const toml::source_position& at, std::string_view what) {
  return Error(Code::invalid_argument,
               fmt::format("{}:{}:{}: {}", place, at.line, at.column, what));
}

}  // namespace

Result<PriceTable> parse_price_table(std::string_view text, const std::string& place) {
  if (const std::optional<TomlPlace> at = bare_letter(text))
    return wrong_at(place, {at->line, at->column}, bare_letter_fault);
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    return wrong_at(place, parsed.error().source().begin,
                    fmt::format("this is not TOML: {}", parsed.error().description()));
  }
  PriceTable prices;
  for (const auto& [key, node] : parsed.table()) {
    if (const std::optional<std::string> problem = take(prices, key.str(), node))
      return wrong_at(place, key.source().begin, *problem);
  }
  return prices;
}

Result<PriceTable> read_price_table(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf())) {
    return Error(Code::invalid_argument,
                 fmt::format("the price table {} cannot be read: {}", path,
                             errno != 0 ? std::strerror(errno) : "it is empty"));
  }
  return parse_price_table(text.str(), path);
}

}  // namespace penstock
