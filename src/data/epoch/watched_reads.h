// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "data/epoch/epoch_prefetcher.h"
#include "data/epoch/order_hints.h"
#include "data/read/read_engine.h"

namespace penstock {

/// A ReadEngine whose readers of small objects tell a prefetcher, and whoever fetches by hints,
/// when they have read all of one, and get what these have under way instead of fetching it a
/// second time. `inner` must outlive it.
std::unique_ptr<ReadEngine> make_watched_reads(ReadEngine& inner,
                                               std::shared_ptr<EpochPrefetcher> prefetcher,
                                               std::shared_ptr<OrderHints> hints);

}  // namespace penstock
