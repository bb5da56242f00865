// SPDX-License-Identifier: Apache-2.0
#include "app/mount/mount.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <future>
#include <optional>
#include <utility>
#include <vector>

#include "data/epoch/watched_reads.h"
#include "fs/names/freshness.h"
#include "journal/journal_report.h"
#include "journal/shared_folder.h"

namespace penstock {
namespace {

constexpr uint32_t worker_threads = 3;
constexpr uint32_t journal_threads = 3;
/// Bytes that may wait for the cache's disk: half a second of a fast link.
constexpr uint64_t cache_queue = 256ULL << 20;

/// Starting a mount is the one place where a thread waits for the network: nobody can use the mount
/// before.
Result<void> wait_for_check(ObjectStore& store, const std::string& prefix) {
  std::promise<Result<void>> promise;
  check_store(store, prefix,
              [&promise](Result<void> result) { promise.set_value(std::move(result)); });
  return promise.get_future().get();
}

/// Whether what is removed from one folder makes room in the other.
bool same_disk(const std::string& one, const std::string& other) {
  struct stat first {};
  struct stat second {};
  return stat(one.c_str(), &first) == 0 && stat(other.c_str(), &second) == 0 &&
         first.st_dev == second.st_dev;
}

}  // namespace

Mount::Mount(const Options& options, std::string prefix, std::shared_ptr<Log> log)
    : prefix_(std::move(prefix)),
      log_(std::move(log)),
      workers_("worker", worker_threads),
      notifier_("notifier", 2),
      journal_workers_("journal", journal_threads),
      budget_(options.mount.memory_limit != 0 ? options.mount.memory_limit
                                              : default_memory_limit()),
      buffers_(budget_.limit() / 4) {}

Mount::~Mount() {
  stop_prefetching();
  if (session_ != nullptr) session_->end();
  finish_cache();
}

void Mount::stop_prefetching() {
  if (prefetcher_ != nullptr) prefetcher_->stop();
  if (hints_ != nullptr) hints_->stop();
}

std::optional<OrderHints::State> Mount::hints() {
  return hints_ == nullptr ? std::nullopt : std::optional(hints_->state());
}

std::optional<EpochState> Mount::epoch() {
  std::optional<EpochWatch::Epoch> epoch;
  if (prefetcher_ != nullptr) epoch = prefetcher_->epoch();
  if (!epoch) return std::nullopt;
  return EpochState{.directory = "/" + epoch->directory.substr(prefix_.size()),
                    .fetched = epoch->fetched,
                    .read = std::min(epoch->used, epoch->fetched)};
}

bool Mount::finish_cache() { return cache_ == nullptr || cache_->finish(); }

JournalStats Mount::settled() {
  if (pending().files == 0) return {};
  // The answer to this comes after the records that wait.
  std::promise<void> flushed;
  journal_->forget(journal_->new_file(), [&](const Result<void>&) { flushed.set_value(); });
  flushed.get_future().wait();
  return pending();
}

Result<std::unique_ptr<Mount>> Mount::start(const Options& options, const StoreUrl& url,
                                            std::shared_ptr<Log> log, RenameReport report,
                                            std::shared_ptr<Log> access_log) {
  const auto opener = [&](Scheduler& scheduler) {
    return open_store(options.store, url, scheduler, log);
  };
  return start(options, url.prefix, opener, log, std::move(report), std::move(access_log));
}

Result<std::unique_ptr<Mount>> Mount::start(const Options& options, std::string prefix,
                                            const StoreOpener& open_store, std::shared_ptr<Log> log,
                                            RenameReport report, std::shared_ptr<Log> access_log) {
  std::unique_ptr<Mount> mount(new Mount(options, std::move(prefix), std::move(log)));
  mount->report_renames_ = std::move(report);
  mount->access_log_ = std::move(access_log);
  if (Result<void> opened = mount->open(options, open_store); !opened) return opened.error();
  return mount;
}

Result<void> Mount::open(const Options& options, const StoreOpener& open_store) {
  Result<std::unique_ptr<OpenedStore>> opened = open_store(workers_);
  if (!opened) return opened.error();
  store_ = std::move(*opened);
  if (Result<void> checked = wait_for_check(store(), prefix_); !checked) return checked;

  const std::string& state_directory = options.write.state_dir;
  if (!options.mount.read_only) abort_orphans(state_directory);
  uploads_ = open_upload_registry(state_directory, store().identity(), prefix_, log_);
  if (!options.cache.directory.empty()) {
    CacheOptions cache = options.cache;
    // What waits for the disk is the mount's memory, and readers need most of it.
    cache.queue_limit = std::min(cache_queue, budget_.limit() / 4);
    cache_ = DiskCache::open(cache, store().identity(), log_);
    const std::optional<std::string> refusal = cache_->refusal();
    if (refusal && cache.required) {
      return Error(Code::invalid_argument,
                   fmt::format("--cache-dir {} cannot be used: {}", cache.directory, *refusal));
    }
  }
  if (Result<void> journal = open_journal(options); !journal) return journal;
  mark_ = std::make_unique<MountMark>(state_directory, log_);
  open_engines(options);

  Result<std::unique_ptr<FuseSession>> session =
      FuseSession::mount(served(options), options.mount,
                         Freshness(options.metadata).kernel_absence(), options.store.url, log_);
  if (!session) return session.error();
  session_ = std::move(*session);
  file_system_->attach(session_->kernel_cache());
  if (!options.mount.read_only) file_system_->recover();
  return {};
}

bool Mount::journal_left_in(const std::string& directory) {
  const Result<std::vector<JournalReport>> all = read_journals(directory, *Disk::system());
  if (!all && all.code() != Code::not_found) {
    log_->warning("whether an earlier mount left files in {} cannot be seen: {}", directory,
                  all.error().message());
  }
  return all && std::any_of(all->begin(), all->end(), [&](const JournalReport& report) {
           return !report.live && !report.files.empty() && report.identity == store().identity() &&
                  report.prefix == prefix_;
         });
}

Result<void> Mount::open_journal(const Options& options) {
  const std::string& directory = options.write.journal_dir;
  if (directory.empty()) return {};
  const bool read_only = options.mount.read_only;
  // A mount without --write-back, or a read-only one, opens a journal only where an earlier mount
  // has left promises in it.
  if ((read_only || !options.write.write_back) && !journal_left_in(directory)) return {};
  if (read_only) {
    log_->warning(
        "an earlier mount left files in the journal that are not in the bucket yet; this one is "
        "read-only and does not show them");
    return {};
  }
  const bool shared = options.write.shared_journal == WriteOptions::SharedJournal::allow;
  const std::string type = shared_by_machines(*Disk::system(), directory);
  if (!options.write.write_back && !shared && !type.empty()) {
    log_->warning(
        "there are files in {} that are not in the bucket yet. It is on {}: a mount of another "
        "machine may be at it, so this one leaves them alone. Where none is, mount with "
        "--journal-shared=allow to upload them",
        directory, type);
    return {};
  }
  journal_note_ = std::make_unique<JournalNote>(options.write.state_dir, directory, log_);
  Result<std::unique_ptr<Journal>> journal = Journal::open(
      {.directory = directory,
       .identity = store().identity(),
       .prefix = prefix_,
       .shared = shared,
       .make_room =
           [this, directory, beside = options.cache.directory] {
             return cache_ != nullptr && same_disk(directory, beside) && cache_->give_way();
           }},
      left_, journal_workers_, log_);
  if (!journal) return journal.error();
  journal_ = std::move(*journal);
  if (!left_.files.empty())
    log_->info("an earlier mount left {} files that are not in the bucket yet: they are uploaded",
               left_.files.size());
  return {};
}

void Mount::open_engines(const Options& options) {
  reads_ = make_read_engine({.store = store(),
                             .budget = budget_,
                             .buffers = buffers_,
                             .scheduler = workers_,
                             .log = log_,
                             .cache = cache_.get(),
                             .metrics = read_metrics_},
                            options.read);
  ReadEngine& reads = open_prefetcher(options);
  direct_ = make_write_engine({.store = store(),
                               .budget = budget_,
                               .buffers = buffers_,
                               .scheduler = workers_,
                               .log = log_,
                               .uploads = *uploads_},
                              options.write);
  copier_ = std::make_unique<ObjectCopier>(store(), *uploads_);
  if (journal_ != nullptr) {
    write_back_ = make_write_back_engine({.direct = *direct_,
                                          .journal = *journal_,
                                          .store = store(),
                                          .copier = *copier_,
                                          .scheduler = journal_workers_,
                                          .log = log_},
                                         options.write.write_back);
  }
  WriteEngine* const writes =
      write_back_ ? static_cast<WriteEngine*>(write_back_.get()) : direct_.get();
  file_system_ =
      make_file_system({.store = store(),
                        .reads = reads,
                        .writes = *writes,
                        .copier = *copier_,
                        .scheduler = workers_,
                        .notifier = notifier_,
                        .log = log_,
                        .sync_to_store = !options.write.write_back ||
                                         options.write.fsync == WriteOptions::Fsync::bucket,
                        .identity = mark_->identity(),
                        .ordered_listings = store_->ordered_listings(),
                        .archive = options.archive,
                        .report_renames = report_renames_},
                       prefix_, options.mount, options.metadata);
  if (write_back_ != nullptr) file_system_->restore(write_back_->restore(std::move(left_)));
  if (prefetcher_ != nullptr) {
    prefetcher_->start(
        [this](const KnownFilesRequest& request) { return file_system_->known_files(request); });
    hints_->start(version_finder(*file_system_));
  }
}

FileSystem& Mount::served(const Options& options) {
  FileSystem* files = file_system_.get();
  if (access_log_ != nullptr) {
    recorded_ = std::make_unique<RecordedFileSystem>(
        *file_system_, [this](InodeId inode) { return file_system_->path_of(inode); },
        options.store.url, access_log_);
    files = recorded_.get();
  }
  if (hints_ != nullptr) {
    hint_file_ = std::make_unique<HintFileSystem>(*files, *hints_, options.mount.mountpoint);
    files = hint_file_.get();
  }
  return *files;
}

ReadEngine& Mount::open_prefetcher(const Options& options) {
  if (cache_ == nullptr || options.read.prefetch_epoch == ReadOptions::PrefetchEpoch::off)
    return *reads_;
  epoch_metrics_ = std::make_shared<EpochMetrics>();
  // The other half is for programs, and their own read-ahead.
  const uint32_t most_at_once = std::max(options.store.max_connections / 2, 1U);
  hints_ = std::make_shared<OrderHints>(OrderHintsParts{.reads = *reads_,
                                                        .cache = *cache_,
                                                        .scheduler = workers_,
                                                        .most_at_once = most_at_once,
                                                        .whole = options.read.whole_object_size,
                                                        .metrics = epoch_metrics_});
  prefetcher_ = std::make_shared<EpochPrefetcher>(
      EpochPrefetcherParts{.reads = *reads_,
                           .cache = *cache_,
                           .scheduler = workers_,
                           .most_at_once = most_at_once,
                           .largest = options.read.whole_object_size,
                           .order_known = [this] { return hints_->active(); },
                           .metrics = epoch_metrics_});
  watched_reads_ = make_watched_reads(*reads_, prefetcher_, hints_);
  return *watched_reads_;
}

void Mount::abort_orphans(const std::string& state_directory) {
  abort_orphaned_uploads(
      state_directory, store().identity(), prefix_, store(), log_, [log = log_](uint64_t count) {
        if (count != 0) log->info("aborted {} uploads that an earlier mount left behind", count);
      });
}

}  // namespace penstock
