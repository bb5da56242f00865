// SPDX-License-Identifier: Apache-2.0
#include "data/read/read_core.h"

#include <algorithm>

namespace penstock {
namespace {

constexpr std::chrono::seconds sweep_interval{1};

}  // namespace

uint64_t ReadCore::stream_target() const {
  const auto active = static_cast<uint64_t>(std::max(streams_.load(std::memory_order_relaxed), 1));
  return std::min(link.window(), parts.budget.limit() / 4 * 3) / active;
}

void ReadCore::add(const std::shared_ptr<Shedder>& reader) {
  {
    const MutexLock lock(mutex_);
    readers_.emplace(reader.get(), reader);
    if (sweeping_) return;
    sweeping_ = true;
  }
  sweep_later();
}

void ReadCore::remove(const Shedder& reader) {
  const MutexLock lock(mutex_);
  readers_.erase(&reader);
}

std::vector<std::shared_ptr<Shedder>> ReadCore::readers() const {
  std::vector<std::shared_ptr<Shedder>> alive;
  const MutexLock lock(mutex_);
  alive.reserve(readers_.size());
  for (const auto& [address, weak] : readers_) {
    if (std::shared_ptr<Shedder> reader = weak.lock()) alive.push_back(std::move(reader));
  }
  return alive;
}

void ReadCore::reclaim(uint64_t wanted) {
  struct Aged {
    Scheduler::Time last_use;
    Shedder* reader;
  };
  const std::vector<std::shared_ptr<Shedder>> alive = readers();
  std::vector<Aged> by_age;
  by_age.reserve(alive.size());
  for (const auto& reader : alive) by_age.push_back(Aged{reader->last_use(), reader.get()});
  std::sort(by_age.begin(), by_age.end(),
            [](const Aged& a, const Aged& b) { return a.last_use < b.last_use; });
  uint64_t freed = 0;
  for (const Shedder::Level level : {Shedder::Level::idle, Shedder::Level::ahead}) {
    for (const Aged& aged : by_age) {
      if (freed >= wanted) return;
      freed += aged.reader->shed(wanted - freed, level);
    }
  }
}

void ReadCore::sweep_later() {
  parts.scheduler.post_after(sweep_interval, [weak = weak_from_this()] {
    if (const std::shared_ptr<ReadCore> core = weak.lock()) core->sweep();
  });
}

void ReadCore::sweep() {
  const Scheduler::Time now = parts.scheduler.now();
  for (const auto& reader : readers()) reader->sweep(now);
  if (parts.budget.under_pressure()) reclaim(parts.budget.limit() / 16);
  {
    const MutexLock lock(mutex_);
    sweeping_ = !readers_.empty();
    if (!sweeping_) return;
  }
  sweep_later();
}

}  // namespace penstock
