// SPDX-License-Identifier: Apache-2.0
#include "app/daemon/background.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>

#include "app/owned_fd.h"

namespace penstock {
namespace {

// What goes over the pipe: one of these, and after the second the message up to the pipe's end.
constexpr char ready_mark = '+';
constexpr char failed_mark = '-';

class PipeReport final : public StartReport {
 public:
  explicit PipeReport(OwnedFd pipe) : pipe_(std::move(pipe)) {}

  bool ready() override {
    const OwnedFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
      if (null) dup2(null.get(), fd);
    }
    return send(std::string(1, ready_mark));
  }

  void failed(const std::string& message) override { send(failed_mark + message); }

 private:
  bool send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t written = write(pipe_.get(), text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return false;
      text.remove_prefix(static_cast<size_t>(written));
    }
    pipe_.reset();
    return true;
  }

  OwnedFd pipe_;
};

std::string read_to_end(int fd) {
  std::string text;
  std::array<char, 1024> piece{};
  while (true) {
    const ssize_t got = read(fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(piece.data(), static_cast<size_t>(got));
  }
}

std::string how_it_died(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status))
    return fmt::format("it was killed by signal {} ({})", WTERMSIG(status),
                       strsignal(WTERMSIG(status)));
  return fmt::format("it exited with status {}", WEXITSTATUS(status));
}

int wait_for_report(const Streams& streams, OwnedFd pipe, pid_t child) {
  const std::string report = read_to_end(pipe.get());
  if (report.starts_with(ready_mark)) return 0;
  if (report.starts_with(failed_mark)) {
    streams.err << "penstock: " << report.substr(1) << "\n";
  } else {
    streams.err << "penstock: the mount's process ended before the mount was ready: "
                << how_it_died(child) << "; try again with -f --log-level debug to see why\n";
  }
  return 1;
}

/// What the mount's process has inherited, but for its standard streams and the pipe, is for
/// others: as long as it holds a lock of theirs they wait for it.
void close_inherited(int pipe) {
  const auto last = std::numeric_limits<unsigned int>::max();
  close_range(STDERR_FILENO + 1, static_cast<unsigned int>(pipe) - 1, 0);
  close_range(static_cast<unsigned int>(pipe) + 1, last, 0);
}

}  // namespace

int run_in_background(const Streams& streams, const std::function<int(StartReport&)>& serve,
                      bool& in_child) {
  std::array<int, 2> ends{};
  in_child = false;
  streams.out.flush();  // else both processes would print what is still buffered
  streams.err.flush();
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    streams.err << "penstock: cannot make a pipe: " << std::strerror(errno) << "\n";
    return 1;
  }
  OwnedFd reader(ends[0]);
  OwnedFd writer(ends[1]);
  const pid_t child = fork();
  if (child < 0) {
    streams.err << "penstock: cannot start a process: " << std::strerror(errno) << "\n";
    return 1;
  }
  if (child > 0) {
    writer.reset();
    return wait_for_report(streams, std::move(reader), child);
  }
  in_child = true;
  reader.reset();
  close_inherited(writer.get());
  std::signal(SIGPIPE, SIG_IGN);  // a parent that is gone shows as a failed write
  setsid();
  if (chdir("/") != 0) return 1;
  PipeReport report(std::move(writer));
  return serve(report);
}

}  // namespace penstock
