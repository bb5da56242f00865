// SPDX-License-Identifier: Apache-2.0
#include <thread>

#include "base/mutex.h"
#include "sanitizers/faults.h"

namespace penstock::test {
namespace {

TEST_CASE("write from two threads", "[.]") {
  int number = 0;
  {
    const std::jthread one([&] { ++number; });
    const std::jthread other([&] { ++number; });
  }
  CHECK(number != 0);
}

TEST_CASE("take two locks in either order", "[.]") {
  Mutex first;
  Mutex second;
  const auto take = [](Mutex& outer, Mutex& inner) {
    const MutexLock lock(outer);
    const MutexLock nested(inner);
  };
  // One after the other, so that it is a mistake and not a dead end.
  std::thread(take, std::ref(first), std::ref(second)).join();
  std::thread(take, std::ref(second), std::ref(first)).join();
}

TEST_CASE("ThreadSanitizer is on") {
  must_be_caught("write from two threads", "ThreadSanitizer: data race");
  must_be_caught("take two locks in either order", "ThreadSanitizer: lock-order-inversion");
}

}  // namespace
}  // namespace penstock::test
