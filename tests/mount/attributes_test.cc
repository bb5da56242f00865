// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "mount/mounted_bucket.h"
#include "support/catch.h"

namespace penstock::test {
namespace {

constexpr uint64_t mib = 1ULL << 20;

struct stat stat_of(const std::filesystem::path& path) {
  struct stat result {};
  if (stat(path.c_str(), &result) != 0)
    throw std::system_error(errno, std::generic_category(), path.string());
  return result;
}

TEST_CASE("the mount's options give owner and mode to what has none") {
  TestServer server;
  server.put_object("test", "d/f", "123");
  Mounted mount(server, {.options = {"--uid", "12", "--gid", "34", "--file-mode", "0640",
                                     "--dir-mode", "0750"}});
  const struct stat file = stat_of(mount.path("d/f"));
  CHECK(file.st_uid == 12);
  CHECK(file.st_gid == 34);
  CHECK(file.st_mode == (S_IFREG | 0640));
  CHECK(file.st_size == 3);
  CHECK(stat_of(mount.path("d")).st_mode == (S_IFDIR | 0750));
}

TEST_CASE("attributes set before the commit travel with it, without a request of their own") {
  TestServer server;
  Mounted mount(server);
  const int fd = open(mount.path("f").c_str(), O_WRONLY | O_CREAT, 0600);
  REQUIRE(fd >= 0);
  REQUIRE(write(fd, "abc", 3) == 3);
  REQUIRE(fchmod(fd, 0751) == 0);
  REQUIRE(fchown(fd, 1001, 1002) == 0);
  const timespec times[2] = {{1'600'000'000, 0}, {1'700'000'000, 123'456'789}};
  REQUIRE(futimens(fd, times) == 0);
  REQUIRE(close(fd) == 0);
  const ServerStats stats = server.stats();
  CHECK(stats.requests.at("PutObject") == 1);
  CHECK(stats.requests.count("CopyObject") == 0);
  const auto metadata = server.metadata("test", "f");
  REQUIRE(metadata.has_value());
  CHECK(metadata->at("mode") == std::to_string(S_IFREG | 0751));
  CHECK(metadata->at("uid") == "1001");
  CHECK(metadata->at("gid") == "1002");
  CHECK(metadata->at("mtime") == "1700000000.123456789");

  Mounted other(server);
  const struct stat seen = stat_of(other.path("f"));
  CHECK(seen.st_mode == (S_IFREG | 0751));
  CHECK(seen.st_uid == 1001);
  CHECK(seen.st_gid == 1002);
  CHECK(seen.st_mtim.tv_sec == 1'700'000'000);
  CHECK(seen.st_mtim.tv_nsec == 123'456'789);
}

TEST_CASE("attributes of stored objects change by a copy onto themselves") {
  const size_t size = GENERATE(as<size_t>(), 5, 20 * mib);
  TestServer server;
  const std::string bytes = random_bytes(size, 8);
  server.put_object("test", "f", bytes, {{"other", "kept"}});
  Mounted mount(server);
  REQUIRE(chmod(mount.path("f").c_str(), 0700) == 0);
  CHECK(server.metadata("test", "f")->at("mode") == std::to_string(S_IFREG | 0700));
  CHECK(server.metadata("test", "f")->at("other") == "kept");
  CHECK(stat_of(mount.path("f")).st_mode == (S_IFREG | 0700));
  CHECK(read_file(mount.path("f")) == bytes);
  // A rewrite keeps mode and the metadata of others.
  write_file(mount.path("f"), "new");
  CHECK(server.metadata("test", "f")->at("mode") == std::to_string(S_IFREG | 0700));
  CHECK(server.metadata("test", "f")->at("other") == "kept");
}

TEST_CASE("attributes of a large file, set before close, are those of the object") {
  TestServer server;
  Mounted mount(server);
  const int fd = open(mount.path("f").c_str(), O_WRONLY | O_CREAT, 0644);
  REQUIRE(fd >= 0);
  const std::string bytes = random_bytes(20 * mib, 1);
  for (int i = 0; i < 20; ++i) REQUIRE(write(fd, bytes.data() + i * mib, mib) == mib);
  REQUIRE(fchmod(fd, 0444) == 0);
  REQUIRE(close(fd) == 0);
  CHECK(server.metadata("test", "f")->at("mode") == std::to_string(S_IFREG | 0444));
  CHECK(server.object("test", "f") == bytes);
}

TEST_CASE("a directory keeps its mode in its marker, and a rename keeps a file's") {
  TestServer server;
  Mounted mount(server);
  REQUIRE(mkdir(mount.path("d").c_str(), 0755) == 0);
  REQUIRE(chmod(mount.path("d").c_str(), 0700) == 0);
  CHECK(server.metadata("test", "d/")->at("mode") == std::to_string(S_IFDIR | 0700));
  write_file(mount.path("d/f"), "x");
  REQUIRE(chmod(mount.path("d/f").c_str(), 0755) == 0);
  REQUIRE(rename(mount.path("d/f").c_str(), mount.path("d/g").c_str()) == 0);
  CHECK(stat_of(mount.path("d/g")).st_mode == (S_IFREG | 0755));
  Mounted other(server);
  CHECK(stat_of(other.path("d")).st_mode == (S_IFDIR | 0700));
  CHECK(stat_of(other.path("d/g")).st_mode == (S_IFREG | 0755));
}

TEST_CASE("writing moves mtime on, reading does not") {
  TestServer server;
  Mounted mount(server);
  write_file(mount.path("f"), "1");
  const timespec times[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
  REQUIRE(utimensat(AT_FDCWD, mount.path("f").c_str(), times, 0) == 0);
  CHECK(stat_of(mount.path("f")).st_mtim.tv_sec == 1'000'000'000);
  read_file(mount.path("f"));
  CHECK(stat_of(mount.path("f")).st_mtim.tv_sec == 1'000'000'000);
  const int fd = open(mount.path("f").c_str(), O_WRONLY | O_APPEND);
  REQUIRE(write(fd, "2", 1) == 1);
  REQUIRE(close(fd) == 0);
  CHECK(stat_of(mount.path("f")).st_mtim.tv_sec > 1'700'000'000);
  CHECK(server.metadata("test", "f")->count("mtime") == 0);
}

}  // namespace
}  // namespace penstock::test
