// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace penstock {

/// How many locks of class Mutex (base/mutex.h) the calling thread holds. In tests a continuation
/// that is called under a lock ends the process: what it calls may need the same lock. Thread-safe:
/// each thread has a count of its own.
class HeldLocks {
 public:
  static void taken() noexcept { ++count; }
  static void given_back() noexcept { --count; }
  /// From then on expect_none() ends the process. For the beginning of main(): a choice of the
  /// program, not of the build, so that tests run the objects that users run.
  static void enforce() noexcept { enforced = true; }
  /// Where enforced: aborts if the calling thread holds a lock.
  static void expect_none() noexcept {
    if (!enforced || count == 0) return;
    std::fputs("a continuation is called by a thread that holds a Mutex\n", stderr);
    std::abort();
  }

 private:
  static inline constinit thread_local uint32_t count = 0;
  static inline constinit bool enforced = false;
};

}  // namespace penstock
