// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "app/access/access_record.h"
#include "app/access/replay_target.h"
#include "base/metrics.h"
#include "base/mutex.h"

namespace penstock {

/// What a replay came to, beside what was recorded. Thread-safe.
class ReplayReport {
 public:
  using Time = std::chrono::nanoseconds;

  void add(const AccessRecord& record, const Played& played, Time took) EXCLUDES(mutex_);
  /// An operation was not played.
  void leave_out() EXCLUDES(mutex_);

  /// How many had another answer than the recorded one.
  uint64_t other_answers() const EXCLUDES(mutex_);
  /// A table for people. `recorded` and `took`: how long the whole was, then and now.
  std::string text(Time recorded, Time took) const EXCLUDES(mutex_);
  std::string json(Time recorded, Time took) const EXCLUDES(mutex_);

 private:
  struct Kind {
    LatencyHistogram recorded;
    LatencyHistogram played;
    uint64_t count = 0;
    uint64_t other = 0;  ///< Had another answer than the recorded one.
    uint64_t bytes = 0;
  };

  mutable Mutex mutex_;
  std::map<std::string, Kind> kinds_ GUARDED_BY(mutex_);  ///< By the operation's name.
  uint64_t left_out_ GUARDED_BY(mutex_) = 0;
};

}  // namespace penstock
