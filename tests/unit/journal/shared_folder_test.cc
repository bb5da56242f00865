// SPDX-License-Identifier: Apache-2.0
// Journals in folders that several machines see.
#include "journal/shared_folder.h"

#include <sys/vfs.h>

#include "unit/journal/journal_fixture.h"

namespace penstock::test {
namespace {

constexpr uint64_t nfs = 0x6969;
constexpr uint64_t cifs = 0xFF534D42;
constexpr uint64_t ext4 = 0xEF53;

Result<std::unique_ptr<Journal>> open(const std::string& directory, uint64_t type, bool shared,
                                      ManualScheduler& scheduler, Journal::Left& left) {
  auto disk = std::make_shared<FaultyDisk>();
  disk->pretend_type(type);
  return Journal::open({.directory = directory,
                        .identity = "s3://bucket",
                        .prefix = "p/",
                        .shared = shared,
                        .make_room = {}},
                       left, scheduler, Log::none(), std::move(disk));
}

TEST_CASE("a journal in a folder that other machines see is refused, unless they leave it alone") {
  const TempDir directory;
  ManualScheduler scheduler;
  Journal::Left left;
  {
    // As a mount that lives on another machine: its lock does not show here.
    TestJournal other(directory.path());
    REQUIRE(store(other, other->new_file(), "p/f", random_bytes(10, 1)));
  }
  for (const uint64_t type : {nfs, cifs}) {
    const auto refused = open(directory.path(), type, false, scheduler, left);
    REQUIRE_FALSE(refused);
    CHECK(refused.code() == Code::not_supported);
    const std::string message(refused.error().message());
    CHECK(message.find(type == nfs ? "NFS" : "CIFS") != std::string::npos);
    CHECK(message.find("--journal-dir") != std::string::npos);
    CHECK(message.find("--journal-shared") != std::string::npos);
    CHECK(left.files.empty());
  }
  {
    const auto allowed = open(directory.path(), nfs, true, scheduler, left);
    REQUIRE(allowed);
    CHECK(left.files.size() == 1);
  }
  CHECK(open(directory.path(), ext4, false, scheduler, left));
}

TEST_CASE("which file systems other machines may see") {
  FaultyDisk disk;
  for (const uint64_t type : {0xEF53ULL, 0x58465342ULL, 0x9123683EULL, 0x01021994ULL, 0x794C7630ULL,
                              0x2FC12FC1ULL}) {  // ext4 to ZFS
    disk.pretend_type(type);
    CHECK(shared_by_machines(disk, "/").empty());
  }
  disk.pretend_type(0x0BD00BD0);
  CHECK(shared_by_machines(disk, "/") == "Lustre");
  disk.decide([](DiskCall call, uint64_t) { return call == DiskCall::filesystem_type ? -5 : 0; });
  CHECK(shared_by_machines(disk, "/").empty());
}

TEST_CASE("the system tells the type of a file system, also a number of 32 bits") {
  struct statfs found {};
  REQUIRE(statfs("/proc", &found) == 0);
  uint64_t type = 0;
  CHECK(Disk::system()->filesystem_type("/proc", type) == 0);
  CHECK(type == static_cast<uint32_t>(found.f_type));
  CHECK(Disk::system()->filesystem_type("/no such folder", type) == -ENOENT);
}

}  // namespace
}  // namespace penstock::test
