// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/mutex.h"

namespace penstock {

/// The share of the staging disk that may have what is in an unfinished upload already: half of
/// what is free when it is first asked for, at most 64 GiB. Thread-safe.
class StagingSpace {
 public:
  /// False where there is no room. `directory`: as for StagingFile.
  bool take(uint64_t bytes, const std::string& directory) EXCLUDES(mutex_);
  void give_back(uint64_t bytes) EXCLUDES(mutex_);

 private:
  Mutex mutex_;
  std::optional<uint64_t> limit_ GUARDED_BY(mutex_);
  uint64_t taken_ GUARDED_BY(mutex_) = 0;
};

}  // namespace penstock
