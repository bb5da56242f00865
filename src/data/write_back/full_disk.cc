// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/full_disk.h"

#include <algorithm>

namespace penstock {
namespace {

constexpr std::chrono::minutes between_warnings{1};

}  // namespace

void FullDisk::arrived(Scheduler::Time now) {
  const MutexLock lock(mutex_);
  arrived_ = now;
}

bool FullDisk::may_come(Scheduler::Time began, bool uploads, Scheduler::Time now) {
  {
    const MutexLock lock(mutex_);
    if (uploads) hopeful_ = now;
    const Scheduler::Time from = uploads ? arrived_.value_or(began) : hopeful_.value_or(began);
    if (now >= std::max(began, from) + (uploads ? patience : clearing)) return false;
    if (warned_ && now < *warned_ + between_warnings) return true;
    warned_ = now;
  }
  log_->warning(
      "the disk of the journal is full: writers wait for uploads to make room, up to {} s after "
      "the last that ended well",
      patience.count());
  return true;
}

}  // namespace penstock
