// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "config/price_table.h"
#include "store/store_metrics.h"

namespace penstock {

/// Requests by the classes that S3 has prices for; see PriceTable. What a
/// restoration costs beside its request is not in it.
struct Billed {
  uint64_t put = 0;
  uint64_t get = 0;
  uint64_t remove = 0;
};

Billed billed_requests(const StoreMetrics& metrics);

struct Cost {
  std::string_view item;  ///< A key of the price table.
  double amount = 0;      ///< In PriceTable::currency.
};

/// Of all items, also of those that cost nothing.
std::vector<Cost> costs(const StoreMetrics& metrics, const PriceTable& prices);

}  // namespace penstock
