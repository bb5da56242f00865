// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/disk.h"
#include "base/gate.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/scheduler.h"
#include "base/wall_clock.h"
#include "cache/cache_counters.h"
#include "cache/cache_directory.h"
#include "cache/cache_space.h"
#include "cache/disk_health.h"
#include "cache/disk_questions.h"
#include "cache/eviction.h"
#include "cache/reuse_rules.h"
#include "cache/sealer.h"
#include "cache/seen_file.h"
#include "penstock/options.h"

namespace penstock {

class CacheFile;

/// What a cache runs on; tests put their own here.
struct CachePlatform {
  std::shared_ptr<Disk> disk;
  std::shared_ptr<Scheduler> scheduler;  ///< For what nobody waits for; it may block on the disk.
  /// For questions, which somebody waits for: may block on the disk too, but has other threads, so
  /// that nobody waits for writes. Null: `scheduler` does both.
  std::shared_ptr<Scheduler> questions;
  std::shared_ptr<Scheduler> clock;  ///< Never blocks on a disk. Null: `scheduler`.
  /// What last uses are told by: the time that `disk` gives files.
  std::function<int64_t()> wall_clock = wall_clock_ns;
};

/// What a DiskCache and its files share. Files may outlive the cache; their background work ends
/// with it. Thread-safe.
class CacheCore : public std::enable_shared_from_this<CacheCore> {
 public:
  CacheCore(const CacheOptions& options, std::string store_identity, std::shared_ptr<Log> log,
            CachePlatform platform);

  /// False while the disk must not be touched. Prepares the directory where that is due, which
  /// blocks on the disk.
  bool ready() EXCLUDES(mutex_);
  bool takes_writes() { return ready() && health.takes_writes(scheduler->now()); }
  /// Asks the disk, or declines where it is away or hangs.
  void ask(const std::shared_ptr<DiskQuestion>& question) EXCLUDES(mutex_);
  /// Notes that a call failed with `error`, a negated errno.
  void failed(std::string_view doing, int error);
  /// Whether a version that has no files here gets some, and how long what goes for it must not
  /// have been used (CacheSpace::admit). Blocks on the disk.
  struct Admission {
    bool admitted = false;
    int64_t idle_ns = 0;
  };
  Admission judge(const std::string& name, uint64_t size);
  /// Makes room for `bytes` in the background, of what was not used for `idle_ns`.
  void make_idle_room(uint64_t bytes, int64_t idle_ns);
  /// Counts what the cache's files occupy, and shares it with the other processes soon.
  void changed(int64_t bytes, int64_t files);
  /// Evicts in the background where more is kept than may be: maps are made without being admitted.
  void trim_soon();
  /// Exchanges counts with the other processes now.
  void sync_usage();

  /// Has a file sealed within some seconds, together with others.
  void seal_soon(Sealer::Pending pending);
  /// Seals what waits for it now. Blocks on the disk. False where that is away: it waits on.
  bool seal_now() EXCLUDES(mutex_);

  /// Room in the queue of writes; give it back with leave_queue.
  bool enter_queue(uint64_t bytes) noexcept;
  void leave_queue(uint64_t bytes) noexcept { waiting_ -= bytes; }
  uint64_t waiting() const noexcept { return waiting_; }

  /// The file of this name that is open, if any.
  std::shared_ptr<CacheFile> find_open(const std::string& name) EXCLUDES(mutex_);
  /// Makes `file` the one that is open; returns the one that was so before, or `file`.
  std::shared_ptr<CacheFile> add_open(const std::string& name,
                                      const std::shared_ptr<CacheFile>& file) EXCLUDES(mutex_);
  /// Called by a file that ends.
  void forget_open(const std::string& name) noexcept EXCLUDES(mutex_);

  const std::string store;
  const uint64_t queue_limit;  ///< Bytes that may wait to be written.
  const std::shared_ptr<Disk> disk;
  const std::shared_ptr<Scheduler> scheduler;
  const std::shared_ptr<Log> log;
  /// Set once: nothing without an end is begun any more, and what is under way breaks off.
  std::atomic<bool> ending{false};
  CacheDirectory directory;
  DiskHealth health;
  Evictor evictor;
  CacheSpace space;
  ReuseRules rules;
  const std::function<int64_t()> wall_clock;
  Sealer sealer;
  CacheCounters counters;
  Gate work;  ///< Held by all that asks the disk or writes to it.
  DiskQuestions questions;

 private:
  int prepare(bool& recount) EXCLUDES(mutex_);
  void post_seal();
  void post_sync();
  void post_recount();
  void make_space_on_full_disk() EXCLUDES(mutex_);
  void removed(const std::string& name, int64_t last_use_ns, const Usage& freed);

  const SeenFile seen_;
  std::atomic<uint64_t> waiting_{0};
  std::atomic<bool> making_space_{false};
  Mutex mutex_;
  std::map<std::string, std::weak_ptr<CacheFile>> open_ GUARDED_BY(mutex_);
  // Locked for as long as the process uses the cache: who gets it alone may recount.
  std::shared_ptr<const DiskFile> members_ GUARDED_BY(mutex_);
};

}  // namespace penstock
