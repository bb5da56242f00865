// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/log.h"
#include "base/mutex.h"
#include "base/worker_pool.h"
#include "cache/cache_core.h"
#include "cache/cache_file.h"
#include "cache/cache_scan.h"
#include "penstock/object_store.h"
#include "penstock/options.h"

namespace penstock {

/// One version of an object of the cache's store.
struct CachedVersion {
  std::string key;
  ETag etag;
  uint64_t size = 0;
};

/// Objects on the local disk, kept across restarts and shared by all processes that use the
/// directory. It is never the reason for an error: a disk that is full, broken or gone means that
/// less is there. Thread-safe. docs/cache.md says what is stored and how.
class DiskCache {
 public:
  /// Never null, never fails: a directory that cannot be used means a cache that holds nothing for
  /// now, which is logged once. `store_identity` tells stores apart (ObjectStore::identity).
  static std::unique_ptr<DiskCache> open(const CacheOptions& options, std::string store_identity,
                                         std::shared_ptr<Log> log);
  /// The same on a disk and a scheduler of the caller, who stops the scheduler.
  static std::unique_ptr<DiskCache> open(const CacheOptions& options, std::string store_identity,
                                         std::shared_ptr<Log> log, CachePlatform platform);
  /// What waits to be written is dropped; see finish. Files that are still open can be read on.
  /// Waits for the disk where a thread is in it.
  ~DiskCache();
  DiskCache(const DiskCache&) = delete;
  DiskCache& operator=(const DiskCache&) = delete;

  /// The file of this version, made if need be; null where the cache is off, broken or full.
  /// `info` tells what else is known of the object, and may be null. All who open a version in this
  /// process share one CacheFile. Blocks on the disk.
  std::shared_ptr<CacheFile> open(const CachedVersion& version, const ObjectInfo* info);

  /// Calls `ask` on one of the cache's threads, which may block on the disk, or `otherwise` where
  /// the disk is away or does not answer in time: see DiskQuestion. Neither when the cache ends
  /// first. `otherwise` may be called before this returns.
  void ask(DiskQuestion::Patience patience, Callback<void(DiskQuestion&)> ask,
           Callback<void()> otherwise);

  /// False where the directory cannot be used now; the log says why.
  bool usable();
  /// Why it cannot, and what to do; nothing where it can, or will once its disk answers or has
  /// room.
  std::optional<std::string> refusal();
  CacheStats stats();
  /// Fills in what a share says of the cache as a whole. Asks the disk, unless room_known().
  void add_room(CacheShare& share);
  bool room_known();
  /// Whether so many bytes have room without that something is removed, as far as is known. Does
  /// not ask the disk.
  bool has_spare(uint64_t bytes) { return core_ != nullptr && core_->space.has_spare(bytes); }
  /// Removes, in the background, what was not used for longer than `idle_ns`, which is not 0, where
  /// an object of `bytes` would find no room otherwise.
  void make_room(uint64_t bytes, int64_t idle_ns);
  /// Bytes that wait to be written, and how many may: more are refused. Does not block.
  struct Queue {
    uint64_t bytes = 0;
    uint64_t limit = 0;
  };
  Queue queue() const noexcept;
  /// Waits until all that was offered is written or refused, and complete files are sealed: what is
  /// not sealed is read and checked again when it is next used.
  void drain();
  /// The same before the end of a process, which waits for nothing that has no end: what is being
  /// checked or counted is given up, and a disk that does nothing for some seconds too. False where
  /// a thread hangs in the disk: destroying the cache would wait for it.
  bool finish();

  // Maintenance, of what all processes and all stores keep in the directory. It blocks on the disk.

  void walk(const CacheVisitor& visit);

  /// For others who write to the cache's disk and find it full: removes some of what was not used
  /// for longest. True where there is more room than before the call. Blocks on the disk.
  bool give_way();

  struct VerifyReport {
    uint64_t files = 0;
    uint64_t bytes = 0;           ///< That were read and checked.
    uint64_t damaged_chunks = 0;  ///< Absent from now on.
    uint64_t broken_files = 0;    ///< Without a readable map; removed where nobody uses them.
  };
  /// Reads and checks everything. `progress` is told the report so far after each file; false from
  /// it ends the run.
  VerifyReport verify(const std::function<bool(const VerifyReport&)>& progress);

  struct EvictReport {
    uint64_t files = 0;
    uint64_t bytes = 0;
    uint64_t in_use = 0;  ///< Files that were asked for and are open somewhere.
  };
  /// Removes what was not used for longest until all files occupy at most `bytes`.
  EvictReport evict_to(uint64_t bytes);
  /// Removes all versions of the cache's store whose keys begin with `prefix`.
  EvictReport evict_prefix(const std::string& prefix);

 private:
  /// Threads of the cache's own.
  struct Pools;

  DiskCache(std::shared_ptr<CacheCore> core, std::unique_ptr<Pools> pools);
  void prepare();

  const std::shared_ptr<CacheCore> core_;  // null: off
  const std::unique_ptr<Pools> pools_;     // null: the caller's schedulers are used
  Mutex giving_way_;
  std::atomic<uint64_t> ways_given_{0};
};

}  // namespace penstock
