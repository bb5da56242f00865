// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "base/buffer_pool.h"
#include "base/memory_budget.h"
#include "data/copy/object_copier.h"
#include "data/read/read_engine.h"
#include "data/upload_registry.h"
#include "data/write/write_engine.h"
#include "data/write_back/write_back_engine.h"
#include "frontend/fuse_ops.h"
#include "fs/make_file_system.h"
#include "journal/journal.h"
#include "simulation/cloud.h"
#include "simulation/kernel.h"
#include "simulation/pool.h"
#include "store/retrying_store.h"
#include "support/power_loss_disk.h"

namespace penstock::sim {

struct NodeOptions {
  static constexpr uint64_t plenty = 1ULL << 30;
  std::chrono::milliseconds ttl{2000};
  MetadataOptions::Freshness freshness = MetadataOptions::Freshness::ttl;
  bool write_back = false;
  /// A kernel that drops the pages of a file that is written to directly: Linux from 6.6 on.
  bool direct_writes = false;
  uint64_t names_memory = plenty;
  uint64_t single_put_size = 16 << 10;
  uint64_t memory = 64ULL << 20;
  std::string prefix;
};

/// What outlives a node's process: its disk, and what it noted of uploads.
struct NodeDisk {
  std::shared_ptr<test::PowerLossDisk> disk = std::make_shared<test::PowerLossDisk>();
};

/// One mount: the parts of src/app/mount/mount.cc, on simulated threads, with a model of its
/// kernel. Made and ended in a fiber of its group.
class Node {
 public:
  Node(World& world, Cloud& cloud, int number, GroupPtr group, const NodeOptions& options,
       NodeDisk& disk, KernelWatcher& watcher);
  ~Node();

  const int number;
  const GroupPtr group;
  Kernel& kernel() { return *kernel_; }
  /// As the end of a mount: what is written is committed. The paths that could not be.
  std::vector<std::string> shut_down();
  /// Promised and not in the bucket yet.
  uint64_t pending_files() const { return journal_ ? journal_->stats().files : 0; }
  uint64_t budget_used() const { return budget_.used(); }

 private:
  class ToKernel;

  void open_journal(const NodeOptions& options, NodeDisk& disk);

  World& world_;
  const std::shared_ptr<Log> log_;
  Pool workers_;
  Pool notifier_;
  Pool journal_workers_;
  CloudClient client_;
  RetryingStore store_;
  MemoryBudget budget_;
  BufferPool buffers_;
  std::unique_ptr<UploadRegistry> uploads_;
  std::unique_ptr<Journal> journal_;
  Journal::Left left_;
  std::unique_ptr<FuseContext> context_;
  std::unique_ptr<Kernel> kernel_;
  std::unique_ptr<ToKernel> to_kernel_;
  std::unique_ptr<ReadEngine> reads_;
  std::unique_ptr<DirectWriteEngine> direct_;
  std::unique_ptr<ObjectCopier> copier_;
  std::unique_ptr<WriteBackEngine> write_back_;
  std::unique_ptr<MountedFileSystem> file_system_;
};

}  // namespace penstock::sim
