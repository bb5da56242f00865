// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/bounded_map.h"
#include "base/mutex.h"

namespace penstock {

/// The writer's marks that uploads of this process were begun with, by the id of the upload: the
/// object that one makes has its mark. Forgets the oldest where there are very many. Thread-safe.
class UploadMarks {
 public:
  void add(const std::string& upload_id, std::string mark) EXCLUDES(mutex_);
  /// Empty: it is not known.
  std::string find(const std::string& upload_id) const EXCLUDES(mutex_);
  void forget(const std::string& upload_id) EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;
  BoundedMap<std::string, std::string> marks_ GUARDED_BY(mutex_){10'000};
};

}  // namespace penstock
