// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "fs/nodes/core.h"

namespace penstock {

/// The mount's sign of life in the bucket, for as long as it has something there that another mount
/// would clean up if this one were dead. Thread-safe; outlives its continuations.
class Lease {
 public:
  explicit Lease(FsCore& core) : core_(core) {}

  /// `done` is called when the sign is there; it is renewed until release.
  void hold(Done<void> done) EXCLUDES(mutex_);
  /// Once for each hold, whether that worked or not. Removes `leftover`, where it names an object,
  /// and with the last one the sign as well; `done` gets whether that was so.
  void release(const std::string& leftover, Done<void> done) EXCLUDES(mutex_);
  /// Nobody can take this mount for dead yet.
  bool valid() const EXCLUDES(mutex_);
  /// The store's time when the sign was last written, since the epoch; 0: not known.
  int64_t store_time_ns() const EXCLUDES(mutex_);
  /// What it is by now at the latest, by the time that has passed here; 0: not known.
  int64_t latest_store_time_ns() const EXCLUDES(mutex_);

 private:
  enum class State : uint8_t { none, putting, there, removing };

  /// The scheduler's time stands still while the machine sleeps; the lease runs out all the same.
  struct Moment {
    Scheduler::Time scheduler;
    std::chrono::nanoseconds since_boot{0};
  };

  Moment now() const;
  std::chrono::nanoseconds age() const REQUIRES(mutex_);
  void put() EXCLUDES(mutex_);
  void put_ended(const Moment& sent, const Result<ObjectInfo>& result) EXCLUDES(mutex_);
  void renew(uint64_t period) EXCLUDES(mutex_);
  std::string key() const { return core_.own.lease(core_.parts.identity.id); }

  FsCore& core_;
  mutable Mutex mutex_;
  State state_ GUARDED_BY(mutex_) = State::none;
  uint32_t holders_ GUARDED_BY(mutex_) = 0;
  uint64_t period_ GUARDED_BY(mutex_) = 0;  ///< Counts from none to there: old timers end.
  Moment renewed_ GUARDED_BY(mutex_){};
  int64_t store_time_ns_ GUARDED_BY(mutex_) = 0;
  std::vector<Done<void>> waiters_ GUARDED_BY(mutex_);
};

/// The whole of what a mount writes into its own objects: text.
void put_own(FsCore& core, const std::string& key, std::string text, Precondition condition,
             Done<ObjectInfo> done);

}  // namespace penstock
