// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <memory>

#include "app/warm/warm_place.h"
#include "base/mutex.h"

namespace penstock {

/// A list of files that may be longer than memory should be: it lies in a temporary file that has
/// no name. Thread-safe.
class FileSpool {
 public:
  /// Throws std::system_error where no temporary file can be made.
  FileSpool();

  /// Fails where the disk is full.
  Result<void> add(const WarmFile& file) EXCLUDES(mutex_);
  uint64_t size() const EXCLUDES(mutex_);
  /// All that was added, in that order; nothing may be added meanwhile. False from `visit` ends it.
  Result<void> for_each(const WarmVisitor& visit) EXCLUDES(mutex_);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  const std::unique_ptr<std::FILE, Close> file_;
  mutable Mutex mutex_;
  uint64_t size_ GUARDED_BY(mutex_) = 0;
};

}  // namespace penstock
