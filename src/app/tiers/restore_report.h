// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "app/tiers/archive_place.h"
#include "base/mutex.h"

namespace penstock {

/// How far a restoration of many files is and how it went. Thread-safe.
class RestoreReport {
 public:
  struct Counts {
    uint64_t readable = 0;  ///< Could be read from the beginning.
    uint64_t archived = 0;  ///< Were to be asked for.
    uint64_t ongoing = 0;   ///< Were being restored already.
    uint64_t asked = 0;
    uint64_t restored = 0;  ///< Can be read by now, of those that were archived or ongoing.
    uint64_t failed = 0;

    uint64_t wanted() const { return archived + ongoing; }
  };

  Counts counts() const EXCLUDES(mutex_);
  void found(const ArchiveLook& look, uint64_t bytes) EXCLUDES(mutex_);
  void asked() EXCLUDES(mutex_);
  void restored() EXCLUDES(mutex_);
  void failed(const std::string& name, const std::string& why) EXCLUDES(mutex_);

  /// What is archived where, how long its restoration takes and what it costs; several lines.
  std::string estimate(const RestoreWish& wish) const EXCLUDES(mutex_);
  /// "2 of 5 asked for, 1 of 5 can be read".
  std::string progress() const EXCLUDES(mutex_);
  /// Several lines, each with its end: what failed, and the totals.
  std::string summary() const EXCLUDES(mutex_);

 private:
  struct Sum {
    uint64_t objects = 0;
    uint64_t bytes = 0;
  };

  mutable Mutex mutex_;
  Counts counts_ GUARDED_BY(mutex_);
  std::map<std::string, Sum> places_ GUARDED_BY(mutex_);  // of what is archived
  std::vector<std::string> failures_ GUARDED_BY(mutex_);  // the first ones
};

}  // namespace penstock
