// SPDX-License-Identifier: Apache-2.0
#include "app/daemon/serve.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <exception>
#include <fstream>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "app/access/access_log.h"
#include "app/daemon/connection_guard.h"
#include "app/daemon/dirty_pages.h"
#include "app/daemon/flush_on_abort.h"
#include "app/daemon/service_notice.h"
#include "app/daemon/supervisor.h"
#include "app/directories.h"
#include "app/human_text.h"
#include "app/metrics/exposition.h"
#include "app/metrics/metrics_server.h"
#include "app/mount/mount.h"
#include "app/mount_report.h"
#include "app/mount_table.h"
#include "app/pid_file.h"
#include "app/report_socket.h"
#include "app/signals.h"
#include "app/unmount.h"
#include "base/log.h"
#include "base/log_writer.h"
#include "base/mutex.h"
#include "base/wall_clock.h"
#include "config/price_table.h"
#include "config/render.h"
#include "config/values.h"

namespace penstock {
namespace {

LogLevel log_level(const std::string& name) {
  if (name == "error") return LogLevel::error;
  if (name == "warning") return LogLevel::warning;
  return name == "debug" ? LogLevel::debug : LogLevel::info;
}

std::shared_ptr<Log> open_log(const LogOptions& options, bool foreground) {
  const LogLevel level = log_level(options.level);
  if (options.file.empty() && !foreground) return Log::to_syslog("penstock", level);
  return Log::to_file(options.file, level);
}

/// Connections, staging files and open directories all take descriptors; 1,024 are too few.
void raise_file_limit(Log& log) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
    log.warning("the limit of open files could not be raised");
}

/// The kernel's read-ahead for the mount, as the kernel says it now.
std::string read_ahead_text(const std::string& device) {
  std::ifstream file("/sys/class/bdi/" + device + "/read_ahead_kb");
  uint64_t kib = 0;
  return file >> kib ? size_text(kib << 10) : "unknown";
}

/// The renames of several objects that are under way. Thread-safe.
class RenamesNow {
 public:
  void set(std::vector<RenameState> renames) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    renames_ = std::move(renames);
  }
  std::vector<RenameState> get() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return renames_;
  }

 private:
  Mutex mutex_;
  std::vector<RenameState> renames_ GUARDED_BY(mutex_);
};

/// One mount from its start to its end. The members are made in the order in which they depend on
/// one another.
class Serving {
 public:
  Serving(const Options& options, const StoreUrl& url, const Environment& environment,
          const Streams* terminal)
      : options_(options),
        url_(url),
        environment_(environment),
        terminal_(terminal),
        log_(open_log(options.log, terminal != nullptr)),
        access_log_(options.log.access_file.empty() ? nullptr
                                                    : open_access_log(options.log.access_file)),
        supervisor_(log_, [this] { exit_now(); }),
        signals_([this](int number) {
          number == SIGHUP ? reopen_logs() : supervisor_.signal(number);
        }) {}

  int run(StartReport& report) {
    raise_file_limit(*log_);
    take_pid_file();
    if (const Result<void> prepared = prepare_metrics(); !prepared) {
      log_->error("not mounted: {}", prepared.error().message());
      report.failed(std::string(prepared.error().message()));
      return 1;
    }
    const auto renames = std::make_shared<RenamesNow>();
    Result<std::unique_ptr<Mount>> mount = Mount::start(
        options_, url_, log_, [renames](auto now) { renames->set(std::move(now)); }, access_log_);
    if (!mount) {
      log_->error("not mounted: {}", mount.error().describe());
      report.failed(std::string(mount.error().message()));
      return 1;
    }
    if (pid_file_ && (*mount)->has_journal())
      pid_file_->record_journals(options_.write.journal_dir);
    listen_for_status(**mount, renames);
    show_metrics(**mount);
    note_mounted();
    log_start(**mount);
    const std::string features = describe((*mount)->session().features());
    log_->info("{}", features);
    const Supervisor::Outcome outcome = supervisor_.run({
        .file_system = (*mount)->file_system(),
        .session = (*mount)->session(),
        .stop_timeout = options_.mount.stop_timeout,
        .journaled = (*mount)->has_journal(),
        .send_pages = [this](auto limit) { send_pages(limit); },
        .waiting = [&] { note_pending(**mount); },
        .still_mounted = [this] { return mounted().has_value(); },
        .serving =
            [&] {
              if (report.ready()) {
                if (terminal_ != nullptr)
                  terminal_->out << fmt::format("penstock: {}\n", features) << std::flush;
                tell_service_manager(**mount);
                return;
              }
              log_->warning("who started the mount is gone: ending it");
              supervisor_.signal(SIGTERM);
            },
        .ending =
            [&](bool unmounted) {
              (*mount)->stop_prefetching();
              note_ending(unmounted);
            },
    });
    const uint64_t left = (*mount)->settled().files;
    if (left > 0)
      log_->info("{} files are left in the journal: the next mount of this prefix uploads them",
                 left);
    if ((*mount)->has_journal()) note_pending(**mount);
    const int status = conclude(outcome);
    // What could not be stored in time may be waiting for a server that never answers, and a thread
    // for a cache's disk that hangs: nobody waits with them. And an upload that the next mount goes
    // on with is not to be given up.
    status_socket_.reset();
    hide_metrics();
    if (notice_) notice_->forget_mount();
    if (!outcome.unsaved.empty() || left > 0 || !(*mount)->finish_cache()) {
      pid_file_.reset();
      leave(status);
    }
    mount->reset();
    log_->debug("everything is released");
    return status;
  }

