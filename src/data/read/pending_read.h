// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>

#include "base/memory_budget.h"
#include "data/read/read_stream.h"
#include "penstock/object_store.h"
#include "penstock/result.h"
#include "penstock/slices.h"

namespace penstock {

/// One read that could not be answered at once. It waits either for memory (then it holds nothing
/// back from anyone) or for the fetches that it pinned. Guarded by its reader's lock, but for the
/// interrupt, whose destructor may wait for a running callback: let the last reference go unlocked.
struct PendingRead {
  PendingRead(ByteRange wanted, Done<Slices> reply) : range(wanted), done(std::move(reply)) {}

  const ByteRange range;
  Done<Slices> done;
  bool finished = false;
  uint32_t unmet = 0;  ///< Pinned fetches that have not got all of this read's bytes yet.

  uint64_t asked = 0;      ///< Bytes of memory that it waits for; 0 while it waits for none.
  bool reserving = false;  ///< The call to the budget has not returned yet.
  bool granted = false;
  Reservation grant;
  bool spot = false;   ///< What it lacks is fetched for it alone, rounded to the granule.
  bool ahead = false;  ///< No program waits for it: what it lacks may be fetched in the background.
  bool wide = false;   ///< A grant was too small once: asks for the whole range from now on.

  std::optional<std::stop_callback<std::function<void()>>> interrupt;
};

}  // namespace penstock
