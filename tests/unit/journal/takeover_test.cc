// SPDX-License-Identifier: Apache-2.0
// Which of the journals in a directory a mount continues.
#include <cerrno>

#include "journal/journal_folder.h"
#include "journal/log_format.h"
#include "journal/segment.h"
#include "unit/journal/journal_fixture.h"

namespace penstock {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)
namespace fs = std::filesystem;

uint64_t folders(const std::string& directory) {
  return static_cast<uint64_t>(
      std::distance(fs::directory_iterator(directory), fs::directory_iterator()));
}

TEST_CASE("a live journal is left alone, and a dead one taken over") {
  const TempDir directory;
  auto first = std::make_unique<TestJournal>(directory.path());
  REQUIRE(store(*first, 1, "p/one", random_bytes(10, 1)));
  {
    TestJournal second(directory.path());
    REQUIRE(second.opened);
    CHECK(second.left.files.empty());
    CHECK(folders(directory.path()) == 2);
  }
  CHECK(folders(directory.path()) == 1);
  first.reset();
  TestJournal third(directory.path());
  CHECK(third.left.files.size() == 1);
  CHECK(folders(directory.path()) == 1);
}

TEST_CASE("of several dead journals the oldest comes first") {
  const TempDir directory;
  constexpr uint64_t count = 5;
  {
    std::vector<std::unique_ptr<TestJournal>> journals;
    for (uint64_t i = 0; i < count; ++i) {
      journals.push_back(std::make_unique<TestJournal>(directory.path()));
      REQUIRE(store(*journals.back(), 1, "p/" + std::to_string(i), random_bytes(10, i)));
    }
  }
  for (uint64_t i = 0; i < count; ++i) {
    TestJournal journal(directory.path());
    REQUIRE(journal.left.files.size() == 1);
    CHECK(journal.left.files[0].key == "p/" + std::to_string(i));
    REQUIRE(journal.forget(1));
  }
  CHECK(fs::is_empty(directory.path()));
}

TEST_CASE("journals of other prefixes are not touched, whatever their folder is called") {
  const TempDir directory;
  const auto disk = std::make_shared<FaultyDisk>();
  {
    TestJournal other(directory.path(), disk, "q/");
    REQUIRE(store(other, 1, "q/one", random_bytes(10, 1)));
  }
  {
    TestJournal ours(directory.path());
    CHECK(ours.left.files.empty());
  }
  const std::string folder = only_folder(directory.path());
  fs::rename(folder, directory.path() + "/" + folder_hash("s3://bucket", "p/") + "-disguised");
  {
    TestJournal ours(directory.path());
    CHECK(ours.left.files.empty());
  }
  fs::rename(only_folder(directory.path()), folder);
  TestJournal other(directory.path(), disk, "q/");
  CHECK(other.left.files.size() == 1);
}

TEST_CASE("identity and prefix are not run together") {
  CHECK(folder_hash("ab", "c") != folder_hash("a", "bc"));
}

/// Puts `version` into the header of a log.
void set_version(const std::string& path, uint32_t version) {
  std::vector<std::byte> log;
  REQUIRE(read_log(Disk::system(), path, log) == 0);
  log[8] = static_cast<std::byte>(version);
  const uint64_t sum = journal_hash(std::span(log).first(20));
  for (size_t i = 0; i < 8; ++i) log[20 + i] = static_cast<std::byte>(sum >> (8 * i));
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(log.data()), static_cast<std::streamsize>(log.size()));
}

TEST_CASE("a journal of a newer version is not opened, and not touched") {
  const TempDir directory;
  {
    TestJournal journal(directory.path());
    REQUIRE(store(journal, 1, "p/one", random_bytes(10, 1)));
  }
  const std::string folder = only_folder(directory.path());
  set_version(folder + "/log-1", 2);
  {
    TestJournal journal(directory.path());
    REQUIRE_FALSE(journal.opened);
    CHECK(journal.opened.code() == Code::not_supported);
    const std::string message(journal.opened.error().message());
    CHECK(message.find(folder) != std::string::npos);
    CHECK(message.find("version 2") != std::string::npos);
    CHECK(message.find("newer Penstock") != std::string::npos);
  }
  set_version(folder + "/log-1", 1);
  TestJournal journal(directory.path());
  REQUIRE(journal.opened);
  CHECK(journal.left.files.size() == 1);
}

