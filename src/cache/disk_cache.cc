// SPDX-License-Identifier: Apache-2.0
#include "cache/disk_cache.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <future>

namespace penstock {
namespace {

// More threads than processors: they wait for the disk most of the time.
constexpr uint32_t question_threads = 16;
constexpr uint32_t writing_threads = 8;
// A mount begins without a cache whose disk takes longer to answer.
constexpr std::chrono::seconds first_answer{5};
// A process does not wait longer for a disk that gets nothing done, and no longer than that in all.
constexpr std::chrono::seconds quiet_end{3};
constexpr std::chrono::seconds longest_end{30};
// What others need is given back in steps of 1/20 of the cache, within these bounds.
constexpr uint64_t least_step = 16ULL << 20;
constexpr uint64_t largest_step = 1ULL << 30;
constexpr uint64_t step_share = 20;

}  // namespace

struct DiskCache::Pools {
  std::shared_ptr<WorkerPool> writes = std::make_shared<WorkerPool>("cache", writing_threads);
  std::shared_ptr<WorkerPool> questions =
      std::make_shared<WorkerPool>("cache reads", question_threads);
  std::shared_ptr<WorkerPool> clock = std::make_shared<WorkerPool>("cache clock", 1);
};

std::unique_ptr<DiskCache> DiskCache::open(const CacheOptions& options, std::string store_identity,
                                           std::shared_ptr<Log> log) {
  if (options.directory.empty()) return std::unique_ptr<DiskCache>(new DiskCache(nullptr, nullptr));
  auto pools = std::make_unique<Pools>();
  auto core = std::make_shared<CacheCore>(options, std::move(store_identity), std::move(log),
                                          CachePlatform{.disk = Disk::system(),
                                                        .scheduler = pools->writes,
                                                        .questions = pools->questions,
                                                        .clock = pools->clock});
  return std::unique_ptr<DiskCache>(new DiskCache(std::move(core), std::move(pools)));
}

std::unique_ptr<DiskCache> DiskCache::open(const CacheOptions& options, std::string store_identity,
                                           std::shared_ptr<Log> log, CachePlatform platform) {
  auto core = std::make_shared<CacheCore>(options, std::move(store_identity), std::move(log),
                                          std::move(platform));
  return std::unique_ptr<DiskCache>(new DiskCache(std::move(core), nullptr));
}

DiskCache::DiskCache(std::shared_ptr<CacheCore> core, std::unique_ptr<Pools> pools)
    : core_(std::move(core)), pools_(std::move(pools)) {
  if (core_ != nullptr) prepare();
}

DiskCache::~DiskCache() {
  if (core_ == nullptr) return;
  core_->ending = true;
  if (pools_ != nullptr) {
    pools_->clock->stop();
    pools_->questions->stop();
    pools_->writes->stop();
  }
  core_->sync_usage();
}

// A directory that cannot be used is said now, not when the first file is read.
void DiskCache::prepare() {
  if (pools_ == nullptr) {
    core_->ready();
    return;
  }
  const auto answered = std::make_shared<std::promise<void>>();
  std::future<void> answer = answered->get_future();
  pools_->questions->post([core = core_, answered, pass = core_->work.pass()] {
    core->ready();
    answered->set_value();
  });
  if (answer.wait_for(first_answer) != std::future_status::ready)
    core_->failed("preparing the directory", -ETIMEDOUT);
}

std::shared_ptr<CacheFile> DiskCache::open(const CachedVersion& version, const ObjectInfo* info) {
  if (core_ == nullptr) return nullptr;
  const VersionId id{
      .store = core_->store, .key = version.key, .etag = version.etag, .size = version.size};
  return open_cache_file(core_, id, info);
}

void DiskCache::ask(DiskQuestion::Patience patience, Callback<void(DiskQuestion&)> ask,
                    Callback<void()> otherwise) {
  const auto question =
      std::make_shared<DiskQuestion>(std::move(ask), std::move(otherwise), patience);
  core_ == nullptr ? question->decline() : core_->ask(question);
}

bool DiskCache::usable() { return core_ != nullptr && core_->ready(); }

std::optional<std::string> DiskCache::refusal() {
  return core_ == nullptr ? std::nullopt : core_->health.refusal();
}

CacheStats DiskCache::stats() {
  if (core_ == nullptr) return {};
  const Usage used = core_->space.used();
  const CacheCounters& counters = core_->counters;
  return {.bytes = used.bytes,
          .size_limit = core_->space.size_limit(),
          .files = used.files,
          .hits = counters.hits,
          .read = counters.read,
          .misses = counters.misses,
          .stored = counters.stored,
          .refused = counters.refused,
          .evicted = counters.evicted,
          .kept_out = counters.kept_out,
          .corrupt = counters.corrupt};
}

void DiskCache::add_room(CacheShare& share) {
  if (core_ == nullptr) return;
  const CacheSpace::Room room = core_->space.room();
  share.limit = room.limit;
  share.kept = room.used;
  share.free = room.free;
  share.min_free = room.min_free;
}

bool DiskCache::room_known() { return core_ == nullptr || core_->space.room_known(); }

void DiskCache::make_room(uint64_t bytes, int64_t idle_ns) {
  if (core_ != nullptr) core_->make_idle_room(bytes, idle_ns);
}

DiskCache::Queue DiskCache::queue() const noexcept {
  if (core_ == nullptr) return {};
  return {.bytes = core_->waiting(), .limit = core_->queue_limit};
}

void DiskCache::drain() {
  if (core_ == nullptr) return;
  core_->work.wait();
  core_->seal_now();
}

bool DiskCache::finish() {
  if (core_ == nullptr) return true;
  core_->ending = true;
  if (core_->questions.hanging()) return false;
  const auto written = [this] { return core_->counters.stored + core_->counters.refused; };
  const auto begin = std::chrono::steady_clock::now();
  uint64_t before = written();
  while (!core_->work.wait_until(std::chrono::steady_clock::now() + quiet_end)) {
    const bool too_long = std::chrono::steady_clock::now() - begin >= longest_end;
    if (too_long || std::exchange(before, written()) == written()) return false;
  }
  core_->scheduler->post([core = core_, pass = core_->work.pass()] {
    core->seal_now();
    core->sync_usage();
  });
  return core_->work.wait_until(std::chrono::steady_clock::now() + quiet_end);
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
