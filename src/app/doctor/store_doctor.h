// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <stop_token>

#include "app/doctor/doctor_text.h"
#include "penstock/options.h"
#include "store/store_factory.h"

namespace penstock {

/// How a store is to be examined.
struct StoreWish {
  StoreOptions options;
  StoreUrl url;
  bool read_only = false;
  bool rates = true;
};

/// Examines the store: the way to it, rights, abilities, rates; what a later one needs and an
/// earlier one has not got is left out. `tell` is called for each group when it is complete. Within
/// two minutes whatever the store does; sooner when stopped. What it made in the store is removed
/// in any case, or said to be left.
void examine_store(const StoreWish& wish, const std::stop_token& stop,
                   const std::function<void(FindingGroup)>& tell);

}  // namespace penstock
