// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/log.h"
#include "base/mutex.h"
#include "base/scheduler.h"

namespace penstock {

/// Whether the cache's disk can be used. A fault turns the cache off and is tried again after a
/// minute; a full disk stops writes only. Each kind of fault is logged once. Thread-safe.
class DiskHealth {
 public:
  static constexpr std::chrono::seconds retry_after{60};

  DiskHealth(std::string directory, std::shared_ptr<Log> log)
      : directory_(std::move(directory)), log_(std::move(log)) {}

  enum class State : uint8_t {
    usable,
    due,   ///< For one caller only, who prepares the directory and calls prepared().
    away,  ///< Not to be touched for now.
  };
  /// The first call says due.
  State check(Scheduler::Time now) EXCLUDES(mutex_);
  /// True where check() would say away.
  bool away(Scheduler::Time now) EXCLUDES(mutex_);
  /// `result` is 0, or the negated errno that preparing the directory gave.
  void prepared(int result, Scheduler::Time now) EXCLUDES(mutex_);

  bool takes_writes(Scheduler::Time now) EXCLUDES(mutex_);
  /// Space was made: no need to wait for the minute to pass.
  void space_made() EXCLUDES(mutex_);

  /// Why the directory cannot be used, and what to do; nothing where it can, or where the cache
  /// goes on by itself once its disk answers or has room.
  std::optional<std::string> refusal() EXCLUDES(mutex_);

  /// `error` is a negated errno, `doing` what failed ("reading a file").
  void failed(std::string_view doing, int error, Scheduler::Time now) EXCLUDES(mutex_);

 private:
  enum class Fault : uint8_t {
    full,
    read_only,
    denied,
    gone,
    descriptors,
    foreign,
    hanging,
    failing
  };
  static constexpr size_t fault_kinds = 8;

  static Fault fault_of(int error) noexcept;
  static std::string_view advice(Fault fault) noexcept;

  const std::string directory_;
  const std::shared_ptr<Log> log_;
  std::atomic<bool> usable_{false};
  Mutex mutex_;
  bool trying_ GUARDED_BY(mutex_) = false;
  Scheduler::Time retry_at_ GUARDED_BY(mutex_) = Scheduler::Time::min();
  Scheduler::Time write_at_ GUARDED_BY(mutex_) = Scheduler::Time::min();
  std::array<bool, fault_kinds> said_ GUARDED_BY(mutex_) = {};
  Fault last_ GUARDED_BY(mutex_) = Fault::failing;
  int last_error_ GUARDED_BY(mutex_) = 0;  // what it came with
};

}  // namespace penstock
