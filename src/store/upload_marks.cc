// SPDX-License-Identifier: Apache-2.0
#include "store/upload_marks.h"

#include <utility>

namespace penstock {

void UploadMarks::add(const std::string& upload_id, std::string mark) {
  const MutexLock lock(mutex_);
  marks_.add(upload_id, {}) = std::move(mark);
}

std::string UploadMarks::find(const std::string& upload_id) const {
  const MutexLock lock(mutex_);
  const std::string* found = marks_.find(upload_id);
  return found == nullptr ? std::string() : *found;
}

void UploadMarks::forget(const std::string& upload_id) {
  const MutexLock lock(mutex_);
  marks_.erase(upload_id);
}

}  // namespace penstock
