// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "penstock/error.h"

namespace penstock {

/// Asked where the disk is full: whether something else on it was removed, so that another try is
/// worth it. Called from any thread; may block on the disk.
using MakeRoom = std::function<bool()>;

/// The result of `attempt`, which is made anew while the disk is full and something gives way.
template <typename Attempt>
auto with_room(const MakeRoom& make_room, Attempt&& attempt) {
  // Others may be quicker to take what is freed.
  constexpr int most_tries = 16;
  for (int tries = 1;; ++tries) {
    auto result = attempt();
    const bool full = !result && result.code() == Code::no_space;
    if (!full || tries == most_tries || !make_room || !make_room()) return result;
  }
}

}  // namespace penstock
