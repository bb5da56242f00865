// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <set>

#include "app/access/replay_log.h"
#include "app/access/replay_report.h"
#include "app/access/replay_target.h"
#include "base/mutex.h"
#include "penstock/result.h"

namespace penstock {

struct ReplayPace {
  double speed = 1;    ///< Times as fast as recorded; 0: nothing waits for its time.
  uint32_t jobs = 64;  ///< Operations at once, at most.
};

/// How long a log took and its replay.
struct ReplayTimes {
  std::chrono::nanoseconds recorded{0};
  std::chrono::nanoseconds played{0};
};

/// Plays the operations of a log again. Each begins at its time, and when all those have ended that
/// had ended before it began when the log was written: what came one after the other, or could
/// depend on one another, does not overlap, and no more is at work at once than was then. Not
/// thread-safe but for stop().
class Replayer {
 public:
  /// What is given must outlive it.
  Replayer(ReplayLog& log, ReplayTarget& target, ReplayReport& report, ReplayPace pace);

  /// Once. Waits for the end of all that has begun, also where the log turns out to be unreadable.
  Result<ReplayTimes> run();
  /// Nothing more begins, and run() returns soon. Thread-safe.
  void stop() EXCLUDES(mutex_);

 private:
  using Clock = std::chrono::steady_clock;

  /// Waits until an operation may begin that began at `began_us` then, and not before `due`. False:
  /// it shall not any more.
  bool wait_for_turn(int64_t began_us, Clock::time_point due) EXCLUDES(mutex_);
  void begin(int64_t ends_us) EXCLUDES(mutex_);
  void end(int64_t ends_us) EXCLUDES(mutex_);
  void wait_for_all() EXCLUDES(mutex_);

  ReplayLog& log_;
  ReplayTarget& target_;
  ReplayReport& report_;
  const ReplayPace pace_;
  Mutex mutex_;
  CondVar changed_;
  bool stopped_ GUARDED_BY(mutex_) = false;
  /// When those ended, in the log's time, that are at work now.
  std::multiset<int64_t> at_work_ GUARDED_BY(mutex_);
};

}  // namespace penstock
