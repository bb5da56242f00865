// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "cache/disk_cache.h"
#include "support/captured_log.h"
#include "support/faulty_disk.h"
#include "support/temp_dir.h"
#include "unit/data/read/read_fixture.h"

namespace penstock::test {

/// One engine on a scripted store with one object size and a cache. All runs by hand, but for
/// questions to the cache's disk where they are given threads, which are stopped before this ends.
struct CachedFixture {
  explicit CachedFixture(uint64_t object_size, const ReadOptions& options = {},
                         std::shared_ptr<Scheduler> questions = nullptr)
      : size(object_size), store(object_size) {
    cache = DiskCache::open(
        {.directory = dir.path(), .size_limit = {.bytes = 1ULL << 30}, .min_free = {.bytes = 1}},
        "scripted", log,
        {.disk = disk,
         .scheduler = scheduler,
         .questions = std::move(questions),
         .clock = scheduler});
    engine = make_read_engine({store, budget, pool, *scheduler, Log::none(), cache.get()}, options);
  }
  ~CachedFixture() {
    engine.reset();
    cache.reset();
    scheduler->stop();
  }
  CachedFixture(const CachedFixture&) = delete;
  CachedFixture& operator=(const CachedFixture&) = delete;

  std::shared_ptr<ObjectReader> open() {
    return engine->open(ObjectVersion{"key", "v1", size}, nullptr);
  }
  /// Runs what is posted and answers what the store is asked for, so many bytes at a time, until
  /// there is no more.
  void serve(uint64_t step = UINT64_MAX) {
    for (size_t before = SIZE_MAX; before != store.gets.size();) {
      before = store.gets.size();
      scheduler->run();
      for (size_t i = 0; i < store.gets.size(); ++i) {
        const std::shared_ptr<ScriptedStore::Get> get = store.gets[i];
        while (!get->finished && get->range.length - get->sent > step && store.send(i, step)) {
        }
      }
      store.serve_all();
      scheduler->run();
    }
  }

  const uint64_t size;
  const TempDir dir;
  const std::shared_ptr<FaultyDisk> disk = std::make_shared<FaultyDisk>();
  const std::shared_ptr<ManualScheduler> scheduler = std::make_shared<ManualScheduler>();
  const std::shared_ptr<CapturedLog> log = std::make_shared<CapturedLog>();
  MemoryBudget budget{256 * mib};
  BufferPool pool{64 * mib};
  ScriptedStore store;
  std::unique_ptr<DiskCache> cache;
  std::unique_ptr<ReadEngine> engine;
};

}  // namespace penstock::test
