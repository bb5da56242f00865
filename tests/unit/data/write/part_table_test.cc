// SPDX-License-Identifier: Apache-2.0
#include "data/write/part_table.h"

#include "support/catch.h"
#include "support/sizes.h"

namespace penstock::test {
namespace {

using State = PartTable::State;
using Way = PartTable::Way;

CompletedPart completed(uint32_t number) {
  return {.number = number, .etag = ETag("e" + std::to_string(number)), .size = mib};
}

TEST_CASE("a part that nobody has named is idle and as in the base", "[parts]") {
  const PartTable table;
  CHECK_FALSE(table.known(1));
  CHECK(table.state(1) == State::idle);
  CHECK_FALSE(table.touched(1));
  CHECK_FALSE(table.copies_base(1));
  CHECK(table.copied_from(1) == nullptr);
}

TEST_CASE("parts are taken in the order in which they became ready, each way by itself",
          "[parts]") {
  PartTable table;
  table.ready(3, Way::bytes);
  table.ready(7, Way::copy);
  table.ready(2, Way::bytes);
  CHECK(table.count_ready(Way::bytes) == 2);
  CHECK(table.take(Way::bytes) == 3);
  CHECK(table.take(Way::bytes) == 2);
  CHECK_FALSE(table.take(Way::bytes).has_value());
  CHECK(table.state(2) == State::sending);
  CHECK(table.state(7) == State::ready);
  CHECK(table.take(Way::copy) == 7);
}

TEST_CASE("a change of a part takes it out of its queue", "[parts]") {
  PartTable table;
  table.ready(1, Way::bytes);
  table.ready(2, Way::bytes);
  table.touch(1);
  CHECK(table.state(1) == State::idle);
  CHECK(table.touched(1));
  CHECK_FALSE(table.sent_before(1));
  CHECK(table.take(Way::bytes) == 2);
  CHECK_FALSE(table.take(Way::bytes).has_value());
}

TEST_CASE("a stored part that changes is one that was sent before, and is nobody's copy",
          "[parts]") {
  PartTable table;
  table.ready(1, Way::bytes);
  table.take(Way::bytes);
  table.stored(1, completed(1));
  table.copied(1, std::make_shared<const PartTable::CopiedFrom>());
  REQUIRE(table.copied_from(1) != nullptr);
  table.touch(1);
  CHECK(table.state(1) == State::idle);
  CHECK(table.sent_before(1));
  CHECK(table.copied_from(1) == nullptr);
}

TEST_CASE("what is put back may be sent ahead again", "[parts]") {
  PartTable table;
  table.stored(1, completed(1));
  table.put_back(1);
  CHECK(table.state(1) == State::idle);
  CHECK_FALSE(table.sent_before(1));
}

TEST_CASE("when an upload is gone its stored parts are idle, and those on their way go on",
          "[parts]") {
  PartTable table;
  table.stored(1, completed(1));
  table.ready(2, Way::bytes);
  table.take(Way::bytes);
  table.ready(3, Way::copy);
  CHECK(table.forget_sent() == std::vector<uint32_t>{1});
  CHECK(table.state(1) == State::idle);
  CHECK(table.state(2) == State::sending);
  CHECK(table.state(3) == State::idle);
  CHECK_FALSE(table.any(State::ready));
}

TEST_CASE("a file that is cut off forgets the parts behind its end, also those that wait",
          "[parts]") {
  PartTable table;
  for (const uint32_t number : {1, 2, 3}) table.ready(number, Way::bytes);
  table.cut(1);
  CHECK(table.numbers() == std::vector<uint32_t>{1});
  CHECK(table.take(Way::bytes) == 1);
  CHECK_FALSE(table.take(Way::bytes).has_value());
}

TEST_CASE("the last of several fetches makes a part ready, unless it was planned anew", "[parts]") {
  PartTable table;
  table.plan(1, false);
  table.fetching(1);
  table.fetching(1);
  CHECK_FALSE(table.fetched(1));
  const bool again = GENERATE(false, true);
  if (again) table.plan(1, false);
  CHECK(table.fetched(1) == !again);
}

TEST_CASE("Complete names the parts in order", "[parts]") {
  PartTable table;
  for (const uint32_t number : {2, 1, 3}) table.stored(number, completed(number));
  const std::vector<CompletedPart> named = table.completed(2);
  REQUIRE(named.size() == 2);
  CHECK(named[0].number == 1);
  CHECK(named[1].number == 2);
  CHECK(named[1].etag == ETag("e2"));
}

}  // namespace
}  // namespace penstock::test
