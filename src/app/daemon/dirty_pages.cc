// SPDX-License-Identifier: Apache-2.0
#include "app/daemon/dirty_pages.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <optional>
#include <thread>

#include "app/owned_fd.h"

namespace penstock {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// How long a mount that is never without a request is looked at. The kernel serves requests in
/// turn: those that it was asked to send are long done by then.
constexpr milliseconds busy_patience{2000};
constexpr milliseconds look_interval{2};

milliseconds left_until(Clock::time_point end) {
  return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(end - Clock::now()));
}

/// The process id of `program` with the option -f for the file system of `path`, or the negated
/// errno.
pid_t start(std::string program, std::string path) {
  std::string whole = "-f";
  std::string options_end = "--";
  char* argv[] = {program.data(), whole.data(), options_end.data(), path.data(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (const int output : {STDOUT_FILENO, STDERR_FILENO})
    posix_spawn_file_actions_addopen(&actions, output, "/dev/null", O_WRONLY, 0);
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, argv[0], &actions, nullptr, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  return error == 0 ? pid : -error;
}

/// Whether the process ended by itself, and with success; else it is killed.
bool ends_well(pid_t pid, milliseconds limit) {
  const OwnedFd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  pollfd entry{.fd = process.get(), .events = POLLIN, .revents = 0};
  const bool ended = process && poll(&entry, 1, static_cast<int>(limit.count())) == 1;
  if (!ended) kill(pid, SIGKILL);
  int status = 0;
  // One that is stuck in the kernel ends when this process has.
  const pid_t reaped = waitpid(pid, &status, ended ? 0 : WNOHANG);
  return ended && reaped == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/// The requests of the mount that the kernel has no answer to; nothing where that is not told.
std::optional<uint64_t> requests_waiting(const std::string& device) {
  const std::string number = device.substr(device.find(':') + 1);
  std::ifstream file("/sys/fs/fuse/connections/" + number + "/waiting");
  uint64_t waiting = 0;
  return file >> waiting ? std::optional(waiting) : std::nullopt;
}

/// Where nothing tells how many requests wait (no fusectl is mounted): the kernel serves requests
/// in turn, so these questions are answered behind the pages that it has begun to send. Several,
/// for several threads serve them.
void ask_behind(const std::string& mountpoint, Clock::time_point end) {
  constexpr int questions = 16;
  for (int i = 0; i < questions && Clock::now() < end; ++i) {
    const pid_t pid = start("stat", mountpoint);
    if (pid < 0 || !ends_well(pid, left_until(end))) return;
  }
}

}  // namespace

void send_dirty_pages(const std::string& mountpoint, const std::string& device, milliseconds limit,
                      Log& log) {
  const Clock::time_point end = Clock::now() + limit;
  const pid_t pid = start("sync", mountpoint);
  if (pid < 0) {
    log.warning(
        "what programs changed in mapped files may not be stored: sync(1) cannot be started ({})",
        std::strerror(-pid));
    return;
  }
  if (!ends_well(pid, limit)) {
    log.warning(
        "what programs changed in mapped files may not all be stored: the kernel did not send it "
        "within {} ms",
        limit.count());
    return;
  }
  // Before Linux 6.16 the kernel has begun to send by then, no more.
  const Clock::time_point enough = std::min(end, Clock::now() + busy_patience);
  std::optional<uint64_t> waiting = requests_waiting(device);
  if (!waiting) return ask_behind(mountpoint, enough);
  while (waiting.value_or(0) > 0 && Clock::now() < enough) {
    std::this_thread::sleep_for(std::min(look_interval, left_until(enough)));
    waiting = requests_waiting(device);
  }
}

}  // namespace penstock
