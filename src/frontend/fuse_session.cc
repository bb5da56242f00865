// SPDX-License-Identifier: Apache-2.0
#include "frontend/fuse_session.h"

#include <fmt/core.h>
#include <pthread.h>
#include <sys/mount.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "frontend/fuse_ops.h"
#include "frontend/io_uring.h"
#include "frontend/passthrough.h"
#include "frontend/read_ahead.h"
#include "frontend/thread_progress.h"

namespace penstock {
namespace {

/// Four requests of 1 MiB ahead of a stream hide the kernel's turn-around; page faults read around
/// by this much too, so more would only cost.
constexpr uint64_t kernel_read_ahead = 4ULL << 20;

/// In mount options a comma separates and a backslash escapes.
std::string escape_option(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == ',' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

void wake_up(int) {}

class FuseSessionImpl final : public FuseSession, public KernelCache {
 public:
  FuseSessionImpl(FileSystem& file_system, const MountOptions& options, std::shared_ptr<Log> log)
      : options_(options), log_(std::move(log)) {
    context_.file_system = &file_system;
    context_.log = log_.get();
    context_.no_passthrough = options_.no_passthrough;
  }

  ~FuseSessionImpl() override {
    end();
    context_.answers.close();
    if (session_ != nullptr) fuse_session_destroy(session_);
    fuse_opt_free_args(&args_);
  }

  Result<void> start(const std::string& source) {
    std::string mount_options = fmt::format(
        "fsname={},subtype=penstock,default_permissions,max_read=1048576", escape_option(source));
    if (options_.allow_other) mount_options += ",allow_other";
    if (options_.read_only) mount_options += ",ro";
    if (options_.no_exec) mount_options += ",noexec";
    Result<Feature> io_uring = decide_io_uring(options_.io_uring);
    if (!io_uring) return io_uring.error();
    context_.features.io_uring = std::move(*io_uring);
    if (context_.features.io_uring.on)
      mount_options += fmt::format(",io_uring,io_uring_q_depth={}", io_uring_depth());
    fuse_opt_add_arg(&args_, "penstock");
    fuse_opt_add_arg(&args_, "-o");
    fuse_opt_add_arg(&args_, mount_options.c_str());
    const fuse_lowlevel_ops operations = fuse_operations();
    session_ = fuse_session_new(&args_, &operations, sizeof operations,
                                static_cast<FuseContext*>(&context_));
    context_.session = session_;
    if (session_ == nullptr)
      return Error(Code::internal, "libfuse refused the mount options " + mount_options);
    if (fuse_session_mount(session_, options_.mountpoint.c_str()) != 0) {
      return Error(
          Code::access_denied,
          fmt::format(
              "'{}' could not be mounted; libfuse's own message says why. Without root, "
              "fusermount3 "
              "(package fuse3) must be installed, and --allow-other needs user_allow_other in "
              "/etc/fuse.conf",
              options_.mountpoint));
    }
    mounted_ = true;
    context_.backings = std::make_unique<KernelBackings>(fuse_session_fd(session_), *log_);
    return handshake();
  }

  KernelCache& kernel_cache() override { return *this; }
  const FuseFeatures& features() const override { return context_.features; }
  const FileMetrics& metrics() const override { return context_.metrics; }

  Result<void> run() override {
    install_wake_up();
    std::jthread interrupts([this](const std::stop_token& stop) {
      context_.interrupts.watch(*context_.processes, context_.answers, stop);
    });
    pthread_setname_np(interrupts.native_handle(), "interrupts");
    std::atomic<uint32_t> running = options_.fuse_threads;
    std::vector<std::jthread> workers;
    workers.reserve(options_.fuse_threads);
    for (uint32_t i = 0; i < options_.fuse_threads; ++i) {
      workers.emplace_back([this, &running] {
        work();
        // One thread that ends (unmounted, or told to) ends them all.
        fuse_session_exit(session_);
        const MutexLock lock(mutex_);
        --running;
        ended_.notify_all();
      });
      pthread_setname_np(workers.back().native_handle(), "fuse");
    }
    const MutexLock lock(mutex_);
    while (running > 0) {
      if (fuse_session_exited(session_) == 0 && running == options_.fuse_threads) {
        ended_.wait(mutex_);
        continue;
      }
      // A signal makes the read of /dev/fuse return; one that came just before the read began is
      // lost, so again.
      for (std::jthread& worker : workers) pthread_kill(worker.native_handle(), SIGUSR2);
      ended_.wait_until(mutex_, std::chrono::steady_clock::now() + std::chrono::milliseconds(10));
    }
    return {};
  }

  bool moves() override { return progress_.moves(); }

  void exit() override {
    fuse_session_exit(session_);
    const MutexLock lock(mutex_);
    ended_.notify_all();
  }

  void end() override {
    unmount(true);
    if (std::exchange(handshaken_, false) && context_.features.io_uring.on) stop_io_uring(session_);
  }

  void unmount(bool lazy) override {
    if (!mounted_.exchange(false)) return;
    if (geteuid() == 0) {
      if (umount2(options_.mountpoint.c_str(), lazy ? MNT_DETACH : 0) == 0) return;
      if (!lazy && errno == EBUSY) {
        mounted_ = true;
        return;
      }
      // Somebody else has unmounted it, while another mount namespace may keep it in use.
      if (errno == EINVAL) return;
    }
    // libfuse closes the descriptor that the workers still read from, so it comes last. It is lazy
    // in any case, through fusermount3 for users without root.
    context_.answers.close();
    fuse_session_unmount(session_);
  }

  void invalidate_data(InodeId inode) override {
    fuse_lowlevel_notify_inval_inode(session_, context_.modes.node_of(inode), 0, 0);
  }
  void invalidate_entry(InodeId parent, std::string_view name) override {
    fuse_lowlevel_notify_inval_entry(session_, parent, name.data(), name.size());
  }

  FuseContext& context() { return context_; }

 private:
  /// Answers the kernel's INIT before anything else: what follows it in sysfs must not be undone by
  /// it.
  Result<void> handshake() {
    fuse_buf buffer{};
    const int received = fuse_session_receive_buf(session_, &buffer);
    if (received > 0) fuse_session_process_buf(session_, &buffer);
    free(buffer.mem);
    if (received <= 0) {
      return Error(Code::internal, fmt::format("the kernel's first FUSE message did not come: {}",
                                               strerror(-received)));
    }
    handshaken_ = true;
    const Result<void> raised = set_kernel_read_ahead(options_.mountpoint, kernel_read_ahead);
    if (!raised)
      log_->info("the kernel's read-ahead stays at 128 KiB: {}", raised.error().message());
    return {};
  }

  void work() {
    fuse_buf buffer{};
    while (fuse_session_exited(session_) == 0) {
      const int received = fuse_session_receive_buf(session_, &buffer);
      if (received == -EINTR || received == -EAGAIN) continue;
      if (received <= 0) break;
      progress_.begin();
      fuse_session_process_buf(session_, &buffer);
      progress_.done();
    }
    free(buffer.mem);
  }

  static void install_wake_up() {
    struct sigaction action {};
    action.sa_handler = wake_up;  // without SA_RESTART: the interrupted read must return
    sigaction(SIGUSR2, &action, nullptr);
  }

  const MountOptions options_;
  const std::shared_ptr<Log> log_;
  FuseContext context_;
  fuse_args args_ = FUSE_ARGS_INIT(0, nullptr);
  fuse_session* session_ = nullptr;
  ThreadProgress progress_{options_.fuse_threads};
  std::atomic<bool> mounted_ = false;
  bool handshaken_ = false;
  Mutex mutex_;
  CondVar ended_;
};

}  // namespace

Result<std::unique_ptr<FuseSession>> FuseSession::mount(FileSystem& file_system,
                                                        const MountOptions& options,
                                                        std::chrono::milliseconds negative_ttl,
                                                        const std::string& source,
                                                        std::shared_ptr<Log> log) {
  auto session = std::make_unique<FuseSessionImpl>(file_system, options, std::move(log));
  session->context().negative_ttl = negative_ttl;
  Result<void> started = session->start(source);
  if (!started) return started.error();
  return std::unique_ptr<FuseSession>(std::move(session));
}

}  // namespace penstock
