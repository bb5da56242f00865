// SPDX-License-Identifier: Apache-2.0
#include "data/read/read_core.h"

#include <algorithm>
#include <utility>

namespace penstock {
namespace {

constexpr std::chrono::seconds sweep_interval{1};

}  // namespace

uint64_t ReadCore::stream_target() const {
  const auto active = static_cast<uint64_t>(std::max(streams_.load(std::memory_order_relaxed), 1));
  return std::min(link.window(), parts.budget.limit() / 4 * 3) / active;
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
