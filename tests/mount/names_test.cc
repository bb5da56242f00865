// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "mount/mounted_bucket.h"
#include "support/catch.h"
#include "support/sizes.h"

namespace penstock::test {
namespace {

namespace fs = std::filesystem;

std::set<std::string> names_in(const fs::path& path) {
  std::set<std::string> names;
  DIR* directory = opendir(path.c_str());
  if (directory == nullptr)
    throw std::system_error(errno, std::generic_category(), "opendir " + path.string());
  errno = 0;
  while (const dirent* entry = readdir(directory)) {
    const std::string name = entry->d_name;
    // A name that comes twice would hide in a set.
    if (name != "." && name != ".." && !names.insert(name).second)
      throw std::runtime_error("twice: " + name);
  }
  const int error = errno;
  closedir(directory);
  if (error != 0)
    throw std::system_error(error, std::generic_category(), "readdir " + path.string());
  return names;
}

TEST_CASE("directories are prefixes, with a marker or without one") {
  TestServer server;
  server.put_object("test", "implicit/deep/file", "1");
  server.put_object("test", "marked/", "");
  Mounted mount(server);
  CHECK(names_in(mount.path()) == std::set<std::string>{"implicit", "marked"});
  CHECK(names_in(mount.path("implicit")) == std::set<std::string>{"deep"});
  CHECK(names_in(mount.path("marked")).empty());
  CHECK(fs::is_directory(mount.path("implicit/deep")));
  CHECK(read_file(mount.path("implicit/deep/file")) == "1");
  CHECK_FALSE(fs::exists(mount.path("implicit/absent")));
  CHECK_FALSE(fs::exists(mount.path("absent/absent")));
}

TEST_CASE("mkdir writes a marker, rmdir takes it away and refuses what is not empty") {
  TestServer server;
  Mounted mount(server, {.prefix = "base/"});
  REQUIRE(mkdir(mount.path("d").c_str(), 0755) == 0);
  CHECK(server.object("test", "base/d/").has_value());
  CHECK(mkdir(mount.path("d").c_str(), 0755) == -1);
  CHECK(errno == EEXIST);
  write_file(mount.path("d/f"), "x");
  CHECK(server.object("test", "base/d/f") == "x");
  CHECK(rmdir(mount.path("d").c_str()) == -1);
  CHECK(errno == ENOTEMPTY);
  CHECK(unlink(mount.path("d").c_str()) == -1);
  CHECK(errno == EISDIR);
  CHECK(rmdir(mount.path("d/f").c_str()) == -1);
  CHECK(errno == ENOTDIR);
  REQUIRE(unlink(mount.path("d/f").c_str()) == 0);
  CHECK(unlink(mount.path("d/f").c_str()) == -1);
  CHECK(errno == ENOENT);
  REQUIRE(rmdir(mount.path("d").c_str()) == 0);
  CHECK(server.keys("test").empty());
}

TEST_CASE("rmdir does not believe its cache: what another wrote there counts") {
  TestServer server;
  Mounted mount(server);
  REQUIRE(mkdir(mount.path("d").c_str(), 0755) == 0);
  server.put_object("test", "d/theirs", "x");
  CHECK(rmdir(mount.path("d").c_str()) == -1);
  CHECK(errno == ENOTEMPTY);
}

TEST_CASE("a directory without a marker stays when its last file is deleted") {
  TestServer server;
  server.put_object("test", "d/only", "x");
  Mounted mount(server);
  SECTION("which was listed") {
    REQUIRE(names_in(mount.path("d")) == std::set<std::string>{"only"});
    REQUIRE(unlink(mount.path("d/only").c_str()) == 0);
  }
  SECTION("of which nothing is known but that file") {
    REQUIRE(unlink(mount.path("d/only").c_str()) == 0);
  }
  SECTION("or is moved to another") {
    REQUIRE(rename(mount.path("d/only").c_str(), mount.path("moved").c_str()) == 0);
  }
  CHECK(fs::is_directory(mount.path("d")));
  CHECK(server.object("test", "d/"));
  Mounted other(server);
  CHECK(fs::is_directory(other.path("d")));
}

TEST_CASE("a file and a directory of one name: the directory is shown") {
  TestServer server;
  server.put_object("test", "both", "file");
  server.put_object("test", "both/inside", "x");
  server.put_object("test", "both-other", "y");
  Mounted mount(server);
  SECTION("found by listing") {
    CHECK(names_in(mount.path()) == std::set<std::string>{"both", "both-other"});
    CHECK(fs::is_directory(mount.path("both")));
  }
  SECTION("found by lookup") { CHECK(fs::is_directory(mount.path("both"))); }
  CHECK(names_in(mount.path("both")) == std::set<std::string>{"inside"});
}

TEST_CASE("odd names") {
  TestServer server;
  Mounted mount(server);
  const std::vector<std::string> odd = {
      "with space", "plus+sign", "percent%2F", "üñí-漢字", "quote'\"&<>",
      "tab\there",  "line\nend", "ctrl\x01",   "~#?=;:@",  std::string(255, 'n')};
  for (const std::string& name : odd) {
    CAPTURE(name);
    write_file(mount.path(name), name);
    CHECK(server.object("test", name) == name);
  }
  Mounted fresh(server);
  CHECK(names_in(fresh.path()) == std::set<std::string>(odd.begin(), odd.end()));
  for (const std::string& name : odd) CHECK(read_file(fresh.path(name)) == name);
  const int fd = open(mount.path(std::string(256, 'n')).c_str(), O_WRONLY | O_CREAT, 0644);
  CHECK(fd == -1);
  CHECK(errno == ENAMETOOLONG);
}

TEST_CASE("a key over 1,024 bytes is refused by the call that would make it") {
  TestServer server;
  Mounted mount(server);
  fs::path path = mount.path();
  for (int i = 0; i < 4; ++i) {
    path /= std::string(250, 'd');
    REQUIRE(mkdir(path.c_str(), 0755) == 0);
  }
  CHECK(open((path / std::string(100, 'f')).c_str(), O_WRONLY | O_CREAT, 0644) == -1);
  CHECK(errno == ENAMETOOLONG);
  write_file(path / "short", "x");
}

TEST_CASE("keys with components that are no names are shown under names of their own") {
  TestServer server;
  const std::string dot = "\xEF\x9C\xAE";      // U+F72E
  const std::string nothing = "\xEF\x9C\xAF";  // U+F72F
  for (const char* key : {"a//b", "/leading", "dots/../x", "dots/./y", "dots/..", "dots/ok", "x"})
    server.put_object("test", key, std::string("of ") + key);
  Mounted mount(server);
  CHECK(names_in(mount.path()) == std::set<std::string>{nothing, "a", "dots", "x"});
  CHECK(names_in(mount.path("a")) == std::set<std::string>{nothing});
  CHECK(read_file(mount.path("a") / nothing / "b") == "of a//b");
  CHECK(read_file(mount.path(nothing) / "leading") == "of /leading");
  CHECK(names_in(mount.path("dots")) == std::set<std::string>{"ok", dot, dot + dot});
  CHECK(read_file(mount.path("dots") / (dot + dot) / "x") == "of dots/../x");
  REQUIRE(unlink((mount.path("dots") / (dot + dot) / "x").c_str()) == 0);
  CHECK(server.object("test", "x") == "of x");
  CHECK_FALSE(server.object("test", "dots/../x"));
  // None is made here.
  for (const std::string& name : {nothing, dot, dot + dot}) {
    CHECK(errno_of([&] { return mkdir((mount.path("a") / nothing / name).c_str(), 0755); }) ==
          EINVAL);
    CHECK(errno_of([&] { return creat((mount.path("a") / nothing / name).c_str(), 0644); }) ==
          EINVAL);
  }
}

TEST_CASE("a name that is not UTF-8 is kept in a key that is, and found again") {
  TestServer server;
  const std::string name = "caf\xE9";
  {
    Mounted mount(server);
    write_file(mount.path(name), "latin");
    REQUIRE(mkdir(mount.path("d\xFF").c_str(), 0755) == 0);
    write_file(mount.path("d\xFF/x"), "below");
    REQUIRE(rename(mount.path("d\xFF").c_str(), mount.path("e\xFE").c_str()) == 0);
  }
  CHECK(server.object("test", "caf\xEF\x9F\xA9") == "latin");
  Mounted mount(server);
  CHECK(names_in(mount.path()) == std::set<std::string>{name, "e\xFE"});
  CHECK(read_file(mount.path(name)) == "latin");
  CHECK(read_file(mount.path("e\xFE/x")) == "below");
}

TEST_CASE(
    "rename of files: over nothing, over a file, with NOREPLACE, before and after the commit") {
  const size_t size = GENERATE(as<size_t>(), 10, 20 * mib);
  TestServer server;
  Mounted mount(server);
  const std::string bytes = random_bytes(size, 1);
  write_file(mount.path("a"), bytes);
  REQUIRE(rename(mount.path("a").c_str(), mount.path("b").c_str()) == 0);
  CHECK(server.keys("test") == std::vector<std::string>{"b"});
  CHECK(read_file(mount.path("b")) == bytes);
  write_file(mount.path("c"), "c");
  REQUIRE(rename(mount.path("b").c_str(), mount.path("c").c_str()) == 0);
  CHECK(server.keys("test") == std::vector<std::string>{"c"});
  CHECK(read_file(mount.path("c")) == bytes);
  write_file(mount.path("d"), "d");
  CHECK(renameat2(AT_FDCWD, mount.path("c").c_str(), AT_FDCWD, mount.path("d").c_str(),
                  RENAME_NOREPLACE) == -1);
  CHECK(errno == EEXIST);

  // Write temporary + fsync + rename, with the file still open.
  const int fd = open(mount.path("x.tmp").c_str(), O_WRONLY | O_CREAT, 0644);
  REQUIRE(fd >= 0);
  for (size_t at = 0; at < size;) {
    const ssize_t n = write(fd, bytes.data() + at, std::min<size_t>(size - at, mib));
    REQUIRE(n > 0);
    at += static_cast<size_t>(n);
  }
  REQUIRE(fsync(fd) == 0);
  REQUIRE(rename(mount.path("x.tmp").c_str(), mount.path("x").c_str()) == 0);
  REQUIRE(close(fd) == 0);
  CHECK(server.object("test", "x") == bytes);
  CHECK_FALSE(server.object("test", "x.tmp").has_value());
  Mounted other(server);
  CHECK(read_file(other.path("x")) == bytes);
}

TEST_CASE("a file that is renamed before its first byte was sent costs no copy") {
  TestServer server;
  Mounted mount(server);
  const int fd = open(mount.path("t").c_str(), O_WRONLY | O_CREAT, 0644);
  REQUIRE(fd >= 0);
  REQUIRE(write(fd, "abc", 3) == 3);
  REQUIRE(rename(mount.path("t").c_str(), mount.path("final").c_str()) == 0);
  REQUIRE(close(fd) == 0);
  CHECK(server.keys("test") == std::vector<std::string>{"final"});
  CHECK(server.stats().requests.count("CopyObject") == 0);
}

TEST_CASE("rename of a directory takes everything below along") {
  TestServer server;
  for (int i = 0; i < 1500; ++i) {
    server.put_object("test", "old/s" + std::to_string(i % 3) + "/f" + std::to_string(i),
                      std::to_string(i));
  }
  server.put_object("test", "old/", "");
  server.put_object("test", "old-neighbour", "n");
  Mounted mount(server);
  REQUIRE(fs::exists(mount.path("old/s1/f1")));
  REQUIRE(mkdir(mount.path("to").c_str(), 0755) == 0);
  REQUIRE(rename(mount.path("old").c_str(), mount.path("to/new").c_str()) == 0);
  CHECK_FALSE(fs::exists(mount.path("old")));
  CHECK(names_in(mount.path("to/new")) == std::set<std::string>{"s0", "s1", "s2"});
  for (int i = 0; i < 1500; i += 77) {
    const std::string name = "to/new/s" + std::to_string(i % 3) + "/f" + std::to_string(i);
    CHECK(read_file(mount.path(name)) == std::to_string(i));
  }
  CHECK(server.keys("test").size() == 1503);
  // Into itself it cannot go; over an empty directory it can, over a full one not.
  CHECK(rename(mount.path("to").c_str(), mount.path("to/new/inside").c_str()) == -1);
  CHECK(errno == EINVAL);
  REQUIRE(mkdir(mount.path("empty").c_str(), 0755) == 0);
  REQUIRE(mkdir(mount.path("full").c_str(), 0755) == 0);
  write_file(mount.path("full/x"), "x");
  CHECK(rename(mount.path("to/new").c_str(), mount.path("full").c_str()) == -1);
  CHECK(errno == ENOTEMPTY);
  CHECK(rename(mount.path("to/new").c_str(), mount.path("empty").c_str()) == 0);
  CHECK(read_file(mount.path("empty/s0/f0")) == "0");
}

TEST_CASE("a failed copy leaves a directory as it was") {
  TestServer server;
  for (int i = 0; i < 50; ++i) server.put_object("test", "old/f" + std::to_string(i), "x");
  Mounted mount(server);
  server.add_fault(
      {.operation = "CopyObject", .kind = "error:403:AccessDenied", .times = 1, .skip = 20});
  CHECK(rename(mount.path("old").c_str(), mount.path("new").c_str()) == -1);
  CHECK(errno == EACCES);
  CHECK(server.keys("test").size() == 50);
  CHECK(names_in(mount.path("old")).size() == 50);
}

TEST_CASE("a directory of many pages lists completely, and single names in it are found") {
  TestServer server;
  constexpr size_t count = 5000;
  for (size_t i = 0; i < count; ++i) server.put_object("test", "d/f" + std::to_string(i), "x");
  Mounted mount(server);
  CHECK(fs::exists(mount.path("d/f4321")));
  CHECK_FALSE(fs::exists(mount.path("d/f4321x")));
  CHECK(fs::exists(mount.path("d/f99")));
  CHECK(names_in(mount.path("d")).size() == count);
  // The listing may not be cut short in silence.
  server.add_fault(
      {.operation = "ListObjectsV2", .kind = "error:403:AccessDenied", .times = 1, .skip = 2});
  Mounted other(server);
  CHECK_THROWS_AS(names_in(other.path("d")), std::system_error);
}

TEST_CASE("own changes are seen at once, others' after the TTL") {
  TestServer server;
  server.put_object("test", "d/a", "1");
  Mounted mount(server, {.options = {"--metadata-ttl", "300ms"}});
  REQUIRE(names_in(mount.path("d")) == std::set<std::string>{"a"});
  write_file(mount.path("d/b"), "2");
  CHECK(names_in(mount.path("d")) == std::set<std::string>{"a", "b"});
  REQUIRE(unlink(mount.path("d/a").c_str()) == 0);
  CHECK(names_in(mount.path("d")) == std::set<std::string>{"b"});
  server.put_object("test", "d/c", "3");
  server.delete_object("test", "d/b");
  CHECK(eventually([&] { return names_in(mount.path("d")) == std::set<std::string>{"c"}; }, 5));
  CHECK(eventually([&] { return !fs::exists(mount.path("d/b")); }, 5));
  server.put_object("test", "d/c", "longer");
  const auto longer = [&] {
    try {
      return read_file(mount.path("d/c")) == "longer";
    } catch (const std::system_error& error) {
      // The old version was opened, and found replaced when it was read.
      if (error.code().value() != ESTALE) throw;
      return false;
    }
  };
  CHECK(eventually(longer, 5));
}

/// Of a walk over `directories` of `files` files each.
ServerStats stats_of_walk(int directories, int files) {
  TestServer server(
      {.list_latency = std::chrono::milliseconds(20), .object_age = std::chrono::hours(24 * 30)});
  for (int d = 0; d < directories; ++d) {
    for (int f = 0; f < files; ++f) {
      server.put_object("test", "t/d" + std::to_string(100 + d) + "/f" + std::to_string(f), "x");
    }
  }
  Mounted mount(server);
  server.reset_stats();
  int found = 0;
  for (const auto& entry : fs::recursive_directory_iterator(mount.path("t")))
    found += entry.is_regular_file() ? 1 : 0;
  CHECK(found == directories * files);
  return server.stats();
}

TEST_CASE("a walk over many directories lists them ahead, each once") {
  const ServerStats stats = stats_of_walk(60, 500);
  CHECK(stats.peak_concurrency > 4);
  CHECK(stats.requests.at("ListObjectsV2") <= 65);
}

TEST_CASE("a walk over many small directories lists many of them by one request") {
  const ServerStats stats = stats_of_walk(100, 5);
  CHECK(stats.requests.at("ListObjectsV2") <= 15);
}

TEST_CASE("a read-only mount refuses every change") {
  TestServer server;
  server.put_object("test", "f", "x");
  Mounted mount(server, {.options = {"--read-only"}});
  CHECK(read_file(mount.path("f")) == "x");
  CHECK(open(mount.path("g").c_str(), O_WRONLY | O_CREAT, 0644) == -1);
  CHECK(errno == EROFS);
  CHECK(unlink(mount.path("f").c_str()) == -1);
  CHECK(errno == EROFS);
}

TEST_CASE("statfs gives room to programs that look before they write") {
  TestServer server;
  Mounted mount(server);
  struct statvfs stats {};
  REQUIRE(statvfs(mount.path().c_str(), &stats) == 0);
  CHECK(stats.f_bavail * stats.f_frsize > 1ULL << 50);
  CHECK(stats.f_namemax == 255);
}

}  // namespace
}  // namespace penstock::test
