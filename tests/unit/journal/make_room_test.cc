// SPDX-License-Identifier: Apache-2.0
// A journal on a full disk where something else may give way.
#include <cerrno>

#include "unit/journal/journal_fixture.h"

namespace penstock::test {
namespace {

/// A disk that is full until something was removed that often, and what removes it.
struct FullDisk {
  FullDisk() {
    disk->decide([this](DiskCall call, uint64_t) {
      return call == DiskCall::pwrite && needed > 0 ? -ENOSPC : 0;
    });
  }
  MakeRoom make_room() {
    return [this] {
      ++asked;
      if (nothing_left) return false;
      if (needed > 0) --needed;
      return true;
    };
  }

  std::shared_ptr<FaultyDisk> disk = std::make_shared<FaultyDisk>();
  int needed = 0;
  int asked = 0;
  bool nothing_left = false;
};

Result<std::unique_ptr<Journal>> open_on(FullDisk& full, const TempDir& directory,
                                         Scheduler& scheduler) {
  Journal::Left left;
  return Journal::open({.directory = directory.path(),
                        .identity = "i",
                        .prefix = "p",
                        .make_room = full.make_room()},
                       left, scheduler, Log::none(), full.disk);
}

TEST_CASE("what gives way is asked before a full disk is told") {
  const TempDir directory;
  FullDisk full;
  full.needed = GENERATE(0, 1, 3);
  const int at_open = full.needed;
  ManualScheduler scheduler;
  auto opened = open_on(full, directory, scheduler);
  REQUIRE(opened);
  CHECK(full.asked == at_open);
  Journal& journal = **opened;
  const auto record = [&](uint64_t file, const std::shared_ptr<const JournalPiece>& piece) {
    return await<void>([&](Done<void> done) {
      journal.record(state_of(file, "p/x", piece), std::move(done));
      scheduler.run();
    });
  };
  full.needed = 2;
  const Bytes bytes = random_bytes(1000, 1);
  const auto piece = journal.append(bytes);
  REQUIRE(piece);
  full.needed = 2;
  CHECK(record(1, *piece));
  CHECK(content(journal, state_of(1, "p/x", *piece)) == bytes);

  full.nothing_left = true;
  full.needed = 1;
  full.asked = 0;
  CHECK(journal.append(bytes).code() == Code::no_space);
  CHECK(record(2, *piece).code() == Code::no_space);
  // Of the record before and after the reserve was given up.
  CHECK(full.asked == 3);
  full.needed = 0;
  CHECK(record(2, *piece));
}

TEST_CASE("room that others take at once is not made for ever") {
  const TempDir directory;
  FullDisk full;
  ManualScheduler scheduler;
  auto opened = open_on(full, directory, scheduler);
  REQUIRE(opened);
  full.needed = 1'000'000;
  CHECK((*opened)->append(random_bytes(10, 1)).code() == Code::no_space);
  CHECK(full.asked < 100);
  full.needed = 0;
}

}  // namespace
}  // namespace penstock::test
