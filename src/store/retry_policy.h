// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

namespace penstock {

/// When a failed request is tried again, and for how long.
struct RetryPolicy {
  std::chrono::milliseconds first_backoff{
      50};  ///< The longest wait before the second try; doubles with each.
  std::chrono::milliseconds max_backoff{5000};
  std::chrono::milliseconds max_retry_after{
      30'000};  ///< A server that asks for more is asked again then.
  std::chrono::milliseconds read_limit{
      60'000};  ///< get, head, list: from the first try or the last byte received.
  std::chrono::milliseconds write_limit{300'000};  ///< Everything that changes the store.
  /// What a try is given where its caller has less patience: set for stores that are slow.
  std::chrono::milliseconds least_patience{0};
  uint32_t max_corrupt =
      3;  ///< Answers in a row that may contradict themselves; one more is believed.
};

}  // namespace penstock
