// SPDX-License-Identifier: Apache-2.0
#include "data/upload_slots.h"

#include <algorithm>
#include <functional>
#include <string>

#include "support/catch.h"

namespace penstock::test {
namespace {

/// Writes its name down when it has a slot.
struct Named final : UploadSlots::User {
  Named(std::string& the_order, char the_name) : order(the_order), name(the_name) {}
  void use_slot() override {
    order += name;
    if (then) then();
  }

  std::string& order;
  const char name;
  std::function<void()> then;
};

struct SlotsFixture {
  std::shared_ptr<Named> user(char name) { return std::make_shared<Named>(order, name); }
  std::string order;
};

TEST_CASE("no more have a slot than there are, and one that is given back goes to the next") {
  SlotsFixture fixture;
  UploadSlots slots(2);
  for (const char name : {'a', 'b', 'c', 'd'}) slots.request(fixture.user(name), 1);
  CHECK(fixture.order == "ab");
  slots.release();
  CHECK(fixture.order == "abc");
  slots.release();
  slots.release();
  CHECK(fixture.order == "abcd");
  slots.request(fixture.user('e'), 1);
  CHECK(fixture.order == "abcde");
  slots.request(fixture.user('f'), 1);
  CHECK(fixture.order == "abcde");
}

TEST_CASE("who wants many slots has them in turn with the others") {
  SlotsFixture fixture;
  UploadSlots slots(1);
  slots.request(fixture.user('-'), 1);
  const auto many = fixture.user('m');
  slots.request(many, 2);
  slots.request(fixture.user('a'), 2);
  slots.request(many, 1);
  slots.request(fixture.user('b'), 1);
  for (int i = 0; i < 10; ++i) slots.release();
  CHECK(fixture.order == "-mabmam");
}

TEST_CASE("no slots at all are one, and none that is asked for is none") {
  SlotsFixture fixture;
  UploadSlots slots(0);
  slots.request(fixture.user('z'), 0);
  slots.request(fixture.user('a'), 1);
  slots.request(fixture.user('b'), 1);
  CHECK(fixture.order == "a");
}

TEST_CASE("slots that are given back or asked for from within are handed out one after another") {
  SlotsFixture fixture;
  UploadSlots slots(1);
  int depth = 0;
  int deepest = 0;
  const auto busy = fixture.user('x');
  int left = 1000;
  busy->then = [&] {
    deepest = std::max(deepest, ++depth);
    if (--left > 0) slots.request(busy, 1);
    slots.release();
    --depth;
  };
  slots.request(busy, 1);
  CHECK(fixture.order.size() == 1000);
  CHECK(deepest == 1);
}

TEST_CASE("who waits for a slot is kept until it had it") {
  SlotsFixture fixture;
  UploadSlots slots(1);
  slots.request(fixture.user('a'), 1);
  auto waiting = fixture.user('b');
  const std::weak_ptr<Named> alive = waiting;
  slots.request(waiting, 1);
  waiting.reset();
  CHECK_FALSE(alive.expired());
  slots.release();
  CHECK(fixture.order == "ab");
  CHECK(alive.expired());
}

}  // namespace
}  // namespace penstock::test
