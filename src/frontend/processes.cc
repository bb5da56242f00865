// SPDX-License-Identifier: Apache-2.0
#include "frontend/processes.h"

#include <fmt/core.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <sstream>
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
  const auto descriptor = static_cast<int>(syscall(SYS_pidfd_open, thread, 0));
  if (descriptor >= 0) {
    close(descriptor);
    return static_cast<ProcessId>(thread);
  }
  std::ifstream status(fmt::format("/proc/{}/status", thread));
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with("Tgid:")) return std::stoull(line.substr(line.find(':') + 1));
  }
  return unknown_process;
}

bool is_of_kernel(ProcessId process) {
  std::ifstream file(fmt::format("/proc/{}/stat", process));
  std::string stat;
  std::getline(file, stat);
  // "PID (NAME) STATE PPID PGRP SESSION TTY TPGID FLAGS": the name may have anything in it.
  std::istringstream fields(stat.substr(std::min(stat.rfind(')') + 1, stat.size())));
  std::string field;
  for (int i = 0; i < 6; ++i) fields >> field;
  uint64_t flags = 0;
  constexpr uint64_t kernel_thread = 0x00200000;  // PF_KTHREAD
  return fields >> flags && (flags & kernel_thread) != 0;
}

}  // namespace

ProcessId process_of(pid_t thread) {
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

bool lives(ProcessId process) {
  std::ifstream memory(fmt::format("/proc/{}/statm", process));
  uint64_t pages = 0;
  return memory >> pages && pages > 0;
}

Closer closer_of(pid_t thread, FileSystem& file_system, HandleId handle) {
  const ProcessId process = process_of(thread);
  const std::vector<ProcessId> owners = file_system.owners(handle);
  const bool owns = std::ranges::find(owners, process) != owners.end();
  if (process == unknown_process || owns || !is_of_kernel(process)) return {.process = process};
  // Since Linux 6.2 a thread of the kernel closes the files of a process that has ended.
  const auto ended = std::ranges::find_if_not(owners, lives);
  if (ended != owners.end()) return {.process = *ended, .ended = true};
  return {.process = process};
}

}  // namespace penstock
