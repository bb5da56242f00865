// SPDX-License-Identifier: Apache-2.0
// What others can see of a journal.
#include "journal/journal_report.h"

#include <fcntl.h>
#include <sys/file.h>

#include <chrono>
#include <thread>

#include "unit/journal/journal_fixture.h"

namespace penstock {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

std::vector<JournalReport> reports(const std::string& directory) {
  return *read_journals(directory, *Disk::system());
}

TEST_CASE("a report says what is pending, of live and of dead mounts") {
  const TempDir directory;
  const auto none = read_journals(directory.path() + "/none", *Disk::system());
  CHECK((!none && none.code() == Code::not_found));
  {
    TestJournal journal(directory.path());
    const auto piece = journal->append(random_bytes(500, 1));
    JournalState state = state_of(1, "p/one", *piece);
    state.size += 100;
    state.ranges.push_back({.kind = JournalRange::Kind::hole, .offset = 500, .length = 100});
    state.since_ns = 77;
    REQUIRE(journal.record(state));
    REQUIRE(store(journal, 2, "p/two", random_bytes(10, 2)));
    journal->note_failure(1, "no route to host");
    journal->upload_began({.file = 2, .key = "p/two", .upload_id = "u"});
    journal.scheduler.run();

    const auto live = reports(directory.path());
    REQUIRE(live.size() == 1);
    CHECK(live[0].live);
    CHECK(live[0].identity == "s3://bucket");
    CHECK(live[0].prefix == "p/");
    CHECK(live[0].problem.empty());
    REQUIRE(live[0].files.size() == 2);
    const JournalReport::File& one = live[0].files[0];
    CHECK(one.key == "p/one");
    CHECK(one.size == 600);
    CHECK(one.journal_bytes == 500);
    CHECK(one.since_ns == 77);
    CHECK(one.failure == "no route to host");
    CHECK(one.failure_ns > 0);
    CHECK_FALSE(one.upload);
    CHECK(live[0].files[1].upload);
  }
  const auto dead = reports(directory.path());
  REQUIRE(dead.size() == 1);
  CHECK_FALSE(dead[0].live);
  CHECK(dead[0].files.size() == 2);
  CHECK(dead[0].files[0].failure == "no route to host");
}

TEST_CASE("looking does not keep a mount from its journal") {
  const TempDir directory;
  {
    TestJournal journal(directory.path());
    REQUIRE(store(journal, 1, "p/one", random_bytes(10, 1)));
  }
  for (int i = 0; i < 3; ++i) {
    // Holds the lock as a reader does, for a moment in which the mount tries.
    const auto disk = Disk::system();
    auto lock = std::make_unique<DiskFile>(
        open_file(disk, only_folder(directory.path()) + "/lock", O_RDONLY));
    REQUIRE(lock->try_lock(LOCK_SH) == 0);
    std::jthread reader([&lock] {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      lock.reset();
    });
    TestJournal journal(directory.path());
    REQUIRE(journal.opened);
    CHECK(journal.left.files.size() == 1);
  }
}

TEST_CASE("a report tells of journals that it cannot read") {
  const TempDir directory;
  {
    TestJournal journal(directory.path());
    REQUIRE(store(journal, 1, "p/one", random_bytes(10, 1)));
  }
  std::filesystem::resize_file(only_folder(directory.path()) + "/log-1", 20);
  const auto found = reports(directory.path());
  REQUIRE(found.size() == 1);
  CHECK(found[0].problem == "has a damaged header");
  CHECK(found[0].files.empty());
}

}  // namespace
}  // namespace penstock
