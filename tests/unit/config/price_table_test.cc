// SPDX-License-Identifier: Apache-2.0
#include "config/price_table.h"

#include "support/catch.h"

namespace penstock {
namespace {

std::string refusal(std::string_view text) {
  const Result<PriceTable> parsed = parse_price_table(text, "prices.toml");
  return parsed ? "" : std::string(parsed.error().message());
}

TEST_CASE("a price table says what it says, and the rest is AWS's") {
  const Result<PriceTable> prices = parse_price_table(
      "currency = \"EUR\"  # ours\nput = 1\ndelete = 0.25\nreceived = 0.09\nsent = 2e-2\n", "p");
  REQUIRE(prices);
  CHECK(prices->currency == "EUR");
  CHECK(prices->put == 1);
  CHECK(prices->get == PriceTable{}.get);
  CHECK(prices->remove == 0.25);
  CHECK(prices->received == 0.09);
  CHECK(prices->sent == 0.02);
  CHECK(parse_price_table("", "p")->put == 0.005);
}

TEST_CASE("a price table with a mistake is refused, with the place and what is right") {
  CHECK(refusal("\nput = -1") ==
        "prices.toml:2:1: the price 'put' is a number that is not negative, such as 0.005");
  CHECK(refusal("get = \"0.1\"") ==
        "prices.toml:1:1: the price 'get' is a number that is not negative, such as 0.005");
  CHECK(refusal("get = nan") != "");
  CHECK(refusal("get = inf") != "");
  CHECK(refusal("get = true") != "");
  CHECK(refusal("list = 1") ==
        "prices.toml:1:1: 'list' is no price; there are currency, put, get, delete, received and "
        "sent");
  CHECK(refusal("currency = \"a \\\"b\"") ==
        "prices.toml:1:1: the currency is a string of up to 8 letters, such as \"USD\"");
  CHECK(refusal("put 1").starts_with("prices.toml:1:"));
}

TEST_CASE("a price table that is not there is told by its name") {
  const Result<PriceTable> prices = read_price_table("/nowhere/prices.toml");
  REQUIRE_FALSE(prices);
  CHECK(prices.error().message() ==
        "the price table /nowhere/prices.toml cannot be read: No such file or directory");
}

}  // namespace
}  // namespace penstock
