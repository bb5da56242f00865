// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/mutex.h"

namespace penstock {

/// Decides for whom something else may go from a full cache.
///
/// Programs that train read all of a data set again and again. Where it is larger than the cache,
/// removing what was not used for longest removes what is needed next, and nearly nothing is found
/// there: it is better to leave the cache as it is. What tells such passes from other use is when
/// things are read again: in passes nearly all of them after about as long as the oldest thing in
/// the cache was not used, else most of them much sooner. Where it looks like passes, what was read
/// before and is not in the cache comes in only for what was not used for longer than a pass takes.
///
/// Only rules, about times in ns; what they are counted from does not matter. Bounded memory,
/// thread-safe.
class ReuseRules {
 public:
  /// Reads within this time are one use: last uses are not noted more often.
  static constexpr int64_t same_use = 60'000'000'000;

  /// Something that is in the cache is used again after `interval`.
  void used_again(int64_t interval, int64_t now) EXCLUDES(mutex_);
  /// The oldest last use in a sample of the cache.
  void sampled(int64_t oldest_use) EXCLUDES(mutex_);
  /// Something is read that is not in the cache, but was read `interval` ago; what is new asks
  /// nobody. Returns how long something must not have been used to go for it; 0: whatever was not
  /// used for longest may go, as for what is new.
  int64_t idle_for(int64_t interval, int64_t now) EXCLUDES(mutex_);

 private:
  static constexpr size_t window = 256;
  /// The last `window` values of something.
  template <class Value>
  struct Recent {
    std::array<Value, window> values{};
    size_t count = 0;  // of all that there were
    /// Returns what this takes the place of.
    Value add(Value value) { return std::exchange(values[count++ % window], value); }
    size_t size() const { return count < window ? count : window; }
  };

  void note(int64_t interval, int64_t now) REQUIRES(mutex_);
  bool like_passes() const REQUIRES(mutex_);
  int64_t longest_pass() const REQUIRES(mutex_);

  Mutex mutex_;
  std::optional<int64_t> oldest_use_ GUARDED_BY(mutex_);
  Recent<bool> soon_ GUARDED_BY(mutex_);      // read again much sooner than the oldest use
  size_t soon_count_ GUARDED_BY(mutex_) = 0;  // of soon_
  Recent<int64_t> away_ GUARDED_BY(mutex_);   // intervals of what was not in the cache
};

}  // namespace penstock
