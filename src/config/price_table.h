// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "penstock/result.h"

namespace penstock {

/// What a store asks for requests and for bytes. The defaults are the list prices of AWS for S3
/// Standard in us-east-1, to programs in that region: https://aws.amazon.com/s3/pricing/, as of
/// November 2026. A value.
struct PriceTable {
  std::string currency = "USD";
  double put = 0.005;   ///< 1,000 requests: PUT, COPY, POST and LIST, parts of uploads included.
  double get = 0.0004;  ///< 1,000 requests: GET and HEAD.
  double remove = 0;    ///< 1,000 requests: DELETE, and the end of an upload that is given up.
  double received = 0;  ///< A GiB that is read from the store.
  double sent = 0;      ///< A GiB that is written to it.
};

/// Understands a price table: TOML with the keys currency (a string) and put, get, delete,
/// received and sent (numbers, not negative), each of which may be left out. `place` stands before
/// messages. The error (invalid_argument) says what is wrong and where.
Result<PriceTable> parse_price_table(std::string_view text, const std::string& place);
/// The same of a file.
Result<PriceTable> read_price_table(const std::string& path);

}  // namespace penstock
