// SPDX-License-Identifier: Apache-2.0
#include "fuzz/child_run.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <new>

#if defined(PENSTOCK_SANITIZES_ADDRESS)
#include <sanitizer/lsan_interface.h>
#endif

namespace penstock::fuzz {
namespace {

constexpr unsigned longest_seconds = 600;

[[noreturn]] void run_all(const Target& target, uint64_t count,
                          const std::function<std::string(uint64_t)>& input,
                          std::atomic<uint64_t>& at) {
  // Those of Catch2 would tell of a failed test case, here too.
  for (const int number : {SIGABRT, SIGFPE, SIGILL, SIGINT, SIGSEGV, SIGTERM})
    std::signal(number, SIG_DFL);
  alarm(longest_seconds);
  for (uint64_t number = 0; number < count; ++number) {
    at = number;
    target.run(input(number));
  }
  at = count;
#if defined(PENSTOCK_SANITIZES_ADDRESS)
  __lsan_do_leak_check();
#endif
  _exit(EXIT_SUCCESS);
}

}  // namespace

std::optional<uint64_t> first_to_fail(const Target& target, uint64_t count,
                                      const std::function<std::string(uint64_t)>& input) {
  // What the other process writes there is seen here, however it ends.
  void* const shared = mmap(nullptr, sizeof(std::atomic<uint64_t>), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return count;
  auto* const at = new (shared) std::atomic<uint64_t>(0);
  const pid_t child = fork();
  if (child == 0) run_all(target, count, input, *at);
  int status = 0;
  const bool waited = child > 0 && waitpid(child, &status, 0) == child;
  const uint64_t reached = *at;
  munmap(shared, sizeof(std::atomic<uint64_t>));
  const bool fine = waited && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
  if (fine && reached == count) return std::nullopt;
  return reached;
}

}  // namespace penstock::fuzz
