// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/room_wait.h"

#include "unit/data/write_back/core_fixture.h"

namespace penstock::test {
namespace {

using std::chrono::seconds;

const Error full(Code::no_space, "full");

TEST_CASE("only who has no room waits for it") {
  CoreFixture fixture;
  RoomWait room(*fixture.core);
  CHECK_FALSE(room.may_come(Error(Code::unavailable, "broken"), room.now()));
  CHECK(room.may_come(full, room.now()));
}

TEST_CASE("a file that waited in vain for room is refused at once, until something is stored") {
  CoreFixture fixture;
  RoomWait room(*fixture.core);
  RoomWait other(*fixture.core);
  const Scheduler::Time began = room.now();
  // Nothing is promised that an upload could carry away.
  fixture.scheduler.advance(FullDisk::clearing);
  CHECK_FALSE(room.may_come(full, began));
  CHECK_FALSE(room.may_come(full, room.now()));
  CHECK(other.may_come(full, other.now()));
  room.found();
  CHECK(room.may_come(full, room.now()));
}

TEST_CASE("as long as a promise is owed, its upload may make room") {
  CoreFixture fixture;
  RoomWait room(*fixture.core);
  CHECK(fixture.finish<void>([&](Done<void> done) {
    fixture.journal->record(state_of(fixture.journal->new_file(), "k", fixture.piece("bytes")),
                            std::move(done));
  }));
  const Scheduler::Time began = room.now();
  fixture.scheduler.advance(FullDisk::patience - seconds(1));
  CHECK(room.may_come(full, began));
  fixture.scheduler.advance(seconds(1));
  CHECK_FALSE(room.may_come(full, began));
}

TEST_CASE("who waits for room looks again after an interval") {
  CoreFixture fixture;
  RoomWait room(*fixture.core);
  int looks = 0;
  room.look_later([&] { ++looks; });
  fixture.run();
  CHECK(looks == 0);
  fixture.scheduler.advance(RoomWait::interval);
  CHECK(looks == 1);
}

}  // namespace
}  // namespace penstock::test
