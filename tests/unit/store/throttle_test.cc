// SPDX-License-Identifier: Apache-2.0
#include "store/throttle.h"

#include <vector>

#include "support/catch.h"
#include "support/manual_scheduler.h"

namespace penstock {
namespace {

using namespace std::chrono_literals;
using Outcome = Throttle::Outcome;

struct ThrottleGround {
  test::ManualScheduler scheduler;
  std::shared_ptr<Throttle> throttle = std::make_shared<Throttle>(scheduler, 1, Log::none());
  std::vector<Throttle::Ticket> granted;
  std::vector<Scheduler::Time> times;

  void admit(int count) {
    for (int i = 0; i < count; ++i) {
      throttle->admit([this](Throttle::Ticket ticket) {
        granted.push_back(ticket);
        times.push_back(scheduler.now());
      });
    }
  }
  void leave_all(Outcome outcome, std::chrono::milliseconds retry_after = 0ms) {
    for (const auto ticket : std::exchange(granted, {}))
      throttle->leave(ticket, outcome, retry_after);
  }
};

TEST_CASE("A throttle lets everything pass while the store takes it") {
  ThrottleGround ground;
  ground.admit(300);
  CHECK(ground.granted.size() == 300);
  ground.leave_all(Outcome::answered);
  CHECK(ground.throttle->in_flight() == 0);
  CHECK(ground.throttle->limit() >= Throttle::no_limit);
}

TEST_CASE("A refusal pauses all requests and limits those in flight, once per round") {
  ThrottleGround ground;
  ground.admit(16);
  ground.leave_all(Outcome::refused);
  const double limit = ground.throttle->limit();
  CHECK(limit < 16);
  CHECK(limit > 8);  // 16 refusals of one round are one reason to slow down, not 16.

  ground.times.clear();
  ground.admit(16);
  CHECK(ground.granted.empty());
  ground.scheduler.advance(500ms);
  CHECK(ground.granted.size() == static_cast<size_t>(limit));
  // Not in step: they start spread over the pause.
  CHECK(ground.times.front() != ground.times.back());
  CHECK(std::unique(ground.times.begin(), ground.times.end()) == ground.times.end());
}

TEST_CASE("Pauses grow from refusal to refusal and stay bounded") {
  ThrottleGround ground;
  std::chrono::nanoseconds longest{0};
  for (int i = 0; i < 12; ++i) {
    const auto before = ground.scheduler.now();
    ground.admit(1);
    while (ground.granted.empty()) ground.scheduler.advance(10ms);
    longest = std::max<std::chrono::nanoseconds>(longest, ground.scheduler.now() - before);
    ground.leave_all(Outcome::refused);
  }
  CHECK(longest > 2s);
  CHECK(longest < 6s);
}

TEST_CASE("Three refusals in a row cost little") {
  ThrottleGround ground;
  const auto before = ground.scheduler.now();
  for (int i = 0; i < 3; ++i) {
    ground.admit(1);
    while (ground.granted.empty()) ground.scheduler.advance(1ms);
    ground.leave_all(Outcome::refused);
  }
  ground.admit(1);
  while (ground.granted.empty()) ground.scheduler.advance(1ms);
  CHECK(ground.scheduler.now() - before < 400ms);
}

TEST_CASE("Retry-After holds for all") {
  ThrottleGround ground;
  ground.admit(2);
  ground.leave_all(Outcome::refused, 3000ms);
  ground.admit(1);
  ground.scheduler.advance(2900ms);
  CHECK(ground.granted.empty());
  ground.scheduler.advance(200ms);
  CHECK(ground.granted.size() == 1);
}

TEST_CASE("The limit goes when answers come again") {
  ThrottleGround ground;
  ground.admit(64);
  ground.leave_all(Outcome::refused);
  int rounds = 0;
  while (ground.throttle->limit() < Throttle::no_limit && rounds < 200) {
    ground.admit(static_cast<int>(Throttle::no_limit) - static_cast<int>(ground.granted.size()));
    ground.scheduler.advance(100ms);
    ground.leave_all(Outcome::answered);
    ++rounds;
  }
  CHECK(rounds > 3);
  CHECK(rounds < 100);
}

TEST_CASE("A request that ends without an answer leaves the limit alone") {
  ThrottleGround ground;
  ground.admit(10);
  ground.leave_all(Outcome::unknown);
  CHECK(ground.throttle->limit() >= Throttle::no_limit);
  CHECK(ground.throttle->in_flight() == 0);
}

TEST_CASE("Requests that end as they are granted do not nest") {
  ThrottleGround ground;
  ground.admit(1);
  ground.leave_all(Outcome::refused);
  int depth = 0;
  int deepest = 0;
  int done = 0;
  for (int i = 0; i < 2000; ++i) {
    ground.throttle->admit([&](Throttle::Ticket ticket) {
      deepest = std::max(deepest, ++depth);
      ground.throttle->leave(ticket, Outcome::answered, 0ms);
      ++done;
      --depth;
    });
  }
  ground.scheduler.advance(10s);
  CHECK(done == 2000);
  CHECK(deepest == 1);
}

}  // namespace
}  // namespace penstock
