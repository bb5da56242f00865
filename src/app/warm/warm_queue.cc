// SPDX-License-Identifier: Apache-2.0
#include "app/warm/warm_queue.h"

#include <utility>

namespace penstock {
namespace {

constexpr size_t most_files = 1024;

}  // namespace

bool WarmQueue::put(WarmFile file) {
  auto job = std::make_shared<WarmJob>();
  job->file = std::move(file);
  const MutexLock lock(mutex_);
  while (files_.size() >= most_files && !stopped_) changed_.wait(mutex_);
  if (stopped_) return false;
  files_.push_back({.job = std::move(job), .range = {}});
  changed_.notify_all();
  return true;
}

void WarmQueue::put_piece(WarmPiece piece) {
  const MutexLock lock(mutex_);
  if (stopped_) return;
  pieces_.push_back(std::move(piece));
  changed_.notify_all();
}

void WarmQueue::close() {
  const MutexLock lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

void WarmQueue::stop() {
  const MutexLock lock(mutex_);
  closed_ = stopped_ = true;
  files_.clear();
  pieces_.clear();
  changed_.notify_all();
}

std::optional<WarmPiece> WarmQueue::take() {
  const MutexLock lock(mutex_);
  while (files_.empty() && pieces_.empty()) {
    if (closed_ && working_ == 0) return std::nullopt;
    changed_.wait(mutex_);
  }
  std::deque<WarmPiece>& from = pieces_.empty() ? files_ : pieces_;
  WarmPiece piece = std::move(from.front());
  from.pop_front();
  ++working_;
  changed_.notify_all();
  return piece;
}

void WarmQueue::finished() {
  const MutexLock lock(mutex_);
  --working_;
  changed_.notify_all();
}

}  // namespace penstock
