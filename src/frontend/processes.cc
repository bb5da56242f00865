// SPDX-License-Identifier: Apache-2.0
#include "frontend/processes.h"

#include <fmt/core.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <fstream>
#include <optional>
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

constexpr uint64_t signal_bit(int number) { return 1ULL << (number - 1); }

/// The signals of a thread, as sets of signal_bit().
struct Signals {
  uint64_t pending = 0;  ///< The process's too.
  uint64_t blocked = 0;
  uint64_t ignored = 0;
  uint64_t caught = 0;
};

std::optional<Signals> signals_of(pid_t thread) {
  Signals signals;
  std::ifstream status(fmt::format("/proc/{}/status", thread));
  if (thread == 0 || !status) return std::nullopt;
  std::string line;
  while (std::getline(status, line)) {
    const auto mask = [&line](const char* name, uint64_t& into) {
      if (line.starts_with(name)) into |= std::stoull(line.substr(line.find(':') + 1), nullptr, 16);
    };
    mask("SigPnd:", signals.pending);
    mask("ShdPnd:", signals.pending);
    mask("SigBlk:", signals.blocked);
    mask("SigIgn:", signals.ignored);
    mask("SigCgt:", signals.caught);
  }
  return signals;
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

  /// Threads of the kernel are in no process group. What /proc has of a process that is about to
  /// run another program cannot be read before that has closed its files, which waits for this
  /// answer.
  bool is_of_kernel(ProcessId process) override {
    return getpgid(static_cast<pid_t>(process)) == 0;
  }

  bool lives(ProcessId process) override {
    std::ifstream memory(fmt::format("/proc/{}/statm", process));
    uint64_t pages = 0;
    return memory >> pages && pages > 0;
  }

  /// The kernel has every signal that ends a process wait for each of its threads as SIGKILL.
  Stopping stopping(pid_t thread) override {
    const std::optional<Signals> signals = signals_of(thread);
    if (!signals) return Stopping::unknown;
    constexpr uint64_t asking = signal_bit(SIGINT) | signal_bit(SIGTERM) | signal_bit(SIGQUIT);
    // Signals whose default action does not end the program: they are ignored, or stop it and let
    // it go on.
    constexpr uint64_t harmless = signal_bit(SIGCHLD) | signal_bit(SIGURG) | signal_bit(SIGWINCH) |
                                  signal_bit(SIGCONT) | signal_bit(SIGSTOP) | signal_bit(SIGTSTP) |
                                  signal_bit(SIGTTIN) | signal_bit(SIGTTOU);
    const uint64_t delivered = signals->pending & ~signals->blocked & ~signals->ignored & ~harmless;
    if ((delivered & ~signals->caught) != 0) return Stopping::ends;
    return (delivered & asking) != 0 ? Stopping::asked : Stopping::no;
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
