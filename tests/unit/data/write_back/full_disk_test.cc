// SPDX-License-Identifier: Apache-2.0
// How long those wait who need room on the journal's full disk.
#include "data/write_back/full_disk.h"

#include "support/captured_log.h"
#include "support/catch.h"

namespace penstock::test {
namespace {

using std::chrono::seconds;

constexpr Scheduler::Time began{std::chrono::hours(1)};

TEST_CASE("without an object that arrives, one who waits for room does so for a minute") {
  FullDisk disk(Log::none());
  CHECK(disk.may_come(began, true, began));
  CHECK(disk.may_come(began, true, began + seconds(59)));
  CHECK_FALSE(disk.may_come(began, true, began + seconds(60)));
  SECTION("which counts for each from its own beginning") {
    CHECK(disk.may_come(began + seconds(30), true, began + seconds(60)));
  }
}

TEST_CASE("while objects arrive, nobody's wait for room ends") {
  FullDisk disk(Log::none());
  for (int minute = 0; minute < 10; ++minute) {
    const Scheduler::Time now = began + seconds(50) * minute;
    CHECK(disk.may_come(began, true, now + seconds(49)));
    disk.arrived(now + seconds(50));
  }
  const Scheduler::Time last = began + seconds(500);
  CHECK(disk.may_come(began, true, last + seconds(59)));
  CHECK_FALSE(disk.may_come(began, true, last + seconds(60)));
  SECTION("and one that arrived before it began says nothing of it") {
    CHECK(disk.may_come(last + seconds(100), true, last + seconds(159)));
    CHECK_FALSE(disk.may_come(last + seconds(100), true, last + seconds(160)));
  }
}

TEST_CASE("where nothing is left to upload, the wait for room lasts until that is cleared away") {
  FullDisk disk(Log::none());
  CHECK(disk.may_come(began, false, began + seconds(1)));
  CHECK_FALSE(disk.may_come(began, false, began + seconds(2)));
  CHECK(disk.may_come(began, true, began + seconds(10)));
  disk.arrived(began + seconds(11));
  CHECK(disk.may_come(began, false, began + seconds(11)));
  CHECK_FALSE(disk.may_come(began, false, began + seconds(12)));
}

TEST_CASE("that the journal's disk is full is said once a minute, and not of one who is refused") {
  const auto log = std::make_shared<CapturedLog>();
  FullDisk disk(log);
  CHECK_FALSE(disk.may_come(began, false, began + seconds(2)));
  CHECK(log->lines().empty());
  CHECK(disk.may_come(began, true, began));
  CHECK(disk.may_come(began, true, began + seconds(59)));
  CHECK(log->lines().size() == 1);
  CHECK(disk.may_come(began + seconds(60), true, began + seconds(60)));
  CHECK(log->lines().size() == 2);
}

}  // namespace
}  // namespace penstock::test
