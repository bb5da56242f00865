// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "base/mutex.h"
#include "penstock/object_store.h"
#include "penstock/result.h"

namespace penstock {

/// Several operations at the same time that are answered as one: with success, or the first error.
/// Thread-safe.
class Join : public std::enable_shared_from_this<Join> {
 public:
  /// `done` is called when `count` (at least 1) parts are answered.
  Join(size_t count, Done<void> done) : missing_(count), done_(std::move(done)) {}

  /// The continuation of one of them.
  Done<void> part() {
    return [self = shared_from_this()](const Result<void>& result) { self->answered(result); };
  }

 private:
  void answered(const Result<void>& result) EXCLUDES(mutex_) {
    {
      const MutexLock lock(mutex_);
      if (!result && result_) result_ = result;
      if (--missing_ > 0) return;
    }
    // Nobody else is left.
    done_(result_);
  }

  Mutex mutex_;
  size_t missing_ GUARDED_BY(mutex_);
  Result<void> result_;
  Done<void> done_;
};

}  // namespace penstock
