// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "penstock/cache_share.h"

namespace penstock {

/// How far warming is and how it went, for progress and for the summary. Thread-safe.
class WarmReport {
 public:
  struct Counts {
    uint64_t files = 0;  ///< That were found so far.
    uint64_t bytes = 0;
    bool all_found = false;
    uint64_t already_files = 0;  ///< Were in the cache before.
    uint64_t already_bytes = 0;
    uint64_t read_files = 0;
    uint64_t read_bytes = 0;
    uint64_t failed = 0;
    uint64_t archived = 0;  ///< Must be restored first; nothing of them was read.
    uint64_t not_kept = 0;  ///< Were read, but are not in the cache.
    uint64_t limit = 0;     ///< What the cache has room for; 0: not known.
    bool no_cache = false;
    bool no_room = false;  ///< For anything.
  };

  Counts counts() const EXCLUDES(mutex_);
  void found(uint64_t bytes) EXCLUDES(mutex_);
  void found_all() EXCLUDES(mutex_);
  void already(uint64_t bytes) EXCLUDES(mutex_);
  void read(uint64_t bytes) EXCLUDES(mutex_);
  void read_file() EXCLUDES(mutex_);
  void failed(const std::string& name, const std::string& why) EXCLUDES(mutex_);
  void archived(const std::string& name) EXCLUDES(mutex_);
  void not_kept(const std::string& name) EXCLUDES(mutex_);
  /// False where the cache has room for nothing.
  bool learn_room(const CacheShare& share) EXCLUDES(mutex_);
  void no_cache() EXCLUDES(mutex_);
  /// True once, when more was found than the cache keeps.
  bool exceeds_limit() EXCLUDES(mutex_);

  /// What the cache has room for, and why not for more: "5.0GiB (--cache-size)".
  std::string room_text() const EXCLUDES(mutex_);
  /// "12 of 40 files so far, 1.2GiB of 5.0GiB, 310MiB/s, 12s left".
  std::string progress() const EXCLUDES(mutex_);
  /// Several lines, each with its end: what failed, and the totals.
  std::string summary() const EXCLUDES(mutex_);

 private:
  double rate() const REQUIRES(mutex_);
  std::string room() const REQUIRES(mutex_);
  void name(std::vector<std::string>& list, const std::string& line) REQUIRES(mutex_);

  mutable Mutex mutex_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  Counts counts_ GUARDED_BY(mutex_);
  CacheShare last_share_ GUARDED_BY(mutex_);
  bool said_limit_ GUARDED_BY(mutex_) = false;
  std::vector<std::string> failures_ GUARDED_BY(mutex_);  // the first ones
  std::vector<std::string> archived_ GUARDED_BY(mutex_);  // the first ones
  std::vector<std::string> lost_ GUARDED_BY(mutex_);      // the first that could not be kept
};

}  // namespace penstock
