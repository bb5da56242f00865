// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "app/verify/verdict.h"
#include "base/mutex.h"

namespace penstock {

/// How far a check is, and what it has found. Holds few verdicts, however many there are: who adds
/// one waits while many wait to be said. Thread-safe.
class VerifyReport {
 public:
  struct Counts {
    uint64_t objects = 0;    ///< That were found so far.
    uint64_t bytes = 0;      ///< Theirs.
    bool all_found = false;  ///< There are no more.
    uint64_t good = 0;
    uint64_t differs = 0;
    uint64_t unchecked = 0;
    uint64_t changed = 0;
    uint64_t gone = 0;
    uint64_t unreadable = 0;
    uint64_t damaged_once = 0;  ///< Of the good ones.
    uint64_t good_etags = 0;    ///< Likewise: there was only the ETag.
    uint64_t other_etags = 0;   ///< Of those that differ: likewise.
    uint64_t read_bytes = 0;    ///< Twice for what was read twice.
    /// Of `unchecked`: how many for which reason.
    std::map<std::string, uint64_t> why_unchecked = {};

    uint64_t checked() const { return good + differs + unchecked + changed + gone + unreadable; }
    /// The exit status. 1: something differs; else 2: something could not be read as one version;
    /// else 3: something has no checksum; 0: all that is there is good.
    int status() const {
      if (differs != 0) return 1;
      if (changed + unreadable != 0) return 2;
      return unchecked != 0 ? 3 : 0;
    }
  };

  /// Of so many places. `name_unchecked`: objects without a checksum are said one by one, too.
  VerifyReport(size_t places, bool name_unchecked)
      : name_unchecked_(name_unchecked), unlisted_(places) {}

  void found(uint64_t bytes) EXCLUDES(mutex_);
  /// All objects of one of the places were found.
  void listed_place() EXCLUDES(mutex_);
  void read(uint64_t bytes) noexcept { read_bytes_ += bytes; }
  void add(ObjectVerdict verdict) EXCLUDES(mutex_);

  /// The verdicts that nobody has said yet, in the order in which they came: all but those of
  /// objects that are good, and of those without a checksum.
  std::vector<ObjectVerdict> take_unsaid() EXCLUDES(mutex_);
  Counts counts() const EXCLUDES(mutex_);
  /// "12 of 40 objects so far, 1.2GiB of 5GiB read, 310MiB/s; 1 differs".
  std::string progress() const EXCLUDES(mutex_);
  /// Several lines, each with its end.
  std::string summary() const EXCLUDES(mutex_);
  /// The same as members of a JSON object: "\"objects\": 12, …".
  std::string json() const EXCLUDES(mutex_);

 private:
  void count(const ObjectVerdict& verdict) REQUIRES(mutex_);
  std::chrono::duration<double> passed() const { return std::chrono::steady_clock::now() - start_; }

  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  const bool name_unchecked_;
  std::atomic<uint64_t> read_bytes_{0};
  mutable Mutex mutex_;
  CondVar said_;
  Counts counts_ GUARDED_BY(mutex_);
  size_t unlisted_ GUARDED_BY(mutex_);  // places
  std::vector<ObjectVerdict> unsaid_ GUARDED_BY(mutex_);
};

}  // namespace penstock
