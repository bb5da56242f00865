// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "base/scheduler.h"

namespace penstock {

/// A holder of memory that nobody waits for. Thread-safe.
class Shedder {
 public:
  enum class Level : uint8_t {
    idle,   ///< What was delivered, or not touched for long.
    ahead,  ///< Also what was fetched ahead for streams that still read; the furthest first.
  };
  virtual ~Shedder() = default;
  /// Drops about `wanted` bytes; returns how many. Less than that: it has no more to drop now.
  virtual uint64_t shed(uint64_t wanted, Level level) = 0;
  /// Drops what has been idle for long.
  virtual void sweep(Scheduler::Time now) = 0;
};

/// The order in which the readers of a mount give up memory: who was used longest ago is first.
///
/// Asks only those that may have some: who had less than was wanted is not asked again before it
/// has been used, or before the next sweep, for time alone makes memory idle. So there are no more
/// questions than uses and calls of reclaim, however many readers there are. Thread-safe; readers
/// are called without its lock.
class ShedOrder {
 public:
  void add(const std::shared_ptr<Shedder>& reader) EXCLUDES(mutex_);
  void remove(const Shedder& reader) EXCLUDES(mutex_);
  /// The reader was used just now, and may have memory to give. To be called after the use, not
  /// before.
  void used(const Shedder& reader) EXCLUDES(mutex_);
  /// Makes the readers give up about `wanted` bytes, all that is idle first.
  void reclaim(uint64_t wanted) EXCLUDES(mutex_);
  /// Sweeps all readers. False: there are none.
  bool sweep(Scheduler::Time now) EXCLUDES(mutex_);

 private:
  using Age = uint64_t;  ///< The higher, the later it was used.
  static constexpr size_t levels = 2;

  struct Entry {
    std::weak_ptr<Shedder> reader;
    Age age = 0;
    std::array<bool, levels> listed = {};  ///< In `order_` of that level.
  };

  void list(const Shedder& reader, Entry& entry, size_t level) REQUIRES(mutex_);
  void unlist(Entry& entry, size_t level) REQUIRES(mutex_);
  /// Takes the first one of that level out of its order; null: there is none.
  std::shared_ptr<Shedder> take_first(size_t level) EXCLUDES(mutex_);
  void put_back(const Shedder& reader, size_t level) EXCLUDES(mutex_);
  std::vector<std::shared_ptr<Shedder>> all() const EXCLUDES(mutex_);

  mutable Mutex mutex_;
  std::unordered_map<const Shedder*, Entry> readers_ GUARDED_BY(mutex_);
  std::array<std::map<Age, const Shedder*>, levels> order_ GUARDED_BY(mutex_);
  Age newest_ GUARDED_BY(mutex_) = 0;
};

}  // namespace penstock
