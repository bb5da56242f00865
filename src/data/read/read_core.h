// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "data/link_estimate.h"
#include "data/read/read_engine.h"

namespace penstock {

/// A holder of memory that nobody waits for, as the core sees its readers. Thread-safe.
class Shedder {
 public:
  enum class Level : uint8_t {
    idle,   ///< What was delivered, or not touched for long.
    ahead,  ///< Also what was fetched ahead for streams that still read; the furthest first.
  };
  virtual ~Shedder() = default;
  virtual Scheduler::Time last_use() const noexcept = 0;
  /// Drops about `wanted` bytes; returns how many.
  virtual uint64_t shed(uint64_t wanted, Level level) = 0;
  /// Drops what has been idle for long.
  virtual void sweep(Scheduler::Time now) = 0;
};

/// What the readers of a mount share: parts, options, the link, the division of the window, and the
/// order in which they give up memory. Thread-safe.
class ReadCore : public std::enable_shared_from_this<ReadCore> {
 public:
  ReadCore(ReadEngineParts parts_given, const ReadOptions& options_given)
      : parts(std::move(parts_given)), options(options_given), link(options_given.fetch_size) {}

  const ReadEngineParts parts;
  const ReadOptions options;
  LinkEstimate link;

  /// How far ahead one of the streams that are active now may fetch.
  uint64_t stream_target() const;
  /// A reader has that many more (or fewer) streams that move.
  void count_streams(int32_t change) noexcept { streams_ += change; }

  void add(const std::shared_ptr<Shedder>& reader) EXCLUDES(mutex_);
  void remove(const Shedder& reader) EXCLUDES(mutex_);
  /// Makes the readers give up about `wanted` bytes, first those that have not read for longest.
  void reclaim(uint64_t wanted) EXCLUDES(mutex_);

 private:
  std::vector<std::shared_ptr<Shedder>> readers() const EXCLUDES(mutex_);
  void sweep_later();
  void sweep() EXCLUDES(mutex_);

  std::atomic<int32_t> streams_ = 0;
  mutable Mutex mutex_;
  std::unordered_map<const Shedder*, std::weak_ptr<Shedder>> readers_ GUARDED_BY(mutex_);
  bool sweeping_ GUARDED_BY(mutex_) = false;
};

}  // namespace penstock
