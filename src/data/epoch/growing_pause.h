// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <utility>

namespace penstock {

/// How long to wait before what cannot be done now is tried again: each time twice as long, up to
/// some seconds, until something could be done. Not thread-safe.
class GrowingPause {
 public:
  static constexpr std::chrono::milliseconds shortest{100};
  static constexpr std::chrono::milliseconds longest{3200};

  /// It could not be done: how long to wait now.
  std::chrono::milliseconds next() noexcept {
    return std::exchange(next_, std::min(2 * next_, longest));
  }
  /// Something could be done.
  void reset() noexcept { next_ = shortest; }

 private:
  std::chrono::milliseconds next_ = shortest;
};

}  // namespace penstock
