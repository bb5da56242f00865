// SPDX-License-Identifier: Apache-2.0
#include "data/write/write_memory.h"

#include <utility>
#include <vector>

namespace penstock {

void WriteMemory::start() {
  reclaimer_ = std::make_shared<MemoryBudget::Reclaimer>([weak = weak_from_this()](uint64_t) {
    const auto self = weak.lock();
    if (self == nullptr || self->kept_ == 0) return;
    for (const auto& holder : self->holders()) holder->drop_kept();
  });
  budget_.add_reclaimer(reclaimer_);
}

void WriteMemory::stop() { budget_.remove_reclaimer(reclaimer_); }

std::vector<std::shared_ptr<MemoryHolder>> WriteMemory::holders() {
  std::vector<std::shared_ptr<MemoryHolder>> alive;
  const MutexLock lock(mutex_);
  for (const auto& [address, weak] : holders_) {
    if (auto holder = weak.lock()) alive.push_back(std::move(holder));
  }
  return alive;
}

void WriteMemory::join(const std::shared_ptr<MemoryHolder>& holder) {
  const MutexLock lock(mutex_);
  holders_[holder.get()] = holder;
}

void WriteMemory::leave(const MemoryHolder* holder) {
  const MutexLock lock(mutex_);
  holders_.erase(holder);
}

/// Only while something is on its way, whose end lets writers go on.
bool WriteMemory::far_ahead() const {
  if (in_flight_ == 0) return false;
  const uint64_t held = budget_.used(MemoryBudget::Use::write);
  const uint64_t kept = kept_;
  // Twice what the link holds, as for readers: with less, a full link, whose parts take longer than
  // the best one did, would look like a slow one and be slowed down further.
  return held > kept && held - kept > link_.window();
}

std::optional<Reservation> WriteMemory::try_take(uint64_t bytes) {
  {
    const MutexLock lock(mutex_);
    if (!paced_.empty() || far_ahead()) return std::nullopt;
  }
  return budget_.try_reserve(MemoryBudget::Use::write, bytes);
}

void WriteMemory::take(uint64_t bytes, Callback<void(MemoryGrant)> granted) {
  {
    const MutexLock lock(mutex_);
    if (!paced_.empty() || far_ahead()) {
      paced_.push_back({bytes, std::move(granted)});
      return;
    }
  }
  reserve(bytes, std::move(granted));
}

void WriteMemory::release_paced() {
  while (true) {
    Paced next;
    {
      const MutexLock lock(mutex_);
      if (paced_.empty() || far_ahead()) return;
      next = std::move(paced_.front());
      paced_.pop_front();
    }
    reserve(next.bytes, std::move(next.granted));
  }
}

void WriteMemory::reserve(uint64_t bytes, Callback<void(MemoryGrant)> granted) {
  auto ticket = std::make_shared<Ticket>();
  ticket->granted = std::move(granted);
  {
    const MutexLock lock(mutex_);
    waiting_.push_back(ticket);
  }
  budget_.reserve(MemoryBudget::Use::write, bytes,
                  [weak = weak_from_this(), ticket](Reservation reservation) {
                    if (const auto self = weak.lock()) self->give(ticket, std::move(reservation));
                  });
  check();
}

void WriteMemory::give(const std::shared_ptr<Ticket>& ticket, Reservation reservation) {
  Callback<void(MemoryGrant)> granted;
  {
    const MutexLock lock(mutex_);
    if (!ticket->granted) return;  // it went on without
    granted = std::move(ticket->granted);
    std::erase(waiting_, ticket);
  }
  // The thread that gave the memory back may be deep inside another file's work, and hold locks.
  scheduler_.post(
      [granted = std::move(granted), grant = MemoryGrant{std::move(reservation)}]() mutable {
        granted(std::move(grant));
      });
}

void WriteMemory::overdraw() {
  std::shared_ptr<Ticket> first;
  Callback<void(MemoryGrant)> granted;
  bool say = false;
  {
    const MutexLock lock(mutex_);
    making_room_ = false;
    if (waiting_.empty()) return;
    first = std::move(waiting_.front());
    waiting_.pop_front();
    granted = std::move(first->granted);
    say = !std::exchange(said_overdrawn_, true);
  }
  if (say) {
    log_->warning(
        "Unfinished parts fill the memory limit, and no disk takes them (see --staging-dir): "
        "writing goes on above the limit.");
  }
  scheduler_.post([self = shared_from_this(), granted = std::move(granted)]() mutable {
    granted(MemoryGrant{.overdrawn = true});
    self->check();
  });
}

void WriteMemory::check() {
  {
    const MutexLock lock(mutex_);
    if (waiting_.empty() || making_room_ || in_flight_ > 0) return;
    making_room_ = true;
  }
  std::shared_ptr<MemoryHolder> largest;
  uint64_t most = 0;
  for (const auto& holder : holders()) {
    const uint64_t bytes = holder->spillable();
    if (bytes <= most) continue;
    most = bytes;
    largest = holder;
  }
  if (largest == nullptr) return overdraw();
  largest->spill([self = shared_from_this()](bool freed) {
    if (!freed) return self->overdraw();
    {
      const MutexLock lock(self->mutex_);
      self->making_room_ = false;
    }
    self->check();
  });
}

Scheduler::Time WriteMemory::sending() {
  const MutexLock lock(mutex_);
  ++in_flight_;
  return scheduler_.now();
}

void WriteMemory::ended(uint64_t bytes, Scheduler::Time begin) {
  const Scheduler::Time now = scheduler_.now();
  link_.arrived(now, bytes);
  link_.completed(now, bytes, now - begin, {});
  one_less();
}

void WriteMemory::moving() {
  const MutexLock lock(mutex_);
  ++in_flight_;
}

void WriteMemory::moved() { one_less(); }

void WriteMemory::one_less() {
  bool waiting = false;
  {
    const MutexLock lock(mutex_);
    --in_flight_;
    waiting = !waiting_.empty();
  }
  release_paced();
  if (!waiting) return;
  scheduler_.post([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->check();
  });
}

bool WriteMemory::try_keep(uint64_t bytes) {
  if (budget_.under_pressure() || budget_.used() > budget_.limit() / 4 * 3) return false;
  uint64_t kept = kept_;
  do {
    if (kept + bytes > keep_limit_) return false;
  } while (!kept_.compare_exchange_weak(kept, kept + bytes));
  return true;
}

}  // namespace penstock