 private:
  void reopen_logs() {
    log_->reopen();
    if (access_log_ != nullptr) access_log_->reopen();
  }

  std::optional<MountEntry> mounted() const {
    std::optional<MountEntry> entry =
        find_mount(read_mount_table(environment_.proc), options_.mount.mountpoint);
    return entry && entry->is_penstock() ? entry : std::nullopt;
  }

  void send_pages(std::chrono::milliseconds limit) {
    if (options_.mount.read_only) return;
    if (const std::optional<MountEntry> entry = mounted())
      send_dirty_pages(entry->mountpoint, entry->device, limit, *log_);
  }

  void take_pid_file() {
    Result<std::unique_ptr<PidFile>> file =
        PidFile::create(runtime_directory(environment_), options_.mount.mountpoint);
    if (file) {
      pid_file_ = std::move(*file);
    } else {
      log_->warning("penstock umount will not wait for this mount: {}", file.error().message());
    }
  }

  /// For `penstock status`, where there is a file that says whose mount it is.
  void listen_for_status(Mount& mount, std::shared_ptr<RenamesNow> renames) {
    if (!pid_file_) return;
    Result<std::unique_ptr<ReportSocket>> socket = ReportSocket::listen(
        ReportSocket::path(pid_file_->path()), [&mount, renames = std::move(renames)] {
          return encode({.renames = renames->get(),
                         .unstored = mount.file_system().unstored(),
                         .epoch = mount.epoch()});
        });
    if (socket) {
      status_socket_ = std::move(*socket);
    } else {
      log_->warning("penstock status cannot ask this mount: {}", socket.error().message());
    }
  }

  /// What can be wrong with them is said before anything is mounted.
  Result<void> prepare_metrics() {
    if (!options_.metrics.price_table.empty()) {
      Result<PriceTable> prices = read_price_table(options_.metrics.price_table);
      if (!prices) return prices.error();
      prices_ = *std::move(prices);
    }
    if (options_.metrics.address.empty()) return {};
    Result<std::unique_ptr<MetricsServer>> server = MetricsServer::listen(options_.metrics.address);
    if (!server) return server.error();
    metrics_server_ = std::move(*server);
    return {};
  }

  void show_metrics(Mount& mount) {
    metrics_ = std::make_shared<Exposition>(
        MetricSource{.mount = mount, .prices = prices_, .mounted_at_ns = wall_clock_ns()});
    if (metrics_server_ != nullptr) {
      metrics_server_->serve(metrics_);
      log_->info("metrics are at {}", metrics_server_->url());
    }
    if (!pid_file_) return;
    Result<std::unique_ptr<ReportSocket>> socket =
        ReportSocket::listen(ReportSocket::metrics_path(pid_file_->path()),
                             [metrics = metrics_] { return metrics->text(); });
    if (socket) {
      metrics_socket_ = std::move(*socket);
    } else {
      log_->warning("penstock stats cannot ask this mount: {}", socket.error().message());
    }
  }

  /// Waits for who reads them just now.
  void hide_metrics() {
    metrics_socket_.reset();
    metrics_server_.reset();
    metrics_.reset();
  }

  /// Of a service that runs in the foreground, as systemd's with Type=notify.
  void tell_service_manager(Mount& mount) {
    if (terminal_ == nullptr) return;
    const auto answers = [path = options_.mount.mountpoint] {
      // The kernel asks the mount for this, and the mount nobody. Later it would keep an unmount
      // from outside from its work, for a moment in which the mount is in use.
      struct statvfs space {};
      return statvfs(path.c_str(), &space) == 0;
    };
    notice_ = ServiceNotice::start(environment_,
                                   {.answers = answers,
                                    .moves = [&mount] { return mount.session().moves(); },
                                    .status = [this, &mount] { return status_line(mount); }});
  }

