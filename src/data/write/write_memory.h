// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/log.h"
#include "base/memory_budget.h"
#include "base/mutex.h"
#include "base/scheduler.h"
#include "data/link_estimate.h"
#include "penstock/callback.h"

namespace penstock {

/// A file whose memory can be had back. Called without locks held.
class MemoryHolder {
 public:
  virtual ~MemoryHolder() = default;
  /// Bytes that spill could move to the disk.
  virtual uint64_t spillable() const = 0;
  /// Moves some of them (a few MiB) to the staging disk; `done(false)` if nothing was freed.
  virtual void spill(Callback<void(bool)> done) = 0;
  /// Frees what is stored already and was only kept in case it is changed again.
  virtual void drop_kept() = 0;
};

/// Memory to write into: reserved, or (when nothing can ever free any) overdrawn.
struct MemoryGrant {
  Reservation reservation;
  bool overdrawn = false;

  bool covers(uint64_t bytes) const noexcept { return overdrawn || reservation.bytes() >= bytes; }
};

/// The memory of all files that are being written: the mount's budget, and what makes room in it so
/// that no set of writers can block one another for ever.
///
/// While parts are on their way, writers get no further ahead of them than what keeps the link full
/// (as measured): more would be buffered only to be waited for by close, and every page of it
/// touched for the first time.
///
/// When somebody waits for the budget: first what is only kept is dropped; while parts are on their
/// way, their end is waited for; else the largest holder of unfinished parts spills to the staging
/// disk; and if no disk takes it, the one who has waited longest goes on without a reservation.
/// Then memory exceeds the budget, by at most one part per file. Thread-safe. Held by shared_ptr
/// because the budget may answer after the engine is gone.
class WriteMemory : public std::enable_shared_from_this<WriteMemory> {
 public:
  /// `part_size`: of the first parts; `keep_limit`: for try_keep.
  WriteMemory(MemoryBudget& budget, Scheduler& scheduler, std::shared_ptr<Log> log,
              uint64_t part_size, uint64_t keep_limit)
      : budget_(budget),
        scheduler_(scheduler),
        log_(std::move(log)),
        keep_limit_(keep_limit),
        link_(part_size, first_lead) {}

  void start();  ///< Answers the budget's calls for memory from now on.
  void stop();

  std::optional<Reservation> try_take(uint64_t bytes) EXCLUDES(mutex_);
  /// Calls `granted` on the scheduler once there is memory, in order of the calls. The caller must
  /// hold no lock.
  void take(uint64_t bytes, Callback<void(MemoryGrant)> granted) EXCLUDES(mutex_);

  void join(const std::shared_ptr<MemoryHolder>& holder) EXCLUDES(mutex_);
  void leave(const MemoryHolder* holder) EXCLUDES(mutex_);

  /// Brackets around the time that a request needs memory which its end frees; `bytes` were sent
  /// since `begin`.
  Scheduler::Time sending() EXCLUDES(mutex_);
  void ended(uint64_t bytes, Scheduler::Time begin) EXCLUDES(mutex_);

  /// Brackets around the time that bytes take to the staging disk, which frees their memory.
  void moving() EXCLUDES(mutex_);
  void moved() EXCLUDES(mutex_);

  /// True if `bytes` that are stored may stay in memory all the same; unkeep gives the allowance
  /// back.
  bool try_keep(uint64_t bytes);
  void keep_anyway(uint64_t bytes) { kept_ += bytes; }
  void unkeep(uint64_t bytes) { kept_ -= bytes; }

  /// Makes room if somebody waits. The caller must hold no lock.
  void check() EXCLUDES(mutex_);

 private:
  struct Ticket {
    Callback<void(MemoryGrant)> granted;  ///< Empty once it was called.
  };

  /// How far writers may be ahead of what is stored before the link was measured.
  static constexpr uint64_t first_lead = 256ULL << 20;

  /// One who is far enough ahead, and waits for parts to be stored.
  struct Paced {
    uint64_t bytes = 0;
    Callback<void(MemoryGrant)> granted;
  };

  bool far_ahead() const REQUIRES(mutex_);
  void reserve(uint64_t bytes, Callback<void(MemoryGrant)> granted) EXCLUDES(mutex_);
  void release_paced() EXCLUDES(mutex_);
  void one_less() EXCLUDES(mutex_);
  void give(const std::shared_ptr<Ticket>& ticket, Reservation reservation) EXCLUDES(mutex_);
  void overdraw() EXCLUDES(mutex_);
  std::vector<std::shared_ptr<MemoryHolder>> holders() EXCLUDES(mutex_);

  MemoryBudget& budget_;
  Scheduler& scheduler_;
  const std::shared_ptr<Log> log_;
  const uint64_t keep_limit_;
  std::atomic<uint64_t> kept_ = 0;
  std::shared_ptr<MemoryBudget::Reclaimer> reclaimer_;
  LinkEstimate link_;

  Mutex mutex_;
  std::deque<std::shared_ptr<Ticket>> waiting_ GUARDED_BY(mutex_);
  std::unordered_map<const MemoryHolder*, std::weak_ptr<MemoryHolder>> holders_ GUARDED_BY(mutex_);
  std::deque<Paced> paced_ GUARDED_BY(mutex_);
  uint64_t in_flight_ GUARDED_BY(mutex_) = 0;
  bool making_room_ GUARDED_BY(mutex_) = false;
  bool said_overdrawn_ GUARDED_BY(mutex_) = false;
};

}  // namespace penstock
