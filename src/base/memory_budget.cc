// SPDX-License-Identifier: Apache-2.0
#include "base/memory_budget.h"

#include <unistd.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include "base/cgroup_limit.h"

namespace penstock {
namespace {

constexpr size_t index(MemoryBudget::Use use) { return static_cast<size_t>(use); }

/// By the machine and by the limits of this process's control groups.
uint64_t usable_memory(const std::string& root) {
  const uint64_t ram =
      static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return std::min(ram, cgroup_memory_limit(root));
}

}  // namespace

Reservation::Reservation(Reservation&& other) noexcept
    : budget_(other.budget_), use_(other.use_), bytes_(std::exchange(other.bytes_, 0)) {}

Reservation& Reservation::operator=(Reservation&& other) noexcept {
  if (this != &other) {
    release();
    budget_ = other.budget_;
    use_ = other.use_;
    bytes_ = std::exchange(other.bytes_, 0);
  }
  return *this;
}

void Reservation::release() noexcept {
  const uint64_t bytes = std::exchange(bytes_, 0);
  if (bytes != 0) budget_->give_back(static_cast<MemoryBudget::Use>(use_), bytes);
}

Reservation Reservation::split(uint64_t bytes) noexcept {
  bytes = std::min(bytes, bytes_);
  bytes_ -= bytes;
  return Reservation(budget_, use_, bytes);
}

MemoryBudget::MemoryBudget(uint64_t limit) : limit_(std::max<uint64_t>(limit, 16ULL << 20)) {}

MemoryBudget::~MemoryBudget() = default;

uint64_t MemoryBudget::used() const {
  const MutexLock lock(mutex_);
  return std::accumulate(used_.begin(), used_.end(), uint64_t{0});
}

uint64_t MemoryBudget::used(Use use) const {
  const MutexLock lock(mutex_);
  return used_[index(use)];
}

bool MemoryBudget::under_pressure() const {
  const MutexLock lock(mutex_);
  return !demand_waiters_.empty() || !write_waiters_.empty();
}

uint64_t MemoryBudget::share(Use use) const noexcept {
  switch (use) {
    case Use::read_ahead:
      return limit_ / 4 * 3;
    case Use::demand:
      return limit_ + limit_ / 16;
    case Use::write:
      break;
  }
  return limit_ / 8 * 7;
}

bool MemoryBudget::fits(Use use, uint64_t bytes) const {
  const uint64_t all = std::accumulate(used_.begin(), used_.end(), uint64_t{0});
  const uint64_t ceiling = use == Use::demand ? share(use) : limit_;
  if (used_[index(use)] == 0 && bytes > share(use)) return all <= limit_;
  return used_[index(use)] + bytes <= share(use) && all + bytes <= ceiling;
}

Reservation MemoryBudget::take(Use use, uint64_t bytes) {
  used_[index(use)] += bytes;
  return Reservation(this, static_cast<uint8_t>(use), bytes);
}

std::optional<Reservation> MemoryBudget::try_reserve(Use use, uint64_t bytes) {
  const MutexLock lock(mutex_);
  if (!demand_waiters_.empty() || (use != Use::demand && !write_waiters_.empty()))
    return std::nullopt;
  if (!fits(use, bytes)) return std::nullopt;
  return take(use, bytes);
}

void MemoryBudget::reserve(Use use, uint64_t bytes, Callback<void(Reservation)> granted) {
  std::optional<Reservation> got = try_reserve(use, bytes);
  if (!got) {
    reclaim(bytes);
    got = try_reserve(use, bytes);
  }
  if (got) {
    granted(std::move(*got));
    return;
  }
  {
    const MutexLock lock(mutex_);
    auto& queue = use == Use::demand ? demand_waiters_ : write_waiters_;
    queue.push_back(Waiter{use, bytes, std::move(granted)});
  }
  grant_waiters();  // memory may have come back between the last try and the queueing
}

void MemoryBudget::give_back(Use use, uint64_t bytes) noexcept {
  bool waiting = false;
  {
    const MutexLock lock(mutex_);
    used_[index(use)] -= bytes;
    waiting = !demand_waiters_.empty() || !write_waiters_.empty();
  }
  if (waiting) grant_waiters();
}

void MemoryBudget::grant_waiters() {
  while (true) {
    Waiter next;
    Reservation memory;
    {
      const MutexLock lock(mutex_);
      auto& queue = demand_waiters_.empty() ? write_waiters_ : demand_waiters_;
      if (queue.empty() || !fits(queue.front().use, queue.front().bytes)) return;
      next = std::move(queue.front());
      queue.pop_front();
      memory = take(next.use, next.bytes);
    }
    next.granted(std::move(memory));
  }
}

void MemoryBudget::reclaim(uint64_t wanted) {
  std::vector<std::shared_ptr<Reclaimer>> reclaimers;
  {
    const MutexLock lock(mutex_);
    reclaimers = reclaimers_;
  }
  for (const auto& reclaimer : reclaimers) (*reclaimer)(wanted);
}

void MemoryBudget::add_reclaimer(std::shared_ptr<Reclaimer> reclaimer) {
  const MutexLock lock(mutex_);
  reclaimers_.push_back(std::move(reclaimer));
}

void MemoryBudget::remove_reclaimer(const std::shared_ptr<Reclaimer>& reclaimer) {
  const MutexLock lock(mutex_);
  std::erase(reclaimers_, reclaimer);
}

uint64_t default_memory_limit(const std::string& root) {
  return std::clamp<uint64_t>(usable_memory(root) / 4, 64ULL << 20, 1ULL << 30);
}

uint64_t default_metadata_memory(const std::string& root) {
  return std::clamp<uint64_t>(usable_memory(root) / 16, 64ULL << 20, 4ULL << 30);
}

}  // namespace penstock
