// SPDX-License-Identifier: Apache-2.0
#include "cache/cache_core.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <chrono>

#include "cache/cache_scan.h"

namespace penstock {
namespace {

constexpr std::chrono::seconds share_usage_every{1};
constexpr std::chrono::seconds seal_every{5};
constexpr uint64_t full_disk_share = 20;  // a disk that is full costs 1/20 of the cache at a time

}  // namespace

CacheCore::CacheCore(const CacheOptions& options, std::string store_identity,
                     std::shared_ptr<Log> the_log, CachePlatform platform)
    : store(std::move(store_identity)),
      queue_limit(options.queue_limit),
      disk(std::move(platform.disk)),
      scheduler(std::move(platform.scheduler)),
      log(std::move(the_log)),
      directory(disk, options.directory),
      health(options.directory, log),
      evictor(
          disk, directory, ending,
          [this](const std::string& name, int64_t last_use_ns, const Usage& freed) {
            removed(name, last_use_ns, freed);
          },
          [this](int64_t oldest_use_ns) { rules.sampled(oldest_use_ns); }),
      space(disk, directory, options, scheduler, log,
            [this](uint64_t wanted, int64_t idle_ns) {
              return evictor.evict(wanted, idle_ns > 0 ? wall_clock() - idle_ns : INT64_MAX);
            }),
      wall_clock(std::move(platform.wall_clock)),
      sealer(disk, directory),
      questions(platform.questions ? platform.questions : scheduler,
                platform.clock ? platform.clock : scheduler,
                [this] { failed("waiting for an answer", -ETIMEDOUT); }),
      seen_(disk, directory) {}

void CacheCore::ask(const std::shared_ptr<DiskQuestion>& question) {
  if (health.away(scheduler->now())) return question->decline();
  questions.ask(shared_from_this(), work.pass(), question);
}

bool CacheCore::ready() {
  switch (health.check(scheduler->now())) {
    case DiskHealth::State::usable:
      return true;
    case DiskHealth::State::away:
      return false;
    case DiskHealth::State::due:
      break;
  }
  bool recount = false;
  const int result = prepare(recount);
  health.prepared(result, scheduler->now());
  if (result != 0) return false;
  if (recount) post_recount();
  return true;
}

int CacheCore::prepare(bool& recount) {
  if (const int result = directory.prepare(); result != 0) return result;
  if (const int result = space.learn_limits(); result != 0) return result;
  auto members = std::make_shared<const DiskFile>(
      open_file(disk, directory.members_path(), O_RDWR | O_CREAT | O_NOFOLLOW));
  if (!*members) return members->get();
  const int alone = members->try_lock(LOCK_EX);
  if (alone != 0 && alone != -EWOULDBLOCK) return alone;
  // Without it somebody may count anew beside this process, which goes wrong by little.
  const int among = members->try_lock_soon(LOCK_SH);
  if (among != 0 && among != -EWOULDBLOCK) return among;
  bool known = true;
  const int shared = space.sync(known);
  if (shared == -EWOULDBLOCK) post_sync();
  if (shared != 0 && shared != -EWOULDBLOCK) return shared;
  recount = alone == 0 || !known;
  const MutexLock lock(mutex_);
  members_.swap(members);
  return 0;
}

void CacheCore::failed(std::string_view doing, int error) {
  // A lock that another process holds is no fault of the disk.
  if (error == -EWOULDBLOCK) return;
  health.failed(doing, error, scheduler->now());
  if (error == -ENOSPC || error == -EDQUOT) make_space_on_full_disk();
}

// The floor of free space did not help: a quota, or no inodes. Without less of the cache it would
// stay so.
void CacheCore::make_space_on_full_disk() {
  if (making_space_.exchange(true)) return;
  scheduler->post([core = shared_from_this(), pass = work.pass()] {
    if (core->ready() && core->evictor.evict(core->space.used().bytes / full_disk_share + 1) > 0)
      core->health.space_made();
    core->making_space_ = false;
  });
}

void CacheCore::removed(const std::string& name, int64_t last_use_ns, const Usage& freed) {
  changed(-static_cast<int64_t>(freed.bytes), -static_cast<int64_t>(freed.files));
  counters.evicted += freed.files;
  // What cannot be noted is new when it is read again.
  if (last_use_ns > 0) seen_.note(name, last_use_ns, space.size_limit());
}

CacheCore::Admission CacheCore::judge(const std::string& name, uint64_t size) {
  const int64_t now = wall_clock();
  const std::optional<int64_t> read = seen_.last_read_ns(name);
  if (!read || *read > now) return {.admitted = true};
  const int64_t interval = now - *read;
  const int64_t idle_ns = rules.idle_for(interval, now);
  space.look_if_due();
  if (idle_ns == 0 || space.has_spare(size)) return {.admitted = true, .idle_ns = idle_ns};
  if (interval >= ReuseRules::same_use) seen_.note(name, now, space.size_limit());
  make_idle_room(size, idle_ns);
  ++counters.kept_out;
  return {};
}

// The next ones come in: this one is not waited with.
void CacheCore::make_idle_room(uint64_t bytes, int64_t idle_ns) {
  scheduler->post([core = shared_from_this(), bytes, idle_ns, pass = work.pass()] {
    if (core->ready() && core->space.admit(bytes, idle_ns)) core->space.settle(bytes);
  });
}

void CacheCore::trim_soon() {
  if (!space.over_limit() || making_space_.exchange(true)) return;
  scheduler->post([core = shared_from_this(), pass = work.pass()] {
    if (core->ready() && core->space.admit(0)) core->space.settle(0);
    core->making_space_ = false;
  });
}

void CacheCore::changed(int64_t bytes, int64_t files) {
  if (space.changed(bytes, files)) post_sync();
}

void CacheCore::post_sync() {
  scheduler->post_after(share_usage_every, [core = shared_from_this()] { core->sync_usage(); });
}

void CacheCore::post_recount() {
  scheduler->post([core = shared_from_this(), pass = work.pass()] { recount_usage(*core); });
}

void CacheCore::sync_usage() {
  bool known = true;
  // Where the disk is away the changes wait for the next preparation.
  if (!ready()) return;
  const int result = space.sync(known);
  if (result == -EWOULDBLOCK && !ending) {
    post_sync();
  } else if (result != 0) {
    failed("sharing the usage", result);
  } else if (!known) {
    post_recount();
  }
}

void CacheCore::seal_soon(Sealer::Pending pending) {
  if (!sealer.add(std::move(pending))) return;
  post_seal();
}

void CacheCore::post_seal() {
  scheduler->post_after(seal_every, [core = shared_from_this()] {
    // What waits is still there when the disk comes back.
    if (!core->seal_now()) core->post_seal();
  });
}

bool CacheCore::seal_now() {
  if (!ready()) return false;
  std::shared_ptr<const DiskFile> members;
  {
    const MutexLock lock(mutex_);
    members = members_;
  }
  if (const int result = sealer.run(*members); result != 0) failed("flushing the disk", result);
  return true;
}

bool CacheCore::enter_queue(uint64_t bytes) noexcept {
  if (waiting_.fetch_add(bytes) + bytes <= queue_limit) return true;
  waiting_ -= bytes;
  return false;
}

std::shared_ptr<CacheFile> CacheCore::find_open(const std::string& name) {
  const MutexLock lock(mutex_);
  const auto found = open_.find(name);
  return found == open_.end() ? nullptr : found->second.lock();
}

std::shared_ptr<CacheFile> CacheCore::add_open(const std::string& name,
                                               const std::shared_ptr<CacheFile>& file) {
  const MutexLock lock(mutex_);
  std::weak_ptr<CacheFile>& entry = open_[name];
  if (auto before = entry.lock()) return before;
  entry = file;
  return file;
}

void CacheCore::forget_open(const std::string& name) noexcept {
  const MutexLock lock(mutex_);
  const auto found = open_.find(name);
  if (found != open_.end() && found->second.expired()) open_.erase(found);
}

}  // namespace penstock
