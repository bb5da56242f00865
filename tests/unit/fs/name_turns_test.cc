// SPDX-License-Identifier: Apache-2.0
// Names that programs were sent back from, and those who wait for them.
#include "fs/nodes/name_turns.h"

#include "support/catch.h"
#include "support/manual_scheduler.h"

namespace penstock::test {
namespace {

struct Turns {
  /// Whoever is about to take the file from the name; `gone` says how often it went on.
  void take() {
    turns.wait(place, [this] { ++gone; });
  }
  void pass(std::chrono::milliseconds time) { scheduler.advance(time); }

  ManualScheduler scheduler;
  NameTurns turns{[this](std::chrono::nanoseconds pause, Callback<void()> work) {
    scheduler.post_after(pause, std::move(work));
  }};
  const NameTurns::Place place{7, "latest"};
  int gone = 0;
};

using std::chrono::milliseconds;
constexpr uint64_t thread = 1;
constexpr uint64_t another = 2;

TEST_CASE("who takes a file from a name waits for those who were sent back, and for no others") {
  Turns t;
  t.take();
  CHECK(t.gone == 1);
  t.turns.sent_back(t.place, thread);
  t.turns.sent_back(t.place, another);
  CHECK(t.turns.taken(t.place));
  t.take();
  t.turns.arrived(t.place, 3);
  t.turns.arrived(t.place, thread);
  CHECK(t.gone == 1);
  t.turns.arrived(t.place, another);
  CHECK(t.gone == 2);
  CHECK_FALSE(t.turns.taken(t.place));
  CHECK_FALSE(t.turns.expected(t.place));
}

TEST_CASE("who was waited for in vain is still expected, for the path may take longer") {
  Turns t;
  t.turns.sent_back(t.place, thread);
  t.take();
  t.pass(milliseconds(999));
  CHECK(t.gone == 0);
  t.pass(milliseconds(1));
  CHECK(t.gone == 1);
  CHECK_FALSE(t.turns.taken(t.place));
  CHECK(t.turns.expected(t.place));
  // The same one that waited goes on at once.
  t.take();
  CHECK(t.gone == 2);
  SECTION("until it comes") {
    t.turns.arrived(t.place, thread);
    CHECK_FALSE(t.turns.expected(t.place));
  }
  SECTION("but not for ever") {
    t.pass(milliseconds(8'999));
    CHECK(t.turns.expected(t.place));
    t.pass(milliseconds(1));
    CHECK_FALSE(t.turns.expected(t.place));
  }
  SECTION("and one who is sent back then is waited for") {
    t.turns.sent_back(t.place, another);
    CHECK(t.turns.taken(t.place));
    t.take();
    CHECK(t.gone == 2);
    t.pass(milliseconds(1'000));
    CHECK(t.gone == 3);
  }
}

TEST_CASE("who was waited for in vain is waited for once more when the name is looked up") {
  Turns t;
  t.turns.sent_back(t.place, thread);
  t.take();
  t.turns.told(t.place);
  t.pass(milliseconds(1'000));
  CHECK(t.gone == 1);
  t.turns.told(t.place);
  CHECK(t.turns.taken(t.place));
  t.take();
  SECTION("and comes") { t.turns.arrived(t.place, thread); }
  SECTION("or does not, and is not waited for a third time") {
    t.pass(milliseconds(1'000));
    t.turns.told(t.place);
  }
  CHECK(t.gone == 2);
  CHECK_FALSE(t.turns.taken(t.place));
}

TEST_CASE("who has found nothing once is waited for when somebody is told of the name after all") {
  Turns t;
  t.turns.sent_back(t.place, thread);
  t.turns.sent_back(t.place, another);
  t.take();
  t.turns.found_nothing(t.place, thread);
  t.turns.found_nothing(t.place, 3);
  CHECK(t.gone == 0);
  t.turns.found_nothing(t.place, another);
  // What has the name by then is to be made first.
  CHECK(t.gone == 1);
  t.take();
  CHECK(t.gone == 2);
  t.turns.told(t.place);
  CHECK(t.turns.taken(t.place));
  t.take();
  SECTION("until it has come") {
    t.turns.arrived(t.place, thread);
    CHECK(t.gone == 2);
    t.turns.arrived(t.place, another);
  }
  SECTION("until it has found nothing again") {
    t.turns.found_nothing(t.place, another);
    CHECK(t.gone == 2);
    t.turns.found_nothing(t.place, thread);
    CHECK_FALSE(t.turns.expected(t.place));
  }
  SECTION("for a moment") { t.pass(milliseconds(1'000)); }
  CHECK(t.gone == 3);
  CHECK_FALSE(t.turns.taken(t.place));
}

TEST_CASE("who waits does not wait longer for those who are sent back meanwhile") {
  Turns t;
  t.turns.sent_back(t.place, thread);
  t.take();
  t.pass(milliseconds(500));
  t.turns.sent_back(t.place, another);
  t.pass(milliseconds(500));
  CHECK(t.gone == 1);
  CHECK(t.turns.taken(t.place));
}

TEST_CASE("who has come and is opening the file is waited for until that has ended") {
  Turns t;
  t.turns.opening(t.place, thread);  // nobody was sent back: it is nothing
  t.turns.sent_back(t.place, thread);
  t.take();
  t.turns.opening(t.place, another);
  SECTION("while others that open the file are not") {
    t.pass(milliseconds(1'000));
    CHECK(t.gone == 1);
    // It comes at last.
    t.turns.opening(t.place, thread);
    t.take();
    t.pass(milliseconds(1'500));
    CHECK(t.gone == 1);
    t.turns.arrived(t.place, thread);
    CHECK(t.gone == 2);
  }
  SECTION("and is gone") {
    t.turns.opening(t.place, thread);
    t.pass(milliseconds(2'500));
    CHECK(t.gone == 0);
    CHECK(t.turns.taken(t.place));
    // Once more sent back, and not come since.
    t.turns.sent_back(t.place, thread);
    t.pass(milliseconds(1'500));
    CHECK(t.gone == 1);
  }
  SECTION("but not for ever") {
    t.turns.opening(t.place, thread);
    t.pass(milliseconds(10'000));
    CHECK(t.gone == 1);
    CHECK_FALSE(t.turns.expected(t.place));
  }
}

}  // namespace
}  // namespace penstock::test
