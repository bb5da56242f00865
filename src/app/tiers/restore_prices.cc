// SPDX-License-Identifier: Apache-2.0
#include "app/tiers/restore_prices.h"

#include <algorithm>
#include <array>

namespace penstock {
namespace {

using enum RestoreTier;

/// S3 Standard, in which the copy lies.
constexpr double copy = 0.023;

// Times: Amazon S3 User Guide, "Archive retrieval options". Prices: aws.amazon.com/s3/pricing,
// "Requests and data retrievals" and "Storage".
constexpr auto table = std::to_array<RestorePrice>({
    {"GLACIER", expedited, 10.00, 0.03, copy, "1 to 5 minutes"},
    {"GLACIER", RestoreTier::standard, 0.05, 0.01, copy, "3 to 5 hours"},
    {"GLACIER", bulk, 0, 0, copy, "5 to 12 hours"},
    {"DEEP_ARCHIVE", RestoreTier::standard, 0.10, 0.02, copy, "12 hours"},
    {"DEEP_ARCHIVE", bulk, 0.025, 0.0025, copy, "48 hours"},
    {"ARCHIVE_ACCESS", expedited, 10.00, 0.03, 0, "1 to 5 minutes"},
    {"ARCHIVE_ACCESS", RestoreTier::standard, 0, 0, 0, "3 to 5 hours"},
    {"ARCHIVE_ACCESS", bulk, 0, 0, 0, "5 to 12 hours"},
    {"DEEP_ARCHIVE_ACCESS", RestoreTier::standard, 0, 0, 0, "12 hours"},
    {"DEEP_ARCHIVE_ACCESS", bulk, 0, 0, 0, "48 hours"},
});

}  // namespace

std::span<const RestorePrice> restore_prices() { return table; }

const RestorePrice* restore_price(std::string_view place, RestoreTier tier) {
  const auto row = std::ranges::find_if(
      table, [&](const RestorePrice& each) { return each.place == place && each.tier == tier; });
  return row == table.end() ? nullptr : &*row;
}

}  // namespace penstock
