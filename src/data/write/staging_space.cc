// SPDX-License-Identifier: Apache-2.0
#include "data/write/staging_space.h"

#include <algorithm>

#include "data/write/staging_file.h"

namespace penstock {
namespace {

constexpr uint64_t most = 64ULL << 30;

}  // namespace

bool StagingSpace::take(uint64_t bytes, const std::string& directory) {
  const MutexLock lock(mutex_);
  if (!limit_) limit_ = std::min(StagingFile::free_space(directory) / 2, most);
  if (taken_ + bytes > *limit_) return false;
  taken_ += bytes;
  return true;
}

void StagingSpace::give_back(uint64_t bytes) {
  const MutexLock lock(mutex_);
  taken_ -= bytes;
}

}  // namespace penstock
