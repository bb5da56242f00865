// SPDX-License-Identifier: Apache-2.0
#include "store/s3/failed_requests.h"

#include <algorithm>

namespace penstock {
namespace {

/// Beyond it everything is forgotten: nothing but hints are lost.
constexpr size_t most_entries = 4096;

}  // namespace

void FailedRequests::failed(const std::string& key) {
  const MutexLock lock(mutex_);
  if (keys_.size() >= most_entries) keys_.clear();
  ++keys_[key];
  any_failed_.store(true, std::memory_order_relaxed);
}

bool FailedRequests::take(const std::string& key) {
  if (!any_failed_.load(std::memory_order_relaxed)) return false;
  const MutexLock lock(mutex_);
  const auto found = keys_.find(key);
  if (found == keys_.end()) return false;
  if (--found->second == 0) keys_.erase(found);
  if (keys_.empty()) any_failed_.store(false, std::memory_order_relaxed);
  return true;
}

void FailedRequests::timed_out(const std::string& name, uint32_t doublings) {
  const MutexLock lock(mutex_);
  if (slow_.size() >= most_entries) slow_.clear();
  // Of several at a time each says the same.
  uint32_t& known = slow_[name];
  known = std::clamp(doublings + 1, known, most_doublings);
  any_slow_.store(true, std::memory_order_relaxed);
}

void FailedRequests::answered(const std::string& name) {
  const MutexLock lock(mutex_);
  slow_.erase(name);
  if (slow_.empty()) any_slow_.store(false, std::memory_order_relaxed);
}

uint32_t FailedRequests::doublings(const std::string& name) const {
  const MutexLock lock(mutex_);
  const auto found = slow_.find(name);
  return found == slow_.end() ? 0 : found->second;
}

}  // namespace penstock
