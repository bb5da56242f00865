// SPDX-License-Identifier: Apache-2.0
#include "store/upload_marks.h"

#include <utility>

namespace penstock {
namespace {

constexpr size_t most_marks = 10'000;

}  // namespace

void UploadMarks::add(const std::string& upload_id, std::string mark) {
  const MutexLock lock(mutex_);
  marks_[upload_id] = std::move(mark);
  order_.push_back(upload_id);
  while (order_.size() > most_marks) {
    marks_.erase(order_.front());
    order_.pop_front();
  }
}

std::string UploadMarks::find(const std::string& upload_id) const {
  const MutexLock lock(mutex_);
  const auto found = marks_.find(upload_id);
  return found == marks_.end() ? std::string() : found->second;
}

void UploadMarks::forget(const std::string& upload_id) {
  const MutexLock lock(mutex_);
  marks_.erase(upload_id);
  std::erase(order_, upload_id);
}

}  // namespace penstock
