// SPDX-License-Identifier: Apache-2.0
#include "simulation/node.h"

#include "fs/names/freshness.h"

namespace penstock::sim {
namespace {

class WorldLog final : public Log {
 public:
  WorldLog(World& world, int node)
      : Log(world.tracing() ? LogLevel::debug : LogLevel::error), world_(world), node_(node) {}

 protected:
  void write(LogLevel level, std::string_view message) override {
    world_.trace("  n{} log{}: {}", node_, level == LogLevel::error ? " ERROR" : "", message);
  }

 private:
  World& world_;
  const int node_;
};

class NoUploads final : public UploadRegistry {
 public:
  void added(const std::string&, const std::string&) override {}
  void ended(const std::string&, const std::string&) override {}
};

/// Programs have one thread, and close what they have before they end.
class Programs final : public Processes {
 public:
  ProcessId of(pid_t thread) override { return static_cast<ProcessId>(thread); }
  bool is_of_kernel(ProcessId) override { return false; }
  bool lives(ProcessId) override { return true; }
  Stopping stopping(pid_t) override { return Stopping::no; }
};

}  // namespace

/// What FuseSession does as KernelCache.
class Node::ToKernel final : public KernelCache {
 public:
  explicit ToKernel(FuseContext& context) : context_(context) {}
  void invalidate_data(InodeId inode) override {
    fuse_lowlevel_notify_inval_inode(context_.session, context_.modes.node_of(inode), 0, 0);
  }
  void invalidate_entry(InodeId parent, std::string_view name) override {
    fuse_lowlevel_notify_inval_entry(context_.session, parent, name.data(), name.size());
  }

 private:
  FuseContext& context_;
};

Node::Node(World& world, Cloud& cloud, int the_number, GroupPtr the_group,
           const NodeOptions& options, NodeDisk& disk, KernelWatcher& watcher)
    : number(the_number),
      group(std::move(the_group)),
      world_(world),
      log_(std::make_shared<WorldLog>(world, number)),
      workers_(world, group, "worker", 3),
      notifier_(world, group, "notifier", 2),
      journal_workers_(world, group, "journal", 3),
      client_(cloud, number, group),
      store_(client_, workers_, RetryPolicy{}, world.draw("retry seed"), log_),
      budget_(options.memory),
      buffers_(budget_.limit() / 4),
      uploads_(std::make_unique<NoUploads>()),
      context_(std::make_unique<FuseContext>()) {
  static Programs programs;
  context_->log = log_.get();
  context_->processes = &programs;
  MetadataOptions metadata;
  metadata.ttl = options.ttl;
  metadata.memory = options.names_memory;
  metadata.freshness = options.freshness;
  context_->features.direct_writes_show = options.direct_writes;
  context_->negative_ttl = Freshness(metadata).kernel_absence();
  kernel_ = std::make_unique<Kernel>(world, number, group, watcher, *context_, 4);
  KernelBoundary* const boundary = kernel_.get();
  context_->session = reinterpret_cast<fuse_session*>(boundary);
  to_kernel_ = std::make_unique<ToKernel>(*context_);
  if (options.write_back) open_journal(options, disk);
  ReadOptions read;
  read.fetch_size = 16 << 10;
  read.whole_object_size = 8 << 10;
  read.random_granule = 4 << 10;
  WriteOptions write;
  write.single_put_size = options.single_put_size;
  write.parts_in_flight = 3;
  write.write_back = options.write_back;
  reads_ = make_read_engine(
      {.store = store_, .budget = budget_, .buffers = buffers_, .scheduler = workers_, .log = log_},
      read);
  direct_ = make_write_engine({.store = store_,
                               .budget = budget_,
                               .buffers = buffers_,
                               .scheduler = workers_,
                               .log = log_,
                               .uploads = *uploads_},
                              write);
  copier_ = std::make_unique<ObjectCopier>(store_, *uploads_);
  if (journal_ != nullptr)
    write_back_ = make_write_back_engine({.direct = *direct_,
                                          .journal = *journal_,
                                          .store = store_,
                                          .copier = *copier_,
                                          .scheduler = journal_workers_,
                                          .log = log_},
                                         true);
  WriteEngine* const writes =
      write_back_ ? static_cast<WriteEngine*>(write_back_.get()) : direct_.get();
  file_system_ = make_file_system({.store = store_,
                                   .reads = *reads_,
                                   .writes = *writes,
                                   .copier = *copier_,
                                   .scheduler = workers_,
                                   .notifier = notifier_,
                                   .log = log_,
                                   .sync_to_store = !options.write_back},
                                  options.prefix, MountOptions{}, metadata);
  context_->file_system = file_system_.get();
  file_system_->attach(*to_kernel_);
  if (write_back_ != nullptr) file_system_->restore(write_back_->restore(std::move(left_)));
  file_system_->recover();
}

Node::~Node() { file_system_.reset(); }

void Node::open_journal(const NodeOptions& options, NodeDisk& disk) {
  Result<std::unique_ptr<Journal>> journal =
      Journal::open({.directory = "/journal",
                     .identity = store_.identity(),
                     .prefix = options.prefix,
                     .shared = true,
                     .make_room = {}},
                    left_, journal_workers_, log_, disk.disk);
  if (!journal) violation("no journal", journal.error().describe());
  journal_ = std::move(*journal);
}

std::vector<std::string> Node::shut_down() {
  bool ended = false;
  std::vector<std::string> unsaved;
  Signal signal;
  file_system_->shutdown(std::chrono::seconds(60), [&](std::vector<std::string> paths) {
    unsaved = std::move(paths);
    ended = true;
    world_.wake_all(signal);
  });
  while (!ended) world_.wait(signal);
  return unsaved;
}

}  // namespace penstock::sim
