// SPDX-License-Identifier: Apache-2.0
#include "app/daemon/connection_guard.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <limits>
#include <utility>

namespace penstock {
namespace {

constexpr size_t longest_path = 128;

/// The number that the pipe gets in the second process.
constexpr int pipe_number = STDERR_FILENO + 1;

/// Nothing else stays open but the standard streams, which lead nowhere.
void keep_only(int pipe) {
  const int kept = fcntl(pipe, F_DUPFD, pipe_number + 1);
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(null, fd);
  dup2(kept, pipe_number);
  close_range(pipe_number + 1, std::numeric_limits<unsigned int>::max(), 0);
}

/// In the second process: no signal but this one, which the kernel sends when the thread that made
/// the process has ended, whatever becomes of other threads.
constexpr int first_has_ended = SIGUSR1;

/// The connection's file, once the mount is there: opened then, it is never that of another mount,
/// which may get the same number later.
int opened_abort_file() {
  std::array<char, longest_path> path{};
  if (read(pipe_number, path.data(), path.size() - 1) <= 0) return -1;
  return open(path.data(), O_WRONLY | O_CLOEXEC);
}

[[noreturn]] void watch(pid_t first) {
  sigset_t all;
  sigset_t awaited;
  sigfillset(&all);
  sigemptyset(&awaited);
  sigaddset(&awaited, first_has_ended);
  sigprocmask(SIG_BLOCK, &all, nullptr);
  prctl(PR_SET_PDEATHSIG, first_has_ended);
  prctl(PR_SET_NAME, "penstock-guard");
  if (chdir("/") != 0 || getppid() != first) _exit(0);
  const int file = opened_abort_file();
  if (file < 0) _exit(0);
  int number = 0;
  sigwait(&awaited, &number);
  _exit(write(file, "1", 1) == 1 ? 0 : 1);
}

}  // namespace

ConnectionGuard::ConnectionGuard() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return;
  const OwnedFd reader(ends[0]);
  OwnedFd writer(ends[1]);
  const pid_t first = getpid();
  process_ = fork();
  if (process_ == 0) {
    keep_only(reader.get());
    watch(first);
  }
  if (process_ > 0) to_process_ = std::move(writer);
}

ConnectionGuard::~ConnectionGuard() {
  if (process_ < 0) return;
  kill(process_, SIGKILL);
  while (waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void ConnectionGuard::guard(const std::string& device) {
  if (process_ < 0) return;
  const std::string path =
      "/sys/fs/fuse/connections/" + device.substr(device.find(':') + 1) + "/abort";
  if (path.size() >= longest_path) return;
  if (write(to_process_.get(), path.c_str(), path.size()) < 0) to_process_.reset();
}

}  // namespace penstock
