// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>

#include "penstock/result.h"
#include "store/store_metrics.h"

namespace penstock {

/// What a store that works says, too: there is no such object, or it is another version.
inline bool is_answer(Code code) {
  return code == Code::not_found || code == Code::already_exists || code == Code::changed ||
         code == Code::not_supported || code == Code::cancelled;
}

/// Counts a request now, and what becomes of it when `done` is told; `sent` bytes if it succeeds.
template <typename T>
Done<T> metered_call(std::shared_ptr<StoreMetrics> metrics, StoreRequest kind, Done<T> done,
                     uint64_t sent = 0) {
  using Clock = std::chrono::steady_clock;
  metrics->of(kind).begun.add();
  return [metrics = std::move(metrics), kind, done = std::move(done), sent,
          begun = Clock::now()](Result<T> result) mutable {
    RequestMetrics& of_kind = metrics->of(kind);
    of_kind.ended.add();
    of_kind.whole.observe(Clock::now() - begun);
    if (!result.has_value()) {
      if (!is_answer(result.error().code())) of_kind.failed.add();
      if (result.error().code() == Code::throttled) of_kind.throttled.add();
      if (result.error().code() == Code::corrupt) of_kind.corrupt.add();
    } else if (sent > 0) {
      of_kind.bytes.add(sent);
    }
    done(std::move(result));
  };
}

}  // namespace penstock
