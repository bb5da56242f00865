// SPDX-License-Identifier: Apache-2.0
// Exchanges; renames whose mount is killed in the middle; files that are deleted while they are
// open.
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <thread>

#include "mount/mounted_bucket.h"
#include "support/catch.h"

namespace penstock::test {
namespace {

namespace fs = std::filesystem;

int exchange(const fs::path& one, const fs::path& other) {
  return renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE);
}

bool hidden(const std::string& key) { return key.starts_with(".penstock/"); }

std::vector<std::string> files(const TestServer& server) {
  std::vector<std::string> keys = server.keys("test");
  std::erase_if(keys, hidden);
  return keys;
}

bool nothing_hidden(const TestServer& server) {
  const std::vector<std::string> keys = server.keys("test");
  return std::none_of(keys.begin(), keys.end(), hidden);
}

std::string pread_all(int fd) {
  std::string bytes(1 << 20, '\0');
  const ssize_t got = pread(fd, bytes.data(), bytes.size(), 0);
  if (got < 0) return "errno " + std::to_string(errno);
  bytes.resize(static_cast<size_t>(got));
  return bytes;
}

/// Without printing all of both.
bool holds(int fd, const std::string& expected) {
  const std::string found = pread_all(fd);
  if (found != expected) UNSCOPED_INFO(found.size() << " bytes: " << found.substr(0, 20));
  return found == expected;
}

TEST_CASE("files and directories exchange their names") {
  TestServer server;
  server.put_object("test", "f", "file");
  server.put_object("test", "g", "other");
  server.put_object("test", "d/x", "x");
  Mounted mount(server);
  REQUIRE(exchange(mount.path("f"), mount.path("g")) == 0);
  CHECK(read_file(mount.path("f")) == "other");
  CHECK(read_file(mount.path("g")) == "file");
  REQUIRE(exchange(mount.path("d"), mount.path("f")) == 0);
  CHECK(read_file(mount.path("d")) == "other");
  CHECK(read_file(mount.path("f/x")) == "x");
  CHECK(server.keys("test") == std::vector<std::string>{"d", "f/x", "g"});
  CHECK(exchange(mount.path("d"), mount.path("absent")) == -1);
  CHECK(errno == ENOENT);
  CHECK(mkdir(mount.path(".penstock").c_str(), 0755) == -1);
  CHECK(errno == EEXIST);
}

TEST_CASE("a mount that is killed while it renames: the next one has the old tree or the new one") {
  constexpr size_t count = 60;
  TestServer server;
  for (size_t i = 0; i < count; ++i)
    server.put_object("test", "old/sub/f" + std::to_string(i), std::to_string(i));
  TempFolder keep;
  const MountSettings settings{.keep = keep.path()};
  // The request that is not answered any more, and how many like it went well.
  struct Moment {
    const char* operation;
    int skip;
    const char* kind;
    const char* result;
  };
  const Moment moment = GENERATE(
      Moment{"CopyObject", 0, "hang", "old"}, Moment{"CopyObject", 40, "hang", "old"},
      Moment{"PutObject", 2, "hang", "old"},  // the note that all copies are there
      Moment{"DeleteObjects", 0, "hang", "new"}, Moment{"DeleteObjects", 1, "hang", "new"});
  CAPTURE(moment.operation, moment.skip);
  {
    Mounted mount(server, settings);
    REQUIRE(fs::exists(mount.path("old/sub/f1")));
    server.reset_stats();
    server.add_fault(
        {.operation = moment.operation, .kind = moment.kind, .times = -1, .skip = moment.skip});
    std::thread renaming([&] { rename(mount.path("old").c_str(), mount.path("new").c_str()); });
    CHECK(eventually([&] {
      const auto requests = server.stats().requests;
      const auto found = requests.find(moment.operation);
      return found != requests.end() && found->second > static_cast<uint64_t>(moment.skip);
    }));
    mount.kill();
    renaming.join();
  }
  server.clear_faults();
  Mounted mount(server, settings);
  const std::string whole = moment.result;
  CHECK(eventually([&] { return nothing_hidden(server); }));
  const std::vector<std::string> keys = files(server);
  CHECK(keys.size() == count);
  for (const std::string& key : keys) CHECK(key.starts_with(whole + "/sub/f"));
  for (size_t i = 0; i < count; ++i)
    CHECK(read_file(mount.path(whole + "/sub/f" + std::to_string(i))) == std::to_string(i));
  CHECK_FALSE(fs::exists(mount.path(whole == "old" ? "new" : "old")));
}

TEST_CASE("a deleted file that is open is read, mapped and written until it is closed") {
  const bool write_back = GENERATE(false, true);
  CAPTURE(write_back);
  TestServer server;
  const std::string bytes = random_bytes(300'000, 7);
  server.put_object("test", "d/f", bytes);
  server.put_object("test", "d/g", bytes);
  TempFolder journal;
  MountSettings settings;
  if (write_back) settings.options = {"--write-back", "--journal-dir", journal.path()};
  Mounted mount(server, settings);
  const int reader = open(mount.path("d/f").c_str(), O_RDONLY);
  const int writer = open(mount.path("d/g").c_str(), O_RDWR);
  REQUIRE(reader >= 0);
  REQUIRE(writer >= 0);
  REQUIRE(pwrite(writer, "new", 3, 10) == 3);
  REQUIRE(unlink(mount.path("d/f").c_str()) == 0);
  REQUIRE(unlink(mount.path("d/g").c_str()) == 0);
  CHECK_FALSE(server.object("test", "d/f"));
  CHECK_FALSE(server.object("test", "d/g"));
  CHECK(holds(reader, bytes));
  struct stat status {};
  REQUIRE(fstat(reader, &status) == 0);
  CHECK(status.st_nlink == 0);
  void* const mapped = mmap(nullptr, bytes.size(), PROT_READ, MAP_PRIVATE, reader, 0);
  REQUIRE(mapped != MAP_FAILED);
  CHECK(memcmp(mapped, bytes.data(), bytes.size()) == 0);
  std::string expected = bytes;
  expected.replace(10, 3, "new");
  CHECK(holds(writer, expected));
  REQUIRE(ftruncate(writer, 100) == 0);
  REQUIRE(pwrite(writer, "end", 3, 100) == 3);
  CHECK(holds(writer, expected.substr(0, 100) + "end"));
  munmap(mapped, bytes.size());
  CHECK(close(reader) == 0);
  CHECK(close(writer) == 0);
  CHECK(eventually([&] { return nothing_hidden(server); }));
  CHECK(files(server) == std::vector<std::string>{"d/"});
}

TEST_CASE("what a killed mount kept of deleted files is removed by the next one") {
  TestServer server;
  server.put_object("test", "f", "bytes");
  TempFolder keep;
  const MountSettings settings{.keep = keep.path()};
  {
    Mounted mount(server, settings);
    const int fd = open(mount.path("f").c_str(), O_RDONLY);
    REQUIRE(fd >= 0);
    REQUIRE(unlink(mount.path("f").c_str()) == 0);
    CHECK_FALSE(nothing_hidden(server));
    mount.kill();
    close(fd);
  }
  Mounted mount(server, settings);
  CHECK(eventually([&] { return server.keys("test").empty(); }));
}

}  // namespace
}  // namespace penstock::test
