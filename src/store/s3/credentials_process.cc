// SPDX-License-Identifier: Apache-2.0
#include "store/s3/credentials_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace penstock {
namespace {

using Steady = std::chrono::steady_clock;

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor() { reset(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const noexcept { return fd_; }
  void reset(int fd = -1) noexcept {
    if (fd_ >= 0) close(fd_);
    fd_ = fd;
  }

 private:
  int fd_;
};

struct Pipe {
  Descriptor read;
  Descriptor write;
  std::string text;

  bool open() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return false;
    read.reset(ends[0]);
    write.reset(ends[1]);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    return true;
  }
  /// Takes what is there.
  void drain() {
    constexpr size_t most = 1 << 20;
    std::array<char, 4096> buffer{};
    while (read.get() >= 0) {
      const ssize_t count = ::read(read.get(), buffer.data(), buffer.size());
      if (count > 0 && text.size() < most) text.append(buffer.data(), static_cast<size_t>(count));
      if (count == 0) read.reset();
      if (count < 0 && errno != EINTR) break;
    }
  }
};

/// A child in a process group of its own, so that whatever it started ends with it.
class Child {
 public:
  ~Child() {
    if (pid_ <= 0) return;
    kill(-pid_, SIGKILL);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }

  int start(const std::vector<std::string>& words, const Pipe& out, const Pipe& err) {
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out.write.get(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, err.write.get(), STDERR_FILENO);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    pid_t pid = -1;
    const int failed =
        posix_spawnp(&pid, arguments[0], &actions, &attributes, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (failed == 0) {
      pid_ = pid;
      exit_.reset(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    }
    return failed;
  }
  /// Readable when it has ended.
  int ended() const noexcept { return exit_.get(); }
  /// Its wait status; only when it has ended.
  int collect() {
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status;
  }

 private:
  pid_t pid_ = -1;
  Descriptor exit_;
};

}  // namespace

std::vector<std::string> split_command(std::string_view command) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (size_t i = 0; i < command.size(); ++i) {
    const char c = command[i];
    if (c == '\\' && quote != '\'' && i + 1 < command.size()) {
      word += command[++i];
      in_word = true;
    } else if (quote != 0) {
      if (c != quote) word += c;
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
      in_word = true;
    } else if (c == ' ' || c == '\t' || c == '\n') {
      if (in_word) words.push_back(std::exchange(word, ""));
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (in_word) words.push_back(word);
  return words;
}

Result<std::string> run_process(const std::vector<std::string>& words,
                                std::chrono::milliseconds limit, const std::stop_token& stop) {
  if (words.empty()) return Error(Code::invalid_argument, "the command is empty");
  Pipe out;
  Pipe err;
  const Descriptor stopped(eventfd(0, EFD_CLOEXEC));
  if (!out.open() || !err.open() || stopped.get() < 0)
    return Error(Code::unavailable, std::strerror(errno));
  Child child;
  if (const int failed = child.start(words, out, err); failed != 0) {
    return Error(Code::unavailable,
                 fmt::format("cannot run {}: {}", words[0], std::strerror(failed)));
  }
  out.write.reset();
  err.write.reset();
  if (child.ended() < 0) return Error(Code::unavailable, "this kernel has no pidfd_open");
  const std::stop_callback on_stop(stop, [&stopped] { eventfd_write(stopped.get(), 1); });

  const Steady::time_point end = Steady::now() + limit;
  while (true) {
    std::array<pollfd, 4> polled{{{out.read.get(), POLLIN, 0},
                                  {err.read.get(), POLLIN, 0},
                                  {child.ended(), POLLIN, 0},
                                  {stopped.get(), POLLIN, 0}}};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Steady::now()).count();
    const int ready = left <= 0 ? 0 : poll(polled.data(), polled.size(), static_cast<int>(left));
    if (ready == 0)
      return Error(Code::timed_out,
                   fmt::format("{} did not end within {} s", words[0], limit.count() / 1000));
    if (polled[3].revents != 0) return Error(Code::cancelled, "stopped");
    out.drain();
    err.drain();
    if (polled[2].revents != 0) break;
  }
  out.drain();
  const int status = child.collect();
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return std::move(out.text);
  std::replace(err.text.begin(), err.text.end(), '\n', ' ');
  return Error(Code::access_denied,
               fmt::format("{} failed: {}", words[0], err.text.substr(0, 500)));
}

void CredentialsProcess::run(const std::string& command, std::stop_token stop,
                             Done<std::string> done) {
  thread_ =
      std::jthread([words = split_command(command), stop = std::move(stop),
                    done = std::move(done)]() mutable { done(run_process(words, limit, stop)); });
}

}  // namespace penstock