TEST_CASE("a record of a type that is not known is of a newer version, too") {
  const TempDir directory;
  {
    TestJournal journal(directory.path());
    REQUIRE(store(journal, 1, "p/one", random_bytes(10, 1)));
  }
  const std::string path = only_folder(directory.path()) + "/log-1";
  std::vector<std::byte> log;
  REQUIRE(read_log(Disk::system(), path, log) == 0);
  const uint64_t salt = decode_log_header(log).salt;
  std::vector<std::byte> record;
  append_record(ForgetRecord{.file = 1}, {.salt = salt, .start = log.size()}, record);
  record[4] = static_cast<std::byte>(200);
  const auto sum =
      static_cast<uint32_t>(journal_hash(std::span(record).first(29), salt + log.size()));
  for (size_t i = 0; i < 4; ++i) record[29 + i] = static_cast<std::byte>(sum >> (8 * i));
  std::ofstream(path, std::ios::binary | std::ios::app)
      .write(reinterpret_cast<const char*>(record.data()),
             static_cast<std::streamsize>(record.size()));
  TestJournal journal(directory.path());
  REQUIRE_FALSE(journal.opened);
  CHECK(journal.opened.code() == Code::not_supported);
  CHECK(fs::file_size(path) == log.size() + record.size());
}

TEST_CASE("folders that were only begun are removed") {
  const TempDir directory;
  const std::string folder = directory.path() + "/" + folder_hash("s3://bucket", "p/") + "-1";
  fs::create_directory(folder);
  std::ofstream(folder + "/log-1.new") << "half a log";
  std::ofstream(folder + "/data-1") << "data that nobody was promised";
  { TestJournal journal(directory.path()); }
  CHECK(fs::is_empty(directory.path()));
}

TEST_CASE("data that no state names are removed") {
  const TempDir directory;
  {
    TestJournal journal(directory.path());
    REQUIRE(store(journal, 1, "p/one", random_bytes(10, 1)));
  }
  const std::string folder = only_folder(directory.path());
  std::ofstream(folder + "/data-7") << "written, and never recorded";
  TestJournal journal(directory.path());
  CHECK(journal.left.files.size() == 1);
  CHECK_FALSE(fs::exists(folder + "/data-7"));
  CHECK(fs::exists(folder + "/data-1"));
  // Its name was seen, and is not used again.
  REQUIRE(journal->append(random_bytes(10, 1)));
  CHECK(fs::exists(folder + "/data-8"));
}

TEST_CASE("the lock of a folder that was removed meanwhile is none") {
  const TempDir directory;
  const auto disk = std::make_shared<FaultyDisk>();
  disk->decide([&](DiskCall call, uint64_t) {
    if (call == DiskCall::flock) fs::remove(directory.path() + "/lock");
    return 0;
  });
  DiskFile lock;
  CHECK(lock_folder(disk, directory.path(), lock) == -ENOENT);
  CHECK_FALSE(lock);
}

TEST_CASE("too many open files are no damage") {
  const TempDir directory;
  {
    TestJournal journal(directory.path());
    REQUIRE(store(journal, 1, "p/one", random_bytes(10, 1)));
  }
  uint64_t failed = 0;
  for (uint64_t at = 1; at < 20; ++at) {
    const auto disk = std::make_shared<FaultyDisk>();
    disk->decide([&](DiskCall call, uint64_t number) {
      return call == DiskCall::open && number == at ? -EMFILE : 0;
    });
    TestJournal journal(directory.path(), disk);
    failed += journal.opened ? 0U : 1U;
    CHECK(journal.left.damaged.empty());
    if (journal.opened) CHECK(journal.left.files.size() == 1);
  }
  CHECK(failed >= 3);
}

TEST_CASE("what is no journal stays") {
  const TempDir directory;
  std::ofstream(directory.path() + "/" + folder_hash("s3://bucket", "p/") + "-file") << "x";
  std::ofstream(directory.path() + "/other") << "x";
  { REQUIRE(TestJournal(directory.path()).opened); }
  CHECK(folders(directory.path()) == 2);
}

TEST_CASE("the directory is made with its parents, for its user only") {
  const TempDir directory;
  const std::string deep = directory.path() + "/a/b";
  TestJournal journal(deep);
  REQUIRE(journal.opened);
  REQUIRE(store(journal, 1, "p/one", random_bytes(10, 1)));
  CHECK((fs::status(deep).permissions() & fs::perms::all) == fs::perms::owner_all);
  const std::string folder = only_folder(deep);
  CHECK((fs::status(folder).permissions() & fs::perms::all) == fs::perms::owner_all);
  for (const auto& entry : fs::directory_iterator(folder)) {
    CAPTURE(entry.path());
    CHECK((entry.status().permissions() & fs::perms::all) ==
          (fs::perms::owner_read | fs::perms::owner_write));
  }
}

}  // namespace
}  // namespace penstock
