// SPDX-License-Identifier: Apache-2.0
#include "http/request_queue.h"

#include <algorithm>
#include <string>

#include "support/catch.h"

namespace penstock {
namespace {

struct World {
  explicit World(uint32_t slots) : queue(slots) {}

  void push(RequestClass request_class, int count = 1) {
    for (int i = 0; i < count; ++i) {
      auto submission = std::make_unique<Submission>();
      submission->id = ++last_id;
      submission->request.request_class = request_class;
      queue.push(std::move(submission));
    }
  }
  /// The classes of all that may begin, a letter for each.
  std::string begin_all() {
    std::string begun;
    while (auto submission = queue.begin_next())
      begun += "sdb"[static_cast<size_t>(submission->request.request_class)];
    return begun;
  }

  RequestQueue queue;
  uint64_t last_id = 0;
};

using enum RequestClass;

TEST_CASE("however many slow requests there are, a more urgent one begins at once") {
  World world(16);
  world.push(background, 100);
  CHECK(world.begin_all() == std::string(13, 'b'));
  world.push(demand, 100);
  CHECK(world.begin_all() == "dd");
  world.push(small, 2);
  CHECK(world.begin_all() == "s");
  CHECK_FALSE(world.queue.can_begin());
  world.queue.ended(small);
  CHECK(world.queue.can_begin());
  CHECK(world.begin_all() == "s");
}

TEST_CASE("small requests may have all slots, and none are kept where there are few") {
  World world(8);
  world.push(small, 10);
  CHECK(world.begin_all() == std::string(8, 's'));
  World narrow(3);
  narrow.push(background, 10);
  CHECK(narrow.begin_all() == "bbb");
}

TEST_CASE("no class waits for ever behind more urgent ones") {
  World world(1);
  world.push(background, 2);
  world.push(demand, 100);
  world.push(small, 100);
  std::string begun;
  for (int i = 0; i < 20; ++i) {
    const auto submission = world.queue.begin_next();
    begun += "sdb"[static_cast<size_t>(submission->request.request_class)];
    world.queue.ended(submission->request.request_class);
  }
  CHECK(begun.find('b') < 6);
  CHECK(begun.find('d') < 6);
  CHECK(std::count(begun.begin(), begun.end(), 's') >= 10);
}

TEST_CASE("requests of a class begin in their order, but for those that are withdrawn") {
  World world(2);
  world.push(demand, 4);
  CHECK(world.queue.withdraw(2)->id == 2);
  CHECK(world.queue.withdraw(2) == nullptr);
  CHECK(world.queue.begin_next()->id == 1);
  CHECK(world.queue.begin_next()->id == 3);
  CHECK(world.queue.begin_next() == nullptr);
  CHECK(world.queue.withdraw_any()->id == 4);
  CHECK(world.queue.withdraw_any() == nullptr);
}

TEST_CASE("what somebody waits for by now does not queue with the background") {
  World world(8);
  world.push(background, 10);  // 1 to 10; six begin.
  CHECK(world.begin_all() == std::string(6, 'b'));
  world.push(demand);  // 11
  world.queue.raise(9);
  world.queue.raise(3);   // It has begun.
  world.queue.raise(77);  // It is not here.
  CHECK(world.queue.begin_next()->id == 11);
  CHECK_FALSE(world.queue.can_begin());
  world.queue.ended(demand);
  const auto raised = world.queue.begin_next();
  REQUIRE(raised != nullptr);
  CHECK(raised->id == 9);
  // Its slot is one of demand: the background does not get more for it.
  CHECK(raised->request.request_class == demand);
  CHECK(world.queue.begin_next() == nullptr);
  world.queue.ended(demand);
  CHECK(world.queue.begin_next() == nullptr);
  world.queue.ended(background);
  CHECK(world.queue.begin_next()->id == 7);
  world.queue.raise(10);
  CHECK(world.queue.withdraw(10)->id == 10);
}

}  // namespace
}  // namespace penstock
