// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/warm/warm_place.h"
#include "base/buffer_pool.h"
#include "base/log.h"
#include "base/memory_budget.h"
#include "base/worker_pool.h"
#include "cache/disk_cache.h"
#include "data/read/read_engine.h"
#include "penstock/options.h"
#include "store/store_factory.h"

namespace penstock {

/// Objects of a bucket, read as a mount would read them, without one.
class StoredObjects final : public WarmPlace {
 public:
  /// Asks the store for a listing, as a mount does. `manifest` is empty, or names the objects.
  /// `options.cache.directory` is set. The error is a sentence for a person.
  static Result<std::unique_ptr<StoredObjects>> open(const Options& options, const StoreUrl& url,
                                                     std::string manifest,
                                                     const std::shared_ptr<Log>& log);
  /// Waits until the disk has what was read.
  ~StoredObjects() override;

  void list(const WarmVisitor& visit, const WarmFailure& failed) override;
  Result<CacheShare> share(const WarmFile& file) override;
  Result<void> read(const WarmFile& file, ByteRange range, std::span<std::byte> scratch,
                    const WarmStep& step) override;

 private:
  StoredObjects(const Options& options, const StoreUrl& url, std::string manifest);
  void list_prefix(const WarmVisitor& visit, const WarmFailure& failed);
  void list_manifest(const WarmVisitor& visit, const WarmFailure& failed);
  bool visit_keys(const std::vector<std::string>& keys, const WarmVisitor& visit,
                  const WarmFailure& failed);

  const std::string base_;    // the URL without a slash at its end
  const std::string prefix_;  // of keys; empty or ends in "/"
  const std::string manifest_;
  // In order of construction; each may use those above it.
  WorkerPool workers_;
  std::unique_ptr<OpenedStore> store_;
  MemoryBudget budget_;
  BufferPool buffers_;
  std::unique_ptr<DiskCache> cache_;
  std::unique_ptr<ReadEngine> reads_;
};

}  // namespace penstock
