// SPDX-License-Identifier: Apache-2.0
#include "store/latency_window.h"

#include <algorithm>

namespace penstock {
namespace {

constexpr size_t enough = 32;
constexpr size_t renewed_after = 16;
constexpr std::chrono::milliseconds margin{2};

}  // namespace

void LatencyWindow::add(Duration waited) {
  const MutexLock lock(mutex_);
  last_[seen_++ % size] = waited;
  if (seen_ < enough || seen_ % renewed_after != 0) return;
  std::array<Duration, size> sorted = last_;
  const size_t known = std::min(seen_, size);
  const auto at = sorted.begin() + static_cast<std::ptrdiff_t>(known - 1 - known / 20);
  std::nth_element(sorted.begin(), at, sorted.begin() + static_cast<std::ptrdiff_t>(known));
  slow_after_ = *at + margin;
}

std::optional<LatencyWindow::Duration> LatencyWindow::slow_after() const {
  const MutexLock lock(mutex_);
  return slow_after_;
}

}  // namespace penstock
