// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "data/write_back/content_map.h"
#include "penstock/object_store.h"

namespace penstock {

/// Contents that were promised, as they were.
struct Promise {
  uint64_t number = 0;      ///< Of its file's promises, from 1 on.
  uint64_t generation = 0;  ///< The last whose writes are in `contents`.
  ContentMap contents;
  Metadata metadata;
};
using PromisePtr = std::shared_ptr<const Promise>;

}  // namespace penstock
