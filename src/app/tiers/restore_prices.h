// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "penstock/archive.h"

namespace penstock {

/// What it costs, and how long it takes, to restore from one place by one tier. Prices in US
/// dollars.
struct RestorePrice {
  std::string_view place;  ///< A storage class, or an archive tier of Intelligent-Tiering.
  RestoreTier tier = {};
  double requests = 0;         ///< A thousand of them.
  double retrieval = 0;        ///< A GB (2^30 bytes, as AWS counts them).
  double copy = 0;             ///< A GB of the restored copy, in a month.
  std::string_view takes = {}; /**< Typically: "3 to 5 hours". */
};

/// Where the prices are from, and of which time: for messages.
inline constexpr std::string_view restore_prices_source =
    "AWS's list prices for US East (N. Virginia), June 2026; other stores and regions differ";

std::span<const RestorePrice> restore_prices();

/// Null where that is not possible.
const RestorePrice* restore_price(std::string_view place, RestoreTier tier);

}  // namespace penstock
