// SPDX-License-Identifier: Apache-2.0
#include "cache/disk_cache.h"

#include <algorithm>

namespace penstock {
namespace {

// They wait for the disk, not for a processor.
constexpr uint32_t worker_threads = 16;
// What others need is given back in steps of 1/20 of the cache, within these bounds.
constexpr uint64_t least_step = 16ULL << 20;
constexpr uint64_t largest_step = 1ULL << 30;
constexpr uint64_t step_share = 20;

}  // namespace

std::unique_ptr<DiskCache> DiskCache::open(const CacheOptions& options, std::string store_identity,
                                           std::shared_ptr<Log> log) {
  if (options.directory.empty()) return std::unique_ptr<DiskCache>(new DiskCache(nullptr, nullptr));
  auto pool = std::make_shared<WorkerPool>("cache", worker_threads);
  auto core = std::make_shared<CacheCore>(options, std::move(store_identity), std::move(log),
                                          CachePlatform{.disk = Disk::system(), .scheduler = pool});
  return std::unique_ptr<DiskCache>(new DiskCache(std::move(core), std::move(pool)));
}

std::unique_ptr<DiskCache> DiskCache::open(const CacheOptions& options, std::string store_identity,
                                           std::shared_ptr<Log> log, CachePlatform platform) {
  auto core = std::make_shared<CacheCore>(options, std::move(store_identity), std::move(log),
                                          std::move(platform));
  return std::unique_ptr<DiskCache>(new DiskCache(std::move(core), nullptr));
}

DiskCache::DiskCache(std::shared_ptr<CacheCore> core, std::shared_ptr<WorkerPool> own_pool)
    : core_(std::move(core)), own_pool_(std::move(own_pool)) {
  // A directory that cannot be used is said now, not when the first file is read.
  if (core_ != nullptr) core_->ready();
}

DiskCache::~DiskCache() {
  if (core_ == nullptr) return;
  if (own_pool_ != nullptr) own_pool_->stop();
  core_->sync_usage();
}

std::shared_ptr<CacheFile> DiskCache::open(const CachedVersion& version, const ObjectInfo* info) {
  if (core_ == nullptr) return nullptr;
  const VersionId id{
      .store = core_->store, .key = version.key, .etag = version.etag, .size = version.size};
  return open_cache_file(core_, id, info);
}

void DiskCache::post(Callback<void()> work) { core_->scheduler->post(std::move(work)); }

bool DiskCache::usable() { return core_ != nullptr && core_->ready(); }

CacheStats DiskCache::stats() {
  if (core_ == nullptr) return {};
  const Usage used = core_->space.used();
  const CacheCounters& counters = core_->counters;
  return {.bytes = used.bytes,
          .size_limit = core_->space.size_limit(),
          .files = used.files,
          .hits = counters.hits,
          .misses = counters.misses,
          .stored = counters.stored,
          .refused = counters.refused,
          .evicted = counters.evicted,
          .corrupt = counters.corrupt};
}

void DiskCache::drain() {
  if (core_ == nullptr) return;
  core_->work.wait();
  core_->seal_now();
}

void DiskCache::walk(const CacheVisitor& visit) {
  if (core_ != nullptr && core_->ready()) walk_cache(*core_, visit);
}

DiskCache::VerifyReport DiskCache::verify(
    const std::function<bool(const VerifyReport&)>& progress) {
  VerifyReport report;
  if (core_ == nullptr || !core_->ready()) return report;
  const auto check = [&](const CachedEntry& entry) {
    const auto file = inspect_cache_file(core_, entry.id);
    if (file == nullptr) return true;
    report.damaged_chunks += file->verify();
    report.files += 1;
    report.bytes += entry.present_bytes;
    return progress(report);
  };
  const auto remove_broken = [&](const std::string& name) {
    const auto removed = core_->directory.remove(name);
    if (removed.outcome == CacheDirectory::Removal::in_use) return;
    core_->changed(-static_cast<int64_t>(removed.freed.bytes),
                   -static_cast<int64_t>(removed.freed.files));
    report.broken_files += 1;
  };
  walk_cache(*core_, check, remove_broken);
  return report;
}

bool DiskCache::give_way() {
  if (core_ == nullptr || !core_->ready()) return false;
  const uint64_t before = ways_given_;
  const MutexLock lock(giving_way_);
  // Many find the disk full at the same time: one removal serves all who wait here for it.
  if (ways_given_ != before) return true;
  const uint64_t step = core_->space.used().bytes / step_share;
  if (core_->evictor.evict(std::clamp(step, least_step, largest_step)) == 0) return false;
  ++ways_given_;
  return true;
}

DiskCache::EvictReport DiskCache::evict_to(uint64_t bytes) {
  EvictReport report;
  if (core_ == nullptr || !core_->ready()) return report;
  const Usage before = core_->space.used();
  if (before.bytes <= bytes) return report;
  const uint64_t evicted_before = core_->counters.evicted;
  report.bytes = core_->evictor.evict(before.bytes - bytes);
  report.files = core_->counters.evicted - evicted_before;
  if (core_->space.used().bytes > bytes) report.in_use = core_->space.used().files;
  return report;
}

DiskCache::EvictReport DiskCache::evict_prefix(const std::string& prefix) {
  EvictReport report;
  if (core_ == nullptr || !core_->ready()) return report;
  walk_cache(*core_, [&](const CachedEntry& entry) {
    if (entry.id.store != core_->store || !entry.id.key.starts_with(prefix)) return true;
    const auto removed = core_->directory.remove(entry.name);
    if (removed.outcome == CacheDirectory::Removal::in_use) {
      report.in_use += 1;
    } else if (removed.outcome == CacheDirectory::Removal::removed) {
      core_->changed(-static_cast<int64_t>(removed.freed.bytes),
                     -static_cast<int64_t>(removed.freed.files));
      report.files += 1;
      report.bytes += removed.freed.bytes;
    } else {
      core_->failed("removing a file", removed.error);
    }
    return true;
  });
  return report;
}

}  // namespace penstock
