// SPDX-License-Identifier: Apache-2.0
#include "data/read/read_core.h"

#include <algorithm>
#include <utility>

namespace penstock {
namespace {

constexpr std::chrono::seconds sweep_interval{1};

}  // namespace

uint64_t ReadCore::share(uint64_t bytes, int32_t own) const noexcept {
  const int32_t active = std::max(streams_.load(std::memory_order_relaxed), 1);
  return bytes / static_cast<uint64_t>(active) * static_cast<uint64_t>(std::clamp(own, 1, active));
}

uint64_t ReadCore::stream_target() const {
  return share(std::min(link.window(), parts.budget.limit() / 4 * 3), 1);
}

void ReadCore::add(const std::shared_ptr<Shedder>& reader) {
  order_.add(reader);
  {
    const MutexLock lock(mutex_);
    if (sweeping_) return;
    sweeping_ = true;
  }
  sweep_later();
}

void ReadCore::relieve(uint64_t wanted) {
  if (parts.budget.under_pressure()) reclaim(std::max(wanted, parts.budget.limit() / 16));
}

void ReadCore::sweep_later() {
  parts.scheduler.post_after(sweep_interval, [weak = weak_from_this()] {
    if (const std::shared_ptr<ReadCore> core = weak.lock()) core->sweep();
  });
}

void ReadCore::sweep() {
  {
    const MutexLock lock(mutex_);
    sweeping_ = false;
  }
  if (!order_.sweep(parts.scheduler.now())) return;
  relieve();
  {
    const MutexLock lock(mutex_);
    if (std::exchange(sweeping_, true)) return;
  }
  sweep_later();
}

}  // namespace penstock
