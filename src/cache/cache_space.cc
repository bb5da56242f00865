// SPDX-License-Identifier: Apache-2.0
#include "cache/cache_space.h"

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "cache/usage_file.h"

namespace penstock {
namespace {

constexpr uint64_t look_every_bytes = 64ULL << 20;
constexpr std::chrono::seconds look_every{1};
constexpr std::chrono::seconds exhausted_for{1};
constexpr uint64_t slack = 20;  // 1/20: evictions go 5 % further than they must

uint64_t plus(uint64_t count, int64_t change) {
  if (change >= 0) return count + static_cast<uint64_t>(change);
  return count - std::min(count, static_cast<uint64_t>(-change));
}

}  // namespace

CacheSpace::CacheSpace(std::shared_ptr<Disk> disk, const CacheDirectory& directory,
                       CacheOptions options, std::shared_ptr<Scheduler> scheduler,
                       std::shared_ptr<Log> log, Evict evict)
    : disk_(std::move(disk)),
      directory_(directory),
      options_(std::move(options)),
      scheduler_(std::move(scheduler)),
      log_(std::move(log)),
      evict_(std::move(evict)) {}

int CacheSpace::learn_limits() {
  Disk::Space space;
  if (const int result = disk_->statvfs(directory_.root(), space); result != 0) return result;
  const MutexLock lock(mutex_);
  size_limit_ = options_.size_limit.of(space.total);
  min_free_ = options_.min_free.of(space.total);
  return 0;
}

void CacheSpace::look_at_disk() {
  Disk::Space space;
  const bool known = disk_->statvfs(directory_.root(), space) == 0;
  const MutexLock lock(mutex_);
  looked_at_ = scheduler_->now();
  since_look_ = 0;
  // What cannot be asked has no room; the write's own failure says why.
  const uint64_t available = known ? space.available : 0;
  available_ = available - std::min(available, admitted_);
}

uint64_t CacheSpace::used_bytes() const { return plus(shared_.bytes, new_bytes_) + admitted_; }

// Whoever is sparing leaves twice the slack: else the next eviction for others would remove as much
// again, and all would go that way.
uint64_t CacheSpace::excess(uint64_t bytes, bool sparing) const {
  const uint64_t limit = size_limit_ - (sparing ? size_limit_ / slack : 0);
  const uint64_t floor = min_free_ + (sparing ? min_free_ / slack : 0);
  uint64_t wanted = 0;
  const uint64_t would_use = used_bytes() + bytes;
  if (would_use > limit) wanted = would_use - (limit - size_limit_ / slack);
  if (available_ < bytes + floor)
    wanted = std::max(wanted, bytes + floor + min_free_ / slack - available_);
  return wanted;
}

CacheSpace::Verdict CacheSpace::judge(uint64_t bytes, int64_t idle_ns, uint64_t& wanted) {
  const bool sparing = idle_ns > 0;
  const MutexLock lock(mutex_);
  wanted = excess(bytes, sparing);
  if (wanted == 0) {
    admitted_ += bytes;
    since_look_ += bytes;
    available_ -= bytes;
    return Verdict::fits;
  }
  const Scheduler::Time now = scheduler_->now();
  // Nothing was so old a moment ago.
  const bool in_vain =
      sparing ? now < nothing_idle_until_ && idle_ns >= nothing_idle_for_ : now < exhausted_until_;
  if (bytes > size_limit_ || evicting_ || in_vain) return Verdict::full;
  evicting_ = true;
  return Verdict::evict;
}

void CacheSpace::look_if_due() {
  bool look = false;
  {
    const MutexLock lock(mutex_);
    look = since_look_ >= look_every_bytes || !looked_lately();
  }
  if (look) look_at_disk();
}

bool CacheSpace::admit(uint64_t bytes, int64_t idle_ns) {
  while (true) {
    look_if_due();
    uint64_t wanted = 0;
    const Verdict verdict = judge(bytes, idle_ns, wanted);
    if (verdict == Verdict::fits) return true;
    if (verdict == Verdict::full) return false;
    evict_(wanted, idle_ns);
    look_at_disk();
    note_exhausted(bytes, idle_ns);
  }
}

bool CacheSpace::has_spare(uint64_t bytes) {
  const MutexLock lock(mutex_);
  return excess(bytes, true) == 0;
}

void CacheSpace::note_exhausted(uint64_t bytes, int64_t idle_ns) {
  const bool sparing = idle_ns > 0;
  uint64_t available = 0;
  uint64_t min_free = 0;
  uint64_t used = 0;
  {
    const MutexLock lock(mutex_);
    evicting_ = false;
    if (excess(bytes, sparing) == 0) return;
    if (sparing) {
      nothing_idle_until_ = scheduler_->now() + exhausted_for;
      nothing_idle_for_ = idle_ns;
      return;
    }
    exhausted_until_ = scheduler_->now() + exhausted_for;
    available = available_;
    min_free = min_free_;
    used = used_bytes();
    if (available >= bytes + min_free || std::exchange(said_low_, true)) return;
  }
  log_->warning(
      "the cache in {} keeps nothing new: {} MiB of its disk are free, and {} MiB of it shall stay "
      "so (--cache-min-free); the cache itself has {} MiB. Make room on the disk, or mount with a "
      "lower --cache-min-free",
      directory_.root(), available >> 20, min_free >> 20, used >> 20);
}

bool CacheSpace::looked_lately() const { return scheduler_->now() - look_every < looked_at_; }

bool CacheSpace::room_known() {
  const MutexLock lock(mutex_);
  return looked_lately();
}

CacheSpace::Room CacheSpace::room() {
  if (!room_known()) look_at_disk();
  const MutexLock lock(mutex_);
  return {.limit = size_limit_, .used = used_bytes(), .free = available_, .min_free = min_free_};
}

void CacheSpace::settle(uint64_t bytes) {
  const MutexLock lock(mutex_);
  admitted_ -= bytes;
}

bool CacheSpace::exhausted() {
  const MutexLock lock(mutex_);
  return scheduler_->now() < exhausted_until_;
}

bool CacheSpace::over_limit() {
  const MutexLock lock(mutex_);
  return used_bytes() > size_limit_;
}

bool CacheSpace::changed(int64_t bytes, int64_t files) {
  const MutexLock lock(mutex_);
  new_bytes_ += bytes;
  new_files_ += files;
  return (bytes != 0 || files != 0) && !std::exchange(sync_due_, true);
}

int CacheSpace::sync(bool& known) {
  int64_t bytes = 0;
  int64_t files = 0;
  {
    const MutexLock lock(mutex_);
    sync_due_ = false;
    bytes = new_bytes_;
    files = new_files_;
  }
  known = true;
  Usage now;
  const int result = change_usage(
      disk_, directory_.usage_path(),
      [&](const std::optional<Usage>& before) {
        known = before.has_value();
        const Usage usage = before.value_or(Usage{});
        return Usage{.bytes = plus(usage.bytes, bytes), .files = plus(usage.files, files)};
      },
      now);
  const MutexLock lock(mutex_);
  if (result == -EWOULDBLOCK) sync_due_ = true;
  if (result != 0) return result;
  shared_ = now;
  new_bytes_ -= bytes;
  new_files_ -= files;
  return 0;
}

int CacheSpace::recounted(const Usage& counted, const Usage& at_start) {
  Usage now;
  const int result = change_usage(
      disk_, directory_.usage_path(),
      [&](const std::optional<Usage>& before) {
        const Usage usage = before.value_or(at_start);
        return Usage{
            .bytes = plus(counted.bytes, static_cast<int64_t>(usage.bytes - at_start.bytes)),
            .files = plus(counted.files, static_cast<int64_t>(usage.files - at_start.files))};
      },
      now);
  if (result != 0) return result;
  const MutexLock lock(mutex_);
  shared_ = now;
  return 0;
}

Usage CacheSpace::used() {
  const MutexLock lock(mutex_);
  return {.bytes = plus(shared_.bytes, new_bytes_), .files = plus(shared_.files, new_files_)};
}

uint64_t CacheSpace::size_limit() {
  const MutexLock lock(mutex_);
  return size_limit_;
}

}  // namespace penstock
