// SPDX-License-Identifier: Apache-2.0
#pragma once

#ifdef PENSTOCK_COUNT_LOCKS
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#endif

namespace penstock {

/// How many locks of class Mutex (base/mutex.h) the calling thread holds. Counted in builds with
/// tests only, where a continuation that is called under a lock ends the process: what it calls may
/// need the same lock. Thread-safe: each thread has a count of its own.
class HeldLocks {
 public:
#ifdef PENSTOCK_COUNT_LOCKS
  static void taken() noexcept { ++count; }
  static void given_back() noexcept { --count; }
  /// Aborts where the calling thread holds a lock.
  static void expect_none() noexcept {
    if (count == 0) return;
    std::fputs("a continuation is called by a thread that holds a Mutex\n", stderr);
    std::abort();
  }

 private:
  static inline constinit thread_local uint32_t count = 0;
#else
  static void taken() noexcept {}
  static void given_back() noexcept {}
  static void expect_none() noexcept {}
#endif
};

}  // namespace penstock