  void note_ending(bool unmounted) {
    ending_ = true;
    if (unmounted && pid_file_) pid_file_->record_unmounted();
    if (notice_) notice_->stopping();
  }

  std::string status_line(Mount& mount) const {
    const JournalStats pending = mount.pending();
    const size_t unstored = mount.file_system().unstored().size();
    std::string text = ending_ ? "ending" : "mounted";
    if (unstored != 0) text += fmt::format("; {} not stored yet", counted(unstored, "file"));
    if (pending.files != 0) {
      text += fmt::format("; {} ({}) to upload", counted(pending.files, "file"),
                          human_size(pending.bytes));
    }
    if (unstored == 0 && pending.files == 0) text += "; everything is in the bucket";
    return text;
  }

  void note_mounted() {
    const std::optional<MountEntry> entry = mounted();
    if (!entry) return;
    guard_.guard(entry->device);
    if (pid_file_) pid_file_->record_device(entry->device);
  }

  void note_pending(const Mount& mount) {
    const JournalStats pending = mount.pending();
    if (pid_file_) pid_file_->record_pending(pending.files, pending.bytes);
  }

  void log_start(Mount& mount) {
    const std::optional<MountEntry> entry = mounted();
    log_->info(
        "Penstock {} mounts {}, prefix '{}', at {}: memory limit {}, uid {}, read-ahead {}{}",
        version(), mount.store().identity(), url_.prefix, options_.mount.mountpoint,
        size_text(mount.memory_limit()), options_.mount.uid,
        entry ? read_ahead_text(entry->device) : "unknown",
        options_.mount.read_only ? ", read-only" : "");
  }

  int conclude(const Supervisor::Outcome& outcome) {
    if (pid_file_) pid_file_->record_end(outcome.unsaved);
    if (!outcome.served) log_->error("serving ended: {}", outcome.served.error().describe());
    for (const std::string& path : outcome.unsaved) {
      log_->error("not saved: {}", path);
    }
    // Not through the stream: standard error may be a pipe that nobody reads any more.
    if (terminal_ != nullptr && !options_.log.file.empty() && !outcome.unsaved.empty()) {
      const std::shared_ptr<Log> terminal = Log::to_file("", LogLevel::error);
      for (const std::string& path : outcome.unsaved) terminal->error("not saved: {}", path);
    }
    log_->info("ended: {}", outcome.unsaved.empty()
                                ? std::string("everything is saved")
                                : fmt::format("{} files not saved", outcome.unsaved.size()));
    return outcome.unsaved.empty() && outcome.served ? 0 : 1;
  }

  /// Leaves no dead mount behind, but waits for nothing. Runs on the signal thread.
  [[noreturn]] void exit_now() {
    if (mounted()) unmount_path(options_.mount.mountpoint, true, environment_);
    leave(1);
  }

  /// Ends the process, whatever its threads are doing.
  [[noreturn]] void leave(int status) {
    if (access_log_ != nullptr) access_log_->wait_written(LogLimits{}.farewell);
    log_->wait_written(LogLimits{}.farewell);
    _exit(status);
  }

  ConnectionGuard guard_;  // before there are threads
  const Options& options_;
  const StoreUrl& url_;
  const Environment& environment_;
  const Streams* const terminal_;
  const std::shared_ptr<Log> log_;
  const std::shared_ptr<Log> access_log_;  ///< Null: none was asked for.
  const FlushOnAbort flush_on_abort_{*log_};
  Supervisor supervisor_;
  std::unique_ptr<PidFile> pid_file_;
  std::unique_ptr<ReportSocket> status_socket_;
  PriceTable prices_;
  std::unique_ptr<MetricsServer> metrics_server_;  ///< Null: the socket alone.
  std::shared_ptr<Exposition> metrics_;            ///< Null while there is no mount.
  std::unique_ptr<ReportSocket> metrics_socket_;
  std::atomic<bool> ending_ = false;
  std::unique_ptr<ServiceNotice> notice_;  ///< Null: no service manager asked.
  SignalWatcher signals_;
};

}  // namespace

int serve_mount(const Options& options, const StoreUrl& url, const Environment& environment,
                StartReport& report, const Streams* terminal) {
  std::optional<Serving> serving;
  try {
    serving.emplace(options, url, environment, terminal);
  } catch (const std::exception& error) {  // the log file cannot be opened, no descriptors left
    report.failed(error.what());
    return 1;
  }
  return serving->run(report);
}

}  // namespace penstock
