// SPDX-License-Identifier: Apache-2.0
#include "frontend/processes.h"

#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "frontend/features.h"
#include "support/catch.h"

namespace penstock {
namespace {

TEST_CASE("a thread leads to its process, and nobody's to none") {
  const auto own = static_cast<ProcessId>(getpid());
  CHECK(system_processes().of(getpid()) == own);
  pid_t number = 0;
  ProcessId found = unknown_process;
  std::thread([&] {
    number = gettid();
    found = system_processes().of(number);
  }).join();
  CHECK(number != getpid());
  CHECK(found == own);
  CHECK(system_processes().of(0) == unknown_process);
}

TEST_CASE("a process lives until it has ended, and threads of the kernel never do") {
  CHECK(system_processes().lives(static_cast<ProcessId>(getpid())));
  CHECK_FALSE(system_processes().lives(2));  // kthreadd, or nobody
  const pid_t child = fork();
  if (child == 0) _exit(0);
  siginfo_t info{};
  REQUIRE(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) == 0);
  CHECK_FALSE(system_processes().lives(static_cast<ProcessId>(child)));  // not waited for yet
  REQUIRE(waitpid(child, nullptr, 0) == child);
  CHECK_FALSE(system_processes().lives(static_cast<ProcessId>(child)));
}

TEST_CASE("writes pass the page cache by only where it learns of them") {
  CHECK_FALSE(direct_writes_show(38));  // Linux 6.5
  CHECK(direct_writes_show(39));
}

}  // namespace
}  // namespace penstock
