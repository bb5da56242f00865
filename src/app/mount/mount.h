// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/access/recorded_file_system.h"
#include "app/hints/hint_file.h"
#include "app/journal_note.h"
#include "app/mount/mount_mark.h"
#include "app/mount_report.h"
#include "base/buffer_pool.h"
#include "base/log.h"
#include "base/memory_budget.h"
#include "base/worker_pool.h"
#include "cache/disk_cache.h"
#include "data/copy/object_copier.h"
#include "data/epoch/epoch_prefetcher.h"
#include "data/read/read_engine.h"
#include "data/upload_registry.h"
#include "data/write/write_engine.h"
#include "data/write_back/write_back_engine.h"
#include "frontend/fuse_session.h"
#include "fs/make_file_system.h"
#include "journal/journal.h"
#include "penstock/options.h"
#include "penstock/result.h"
#include "store/store_factory.h"

namespace penstock {

/// Everything that one mount consists of. Two can live in one process. Not thread-safe; the parts
/// are as they say.
class Mount {
 public:
  using RenameReport = std::function<void(std::vector<RenameState>)>;

  /// Opens the store, asks it for a listing (this waits for the network), and mounts. Nothing
  /// serves the mount until session().run(). `options` must be complete (state_dir set, mountpoint
  /// canonical). The error is a sentence for a person, and then nothing stays mounted.
  /// `report` as FileSystemParts::report_renames. What programs do is written to `access_log`
  /// (open_access_log) where there is one.
  static Result<std::unique_ptr<Mount>> start(const Options& options, const StoreUrl& url,
                                              std::shared_ptr<Log> log, RenameReport report = {},
                                              std::shared_ptr<Log> access_log = {});

  /// Makes the store that shall lie under a mount; the scheduler is the mount's.
  using StoreOpener = std::function<Result<std::unique_ptr<OpenedStore>>(Scheduler& scheduler)>;
  /// The same over any store, whatever its kind: `prefix` is what the mount's keys begin with.
  static Result<std::unique_ptr<Mount>> start(const Options& options, std::string prefix,
                                              const StoreOpener& open_store,
                                              std::shared_ptr<Log> log, RenameReport report = {},
                                              std::shared_ptr<Log> access_log = {});

  /// Unmounts if still mounted and drops what was not saved: FileSystem::shutdown comes first.
  ~Mount();

  MountedFileSystem& file_system() { return *file_system_; }
  FuseSession& session() { return *session_; }
  ObjectStore& store() { return store_->checked_store(); }
  uint64_t memory_limit() const { return budget_.limit(); }
  // For metrics; thread-safe.
  const MemoryBudget& budget() const { return budget_; }
  const StoreMetrics& store_metrics() const { return store_->metrics(); }
  StoreLoad store_load() const { return store_->load(); }
  const ReadMetrics& read_metrics() const { return *read_metrics_; }
  /// Null where nothing is fetched ahead of whole trees.
  const EpochMetrics* epoch_metrics() const { return epoch_metrics_.get(); }
  /// What is left to do of programs' hints; nothing where nothing is fetched ahead.
  std::optional<OrderHints::State> hints();
  /// The tree whose rest is being fetched; nothing where there is none.
  std::optional<EpochState> epoch();
  /// Nothing where there is no cache.
  std::optional<CacheStats> cache_stats() {
    return cache_ == nullptr ? std::nullopt : std::optional(cache_->stats());
  }
  bool has_journal() const { return journal_ != nullptr; }
  /// What is promised and not in the bucket yet.
  JournalStats pending() const { return journal_ ? journal_->stats() : JournalStats{}; }
  /// The same once the journal knows of everything that was stored so far.
  JournalStats settled();
  /// Gives up what is being fetched ahead of whole trees; no more of that is begun.
  void stop_prefetching();
  /// Writes what was fetched and waits for the cache's disk: it would have to be fetched again.
  /// False where a thread hangs in that disk: destroying the mount would wait for it.
  bool finish_cache();

 private:
  Mount(const Options& options, std::string prefix, std::shared_ptr<Log> log);
  Result<void> open(const Options& options, const StoreOpener& open_store);
  Result<void> open_journal(const Options& options);
  /// Whether a mount of this store and prefix that died left files there.
  bool journal_left_in(const std::string& directory);
  void open_engines(const Options& options);
  /// What programs are served by: the file system, with what stands before it.
  FileSystem& served(const Options& options);
  /// What the file system reads with.
  ReadEngine& open_prefetcher(const Options& options);
  void abort_orphans(const std::string& state_directory);

  // In order of construction; each may use those above it.
  const std::string prefix_;
  const std::shared_ptr<Log> log_;
  WorkerPool workers_;
  WorkerPool notifier_;
  RenameReport report_renames_;
  std::shared_ptr<Log> access_log_;  ///< Null: none was asked for.
  std::unique_ptr<MountMark> mark_;
  WorkerPool journal_workers_;  ///< May wait for the journal's disk.
  std::unique_ptr<OpenedStore> store_;
  MemoryBudget budget_;
  BufferPool buffers_;
  const std::shared_ptr<ReadMetrics> read_metrics_ = std::make_shared<ReadMetrics>();
  std::unique_ptr<DiskCache> cache_;  ///< Null: none was asked for.
  std::unique_ptr<UploadRegistry> uploads_;
  std::unique_ptr<JournalNote> journal_note_;  ///< While there is a journal.
  std::unique_ptr<Journal> journal_;  ///< Null: neither asked for nor left by another mount.
  Journal::Left left_;                ///< Until the file system has it.
  // Answers of the engines that come late go to it.
  std::unique_ptr<RecordedFileSystem> recorded_;  ///< Null: there is no access log.
  std::unique_ptr<HintFileSystem> hint_file_;     ///< Null: nothing is fetched ahead.
  std::unique_ptr<FuseSession> session_;
  std::unique_ptr<ReadEngine> reads_;
  std::shared_ptr<EpochMetrics> epoch_metrics_;  ///< Null, like the next three: it is off.
  std::shared_ptr<OrderHints> hints_;
  std::shared_ptr<EpochPrefetcher> prefetcher_;
  std::unique_ptr<ReadEngine> watched_reads_;
  std::unique_ptr<DirectWriteEngine> direct_;
  std::unique_ptr<ObjectCopier> copier_;
  std::unique_ptr<WriteBackEngine> write_back_;  ///< Null where there is no journal.
  std::unique_ptr<MountedFileSystem> file_system_;
};

}  // namespace penstock
