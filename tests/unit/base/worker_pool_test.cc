// SPDX-License-Identifier: Apache-2.0
#include "base/worker_pool.h"

#include <future>
#include <latch>

#include "support/catch.h"

namespace penstock {
namespace {

using namespace std::chrono_literals;

TEST_CASE("a pool runs what is posted, and timers in the order of their times") {
  WorkerPool pool("test", 1);
  std::promise<void> posted;
  pool.post([&] { posted.set_value(); });
  posted.get_future().wait();
  std::vector<int> order;
  std::latch done(3);
  const auto begin = pool.now();
  for (const int place : {3, 1, 2}) {
    pool.post_at(begin + place * 1ms, [&, place] {
      order.push_back(place);
      done.count_down();
    });
  }
  done.wait();
  CHECK(order == std::vector<int>{1, 2, 3});
}

// Every thread waits for the same timer; the first to wake takes it away while the others still
// have its time to look at. AddressSanitizer sees whether that was theirs.
TEST_CASE("threads of a pool wait for a timer that another one takes") {
  WorkerPool pool("test", 4);
  constexpr int timers = 200;
  std::latch done(timers);
  const auto begin = pool.now();
  for (int i = 0; i < timers; ++i) pool.post_at(begin + i * 200us, [&done] { done.count_down(); });
  done.wait();
  CHECK(done.try_wait());
}

TEST_CASE("a pool that stops drops what has not begun") {
  WorkerPool pool("test", 2);
  const auto kept = std::make_shared<int>(0);
  pool.post_after(1h, [kept] { ++*kept; });
  CHECK(kept.use_count() == 2);
  pool.stop();
  pool.post([kept] { ++*kept; });
  CHECK(kept.use_count() == 1);
  CHECK(*kept == 0);
}

}  // namespace
}  // namespace penstock
