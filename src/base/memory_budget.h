// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "penstock/callback.h"

namespace penstock {

class MemoryBudget;

/// A share of a MemoryBudget, given back when destroyed. Move-only. The budget must outlive it.
class Reservation {
 public:
  Reservation() = default;
  Reservation(Reservation&& other) noexcept;
  Reservation& operator=(Reservation&& other) noexcept;
  ~Reservation() { release(); }

  uint64_t bytes() const noexcept { return bytes_; }
  void release() noexcept;
  /// Takes `bytes` (at most bytes()) out of this one into one of its own.
  Reservation split(uint64_t bytes) noexcept;

 private:
  friend class MemoryBudget;
  Reservation(MemoryBudget* budget, uint8_t use, uint64_t bytes)
      : budget_(budget), use_(use), bytes_(bytes) {}

  MemoryBudget* budget_ = nullptr;
  uint8_t use_ = 0;
  uint64_t bytes_ = 0;
};

/// The one bound on the bytes that a mount holds for read-ahead and for dirty data.
///
/// Pressure shrinks read-ahead first (it is only ever tried for), then makes writers wait
/// (reserve), and never fails a request: a demand read waits too, but may overdraw by a small share
/// so that a mount full of dirty data still reads. Thread-safe. Callbacks run without its lock, on
/// the thread that gave memory back.
class MemoryBudget {
 public:
  enum class Use : uint8_t {
    read_ahead,  ///< Up to 3/4 of the limit, and only what is free: see try_reserve.
    demand,      ///< What a waiting reader needs: up to the limit plus 1/16.
    write,       ///< Dirty data: up to 7/8 of the limit.
  };

  /// `limit` in bytes, at least 16 MiB.
  explicit MemoryBudget(uint64_t limit);
  ~MemoryBudget();

  uint64_t limit() const noexcept { return limit_; }
  uint64_t used() const EXCLUDES(mutex_);
  uint64_t used(Use use) const EXCLUDES(mutex_);
  /// True while someone waits: what is only kept in case it is needed again should be dropped.
  bool under_pressure() const EXCLUDES(mutex_);

  /// Takes `bytes` if they are free for this use and nobody of higher need waits.
  std::optional<Reservation> try_reserve(Use use, uint64_t bytes) EXCLUDES(mutex_);

  /// Calls `granted` once with the memory, before returning if it is free, else in order of arrival
  /// within `use` (demand before write). Asks the reclaimers before it makes anyone wait. A request
  /// over the use's share is granted when nothing else of that use is held.
  void reserve(Use use, uint64_t bytes, Callback<void(Reservation)> granted) EXCLUDES(mutex_);

  /// `reclaim(wanted)` should give back about `wanted` bytes of memory that nobody waits for, if it
  /// has any. It is called without locks, from any thread, and possibly once more while it is being
  /// removed: let it hold a weak_ptr.
  using Reclaimer = std::function<void(uint64_t wanted)>;
  void add_reclaimer(std::shared_ptr<Reclaimer> reclaimer) EXCLUDES(mutex_);
  void remove_reclaimer(const std::shared_ptr<Reclaimer>& reclaimer) EXCLUDES(mutex_);

 private:
  friend class Reservation;
  struct Waiter {
    Use use;
    uint64_t bytes;
    Callback<void(Reservation)> granted;
  };

  uint64_t share(Use use) const noexcept;
  bool fits(Use use, uint64_t bytes) const REQUIRES(mutex_);
  Reservation take(Use use, uint64_t bytes) REQUIRES(mutex_);
  void give_back(Use use, uint64_t bytes) noexcept EXCLUDES(mutex_);
  void grant_waiters() EXCLUDES(mutex_);
  void reclaim(uint64_t wanted) EXCLUDES(mutex_);

  const uint64_t limit_;
  mutable Mutex mutex_;
  std::array<uint64_t, 3> used_ GUARDED_BY(mutex_) = {};
  std::deque<Waiter> demand_waiters_ GUARDED_BY(mutex_);
  std::deque<Waiter> write_waiters_ GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<Reclaimer>> reclaimers_ GUARDED_BY(mutex_);
};

/// The default of --memory-limit: a quarter of the memory that this process may use (the limits of
/// its control groups, and the machine's), between 64 MiB and 1 GiB. `root` as for
/// cgroup_memory_limit.
uint64_t default_memory_limit(const std::string& root = "");

/// The default of --metadata-memory: a sixteenth of the same, between 64 MiB and 4 GiB: some ten
/// million names for each GiB.
uint64_t default_metadata_memory(const std::string& root = "");

}  // namespace penstock
