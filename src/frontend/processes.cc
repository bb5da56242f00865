// SPDX-License-Identifier: Apache-2.0
#include "frontend/processes.h"

#include <fmt/core.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <fstream>
#include <string>
#include <vector>

namespace penstock {
namespace {

/// How long the number of a thread surely names the same one: numbers are used again only when all
/// others have been.
constexpr time_t longest_believed = 1;  // seconds

time_t now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
  return time.tv_sec;
}

ProcessId look_up(pid_t thread) {
  // What most threads are, the first of their process, the kernel tells at once.
  if (syscall(SYS_tgkill, thread, thread, 0) == 0 || errno == EPERM)
    return static_cast<ProcessId>(thread);
  std::ifstream status(fmt::format("/proc/{}/status", thread));
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with("Tgid:")) return std::stoull(line.substr(line.find(':') + 1));
  }
  return unknown_process;
}

class SystemProcesses final : public Processes {
 public:
  ProcessId of(pid_t thread) override {
    struct Known {
      pid_t thread = 0;
      ProcessId process = unknown_process;
      time_t since = 0;
    };
    thread_local Known last;
    if (thread == 0) return unknown_process;
    const time_t time = now();
    if (last.thread != thread || time - last.since >= longest_believed)
      last = {thread, look_up(thread), time};
    return last.process;
  }

  /// Those are in no process group. What /proc has of a process that is about to run another
  /// program cannot be read before that has closed its files, which waits for this answer.
  bool is_of_kernel(ProcessId process) override {
    return getpgid(static_cast<pid_t>(process)) == 0;
  }

  bool lives(ProcessId process) override {
    std::ifstream memory(fmt::format("/proc/{}/statm", process));
    uint64_t pages = 0;
    return memory >> pages && pages > 0;
  }
};

}  // namespace

Processes& system_processes() {
  static SystemProcesses processes;
  return processes;
}

Closer closer_of(Processes& processes, pid_t thread, FileSystem& file_system, HandleId handle) {
  const ProcessId process = processes.of(thread);
  const std::vector<ProcessId> owners = file_system.owners(handle);
  const bool owns = std::ranges::find(owners, process) != owners.end();
  if (process == unknown_process || owns || !processes.is_of_kernel(process))
    return {.process = process};
  // Since Linux 6.2 a thread of the kernel closes the files of a process that has ended.
  const auto ended =
      std::ranges::find_if_not(owners, [&](ProcessId owner) { return processes.lives(owner); });
  if (ended != owners.end()) return {.process = *ended, .ended = true};
  return {.process = process};
}

}  // namespace penstock
