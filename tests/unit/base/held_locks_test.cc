// SPDX-License-Identifier: Apache-2.0
// What ends a process that calls a continuation under a lock.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <optional>

#include "base/deferred.h"
#include "base/mutex.h"
#include "penstock/result.h"
#include "support/catch.h"

namespace penstock::test {
namespace {

/// The signal that ends a process which does `work`; 0: it ends by itself.
template <typename F>
int ended_by(F work) {
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL);  // not the test program's
    work();
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

TEST_CASE("a continuation that is called under a lock ends a program in tests") {
  const auto under_lock = [] {
    Mutex mutex;
    Done<int> done = [](const Result<int>&) {};
    const MutexLock lock(mutex);
    done(1);
  };
  const auto after_unlock = [] {
    Mutex mutex;
    Done<int> done = [](const Result<int>&) {};
    MutexLock lock(mutex);
    lock.unlock();
    done(1);
  };
  const auto deferred_under_another = [] {
    Mutex outer;
    Mutex inner;
    const MutexLock held(outer);
    Deferred after;
    const MutexLock lock(inner);
    after.answer(Done<void>([](const Result<void>&) {}), {});
  };
  CHECK(ended_by(under_lock) == SIGABRT);
  CHECK(ended_by(after_unlock) == 0);
  CHECK(ended_by(deferred_under_another) == SIGABRT);
}

TEST_CASE("what is deferred is answered when the lock is given back") {
  Mutex mutex;
  std::optional<Result<int>> answer;
  {
    Deferred after;
    const MutexLock lock(mutex);
    after.answer(Done<int>([&](Result<int> result) { answer = std::move(result); }),
                 Error(Code::not_found));
    CHECK_FALSE(answer);
  }
  REQUIRE(answer);
  CHECK(answer->code() == Code::not_found);
}

}  // namespace
}  // namespace penstock::test
