// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <string>

#include "mount/mounted_bucket.h"

namespace penstock::test {

/// A process of its own that makes `call`; it is killed at the end of the test.
class ForkedProgram {
 public:
  explicit ForkedProgram(const std::function<void()>& call) : pid_(fork()) {
    if (pid_ != 0) return;
    call();
    _exit(0);
  }
  ~ForkedProgram() {
    if (ended_) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  ForkedProgram(const ForkedProgram&) = delete;
  ForkedProgram& operator=(const ForkedProgram&) = delete;

  /// It waits for the mount, and the kernel has passed a signal on: only SIGKILL wakes it now.
  bool waits_deaf() const {
    return eventually([this] { return state() == 'D'; });
  }
  void signal(int number) const { kill(pid_, number); }
  /// What wait_for_exit() says of it.
  int end(double seconds) {
    const int status = wait_for_exit(pid_, seconds);
    ended_ = status >= 0;
    return status;
  }

 private:
  char state() const {
    const std::string stat = read_file("/proc/" + std::to_string(pid_) + "/stat");
    return stat[stat.rfind(')') + 2];
  }

  const pid_t pid_;
  bool ended_ = false;
};

}  // namespace penstock::test
