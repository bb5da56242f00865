// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <thread>

#include "mount/mounted_bucket.h"
#include "mount/requests_made.h"
#include "support/catch.h"
#include "support/sizes.h"

namespace penstock::test {
namespace {

struct stat stat_of(const std::filesystem::path& path) {
  struct stat result {};
  if (stat(path.c_str(), &result) != 0)
    throw std::system_error(errno, std::generic_category(), path.string());
  return result;
}

int64_t ns(const timespec& time) { return time.tv_sec * 1'000'000'000 + time.tv_nsec; }

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
  note_attributes_in_root(server);
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

TEST_CASE("attributes that change between two writes of an open file lose neither") {
  const bool write_back = GENERATE(false, true);
  CAPTURE(write_back);
  TestServer server;
  note_attributes_in_root(server);
  std::string bytes = random_bytes(20 * mib, 2);
  server.put_object("test", "f", bytes);
  MountSettings settings;
  if (write_back) settings.options.emplace_back("--write-back");
  Mounted mount(server, settings);
  const int fd = open(mount.path("f").c_str(), O_RDWR);
  REQUIRE(fd >= 0);
  REQUIRE(fchmod(fd, 0640) == 0);
  REQUIRE(pwrite(fd, "one", 3, 9 * mib) == 3);
  REQUIRE(fsync(fd) == 0);
  REQUIRE(
      eventually([&] { return server.object("test", "f")->compare(9 * mib, 3, "one") == 0; }, 20));
  REQUIRE(fsetxattr(fd, "user.color", "blue", 4, 0) == 0);
  REQUIRE(pwrite(fd, "two", 3, mib) == 3);
  REQUIRE(close(fd) == 0);
  bytes.replace(9 * mib, 3, "one").replace(mib, 3, "two");
  CHECK(eventually([&] { return *server.object("test", "f") == bytes; }, 20));
  CHECK(read_file(mount.path("f")) == bytes);
  CHECK(server.metadata("test", "f")->at("mode") == std::to_string(S_IFREG | 0640));
  CHECK(server.metadata("test", "f")->at("color") == "blue");
  CHECK(server.keys("test") == std::vector<std::string>{".penstock/root", "f"});
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

TEST_CASE("ctime moves with what is changed about a file, mtime stays") {
  TestServer server;
  server.put_object("test", "f", "1");
  Mounted mount(server);
  const timespec times[2] = {{1'000'000'000, 0}, {1'100'000'000, 5}};
  REQUIRE(utimensat(AT_FDCWD, mount.path("f").c_str(), times, 0) == 0);
  const struct stat before = stat_of(mount.path("f"));
  CHECK(before.st_atim.tv_sec == 1'000'000'000);
  CHECK(before.st_mtim.tv_nsec == 5);
  CHECK(before.st_ctim.tv_sec > 1'700'000'000);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  REQUIRE(chmod(mount.path("f").c_str(), 0600) == 0);
  const struct stat after = stat_of(mount.path("f"));
  CHECK(ns(after.st_ctim) > ns(before.st_ctim));
  CHECK(ns(after.st_mtim) == ns(before.st_mtim));
  Mounted other(server);
  CHECK(stat_of(other.path("f")).st_atim.tv_sec == 1'000'000'000);
}

TEST_CASE("utimensat takes its special values") {
  TestServer server;
  server.put_object("test", "f", "1");
  Mounted mount(server);
  const auto f = mount.path("f");
  const timespec set[2] = {{1'000'000'000, 1}, {1'000'000'000, 2}};
  REQUIRE(utimensat(AT_FDCWD, f.c_str(), set, 0) == 0);
  const timespec omit_both[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}};
  REQUIRE(utimensat(AT_FDCWD, f.c_str(), omit_both, 0) == 0);
  CHECK(ns(stat_of(f).st_atim) == ns(set[0]));
  CHECK(ns(stat_of(f).st_mtim) == ns(set[1]));
  const timespec now_and_omit[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
  REQUIRE(utimensat(AT_FDCWD, f.c_str(), now_and_omit, 0) == 0);
  CHECK(stat_of(f).st_atim.tv_sec > 1'700'000'000);
  CHECK(ns(stat_of(f).st_mtim) == ns(set[1]));
  const timespec omit_and_set[2] = {{0, UTIME_OMIT}, {-5, 7}};
  REQUIRE(utimensat(AT_FDCWD, f.c_str(), omit_and_set, 0) == 0);
  CHECK(stat_of(f).st_mtim.tv_sec == -5);
  CHECK(stat_of(f).st_mtim.tv_nsec == 7);
  REQUIRE(utimensat(AT_FDCWD, f.c_str(), nullptr, 0) == 0);
  CHECK(stat_of(f).st_mtim.tv_sec > 1'700'000'000);
}

TEST_CASE("set-user-ID and set-group-ID bits go when the owner changes or another user writes") {
  TestServer server;
  const bool write_back = GENERATE(false, true);
  MountSettings settings{.options = {"--allow-other"}};
  if (write_back) settings.options.emplace_back("--write-back");
  Mounted mount(server, settings);
  const auto f = mount.path("f");
  write_file(f, "1234");
  REQUIRE(chmod(f.c_str(), 06777) == 0);
  REQUIRE(chown(f.c_str(), 1000, 1000) == 0);
  CHECK(stat_of(f).st_mode == (S_IFREG | 0777));
  REQUIRE(chmod(f.c_str(), 06777) == 0);
  write_file(f, "root keeps them");  // it has CAP_FSETID
  CHECK((stat_of(f).st_mode & 07777) == 06777);
  using Change = std::function<bool(int fd, int directory)>;
  const auto [what, change] = GENERATE(table<std::string, Change>({
      {"write", [](int fd, int) { return write(fd, "x", 1) == 1; }},
      {"ftruncate", [](int fd, int) { return ftruncate(fd, 2) == 0; }},
      {"O_TRUNC",
       [](int, int directory) {
         const int other = openat(directory, "f", O_WRONLY | O_TRUNC);
         return other >= 0 && close(other) == 0;
       }},
      {"fallocate", [](int fd, int) { return fallocate(fd, 0, 0, 100) == 0; }},
      {"copy_file_range",
       [](int fd, int directory) {
         off_t from = 0;
         off_t to = 4;
         const int source = openat(directory, "f", O_RDONLY);
         return copy_file_range(source, &from, fd, &to, 4, 0) == 4 && close(source) == 0;
       }},
  }));
  CAPTURE(what, write_back);
  const int fd = open(f.c_str(), O_WRONLY);
  const int directory = open(mount.path().c_str(), O_PATH);
  const pid_t child = fork();
  if (child == 0) {
    if (setgid(65534) != 0 || setuid(65534) != 0) _exit(1);
    _exit(change(fd, directory) && close(fd) == 0 ? 0 : 2);
  }
  close(fd);
  close(directory);
  REQUIRE(wait_for_exit(child, 30) == 0);
  // A program that asks for the mode alone is answered by the kernel, if that thinks it knows.
  struct statx only_mode {};
  REQUIRE(statx(AT_FDCWD, f.c_str(), 0, STATX_MODE, &only_mode) == 0);
  CHECK((only_mode.stx_mode & 07777) == 0777);
  CHECK((stat_of(f).st_mode & 07777) == 0777);
}

TEST_CASE("a set-group-ID directory passes its group on") {
  TestServer server;
  Mounted mount(server);
  REQUIRE(mkdir(mount.path("d").c_str(), 0755) == 0);
  REQUIRE(chown(mount.path("d").c_str(), 0, 1234) == 0);
  REQUIRE(chmod(mount.path("d").c_str(), 02775) == 0);
  write_file(mount.path("d/f"), "x");
  REQUIRE(mkdir(mount.path("d/sub").c_str(), 0755) == 0);
  REQUIRE(symlink("f", mount.path("d/link").c_str()) == 0);
  Mounted other(server);
  for (const Mounted* each : {&mount, &other}) {
    CHECK(stat_of(each->path("d/f")).st_gid == 1234);
    CHECK(stat_of(each->path("d/sub")).st_gid == 1234);
    CHECK((stat_of(each->path("d/sub")).st_mode & S_ISGID) != 0);
    struct stat link {};
    REQUIRE(lstat(each->path("d/link").c_str(), &link) == 0);
    CHECK(link.st_gid == 1234);
  }
}

TEST_CASE("a directory's times and links follow its names") {
  TestServer server;
  Mounted mount(server);
  const auto d = mount.path("d");
  REQUIRE(mkdir(d.c_str(), 0755) == 0);
  const timespec old[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
  const auto moves = [&](const std::function<int()>& change) {
    REQUIRE(utimensat(AT_FDCWD, d.c_str(), old, 0) == 0);
    REQUIRE(stat_of(d).st_mtim.tv_sec == 1'000'000'000);
    REQUIRE(change() == 0);
    return stat_of(d).st_mtim.tv_sec > 1'700'000'000;
  };
  CHECK(moves([&] { return mkdir((d / "a").c_str(), 0755); }));
  CHECK(stat_of(d).st_nlink == 3);
  CHECK(moves([&] { return close(creat((d / "f").c_str(), 0644)); }));
  CHECK(moves([&] { return symlink("f", (d / "l").c_str()); }));
  CHECK(stat_of(d).st_nlink == 3);
  CHECK(moves([&] { return rename((d / "f").c_str(), (d / "g").c_str()); }));
  CHECK(moves([&] { return unlink((d / "g").c_str()); }));
  CHECK(moves([&] { return rmdir((d / "a").c_str()); }));
  CHECK(stat_of(d).st_nlink == 2);
}

TEST_CASE("what a mount made is seen by the next one as it was, though listings do not tell") {
  TestServer server;
  {
    Mounted mount(server);
    REQUIRE(mkdir(mount.path("d").c_str(), 0755) == 0);
    for (int i = 0; i < 9; ++i) write_file(mount.path("d/" + std::to_string(i)), "x");
    REQUIRE(chmod(mount.path("d/5").c_str(), 0755) == 0);
    REQUIRE(mkdir(mount.path("d/sub").c_str(), 0700) == 0);
  }
  Mounted mount(server);
  CHECK(std::distance(std::filesystem::directory_iterator(mount.path()), {}) == 1);
  CHECK(std::distance(std::filesystem::directory_iterator(mount.path("d")), {}) == 10);
  CHECK(stat_of(mount.path("d/5")).st_mode == (S_IFREG | 0755));
  CHECK(stat_of(mount.path("d/4")).st_mode == (S_IFREG | 0644));
  CHECK(stat_of(mount.path("d/sub")).st_mode == (S_IFDIR | 0700));
}

TEST_CASE("of many directories that are alike, which carry nothing, few are looked at") {
  TestServer server;
  const auto folder = [](int n) { return "d" + std::to_string(100 + n); };
  const auto fill = [&](int n, const std::map<std::string, std::string>& metadata) {
    for (int i = 0; i < 5; ++i)
      server.put_object("test", folder(n) + "/" + std::to_string(i), "x", metadata);
  };
  ServerOptions timing;
  timing.object_age = std::chrono::hours(24 * 30);
  server.set_timing(timing);
  for (int n = 0; n < 40; ++n) {
    if (n != 15) fill(n, {});
  }
  // Another program, another day.
  timing.object_age = std::chrono::hours(24 * 20);
  server.set_timing(timing);
  fill(15, {{"mode", std::to_string(S_IFREG | 0700)}});
  Mounted mount(server, {.options = {"--metadata-ttl", "1h"}});
  CHECK(std::distance(std::filesystem::directory_iterator(mount.path()), {}) == 40);
  const uint64_t before = requests(server, "HeadObject");
  // From the last one to the first, so that none is listed ahead.
  for (int n = 39; n >= 0; --n) {
    const std::filesystem::path directory = mount.path(folder(n));
    CHECK(std::distance(std::filesystem::directory_iterator(directory), {}) == 5);
    const mode_t mode = n == 15 ? 0700 : 0644;
    for (int i = 0; i < 5; ++i)
      CHECK(stat_of(directory / std::to_string(i)).st_mode == (S_IFREG | mode));
    // One that carries attributes has all of its siblings looked at from then on.
    if (n == 16) CHECK(requests(server, "HeadObject") - before < 24);
  }
}

TEST_CASE("what another mount changes of the attributes alone is seen, and not undone") {
  TestServer server;
  const MountSettings settings{.options = {"--metadata-ttl", "50ms", "--attributes", "full"}};
  Mounted one(server, settings);
  Mounted two(server, settings);
  REQUIRE(mkdir(one.path("d").c_str(), 0755) == 0);
  write_file(one.path("d/f"), "x");
  const auto modes = [](const Mounted& mount) {
    // A directory's own listing has its marker.
    CHECK(std::distance(std::filesystem::directory_iterator(mount.path("d")), {}) == 1);
    return std::pair(stat_of(mount.path("d")).st_mode & 07777,
                     stat_of(mount.path("d/f")).st_mode & 07777);
  };
  const std::pair<mode_t, mode_t> fresh{0755, 0644};
  CHECK(modes(one) == fresh);
  CHECK(modes(two) == fresh);
  std::this_thread::sleep_for(std::chrono::milliseconds(3100));  // servers tell seconds
  REQUIRE(chmod(two.path("d").c_str(), 0711) == 0);
  REQUIRE(chmod(two.path("d/f").c_str(), 0600) == 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const std::pair<mode_t, mode_t> changed{0711, 0600};
  const auto seen = modes(one);
  CHECK(seen.first == changed.first);
  CHECK(seen.second == changed.second);
  REQUIRE(chown(one.path("d").c_str(), 5, 5) == 0);
  REQUIRE(chown(one.path("d/f").c_str(), 5, 5) == 0);
  CHECK(modes(one) == changed);
  CHECK(server.metadata("test", "d/")->at("mode") == std::to_string(S_IFDIR | 0711));
  CHECK(server.metadata("test", "d/f")->at("mode") == std::to_string(S_IFREG | 0600));
}

TEST_CASE("the root of a bucket is for the next mount what it was") {
  TestServer server;
  for (int i = 0; i < 60; ++i) server.put_object("test", "file" + std::to_string(100 + i), "x");
  {
    Mounted mount(server);
    REQUIRE(chmod(mount.path().c_str(), 01777) == 0);
    REQUIRE(symlink("file130", mount.path("file130-link").c_str()) == 0);
    CHECK(mount.unmount() == 0);
  }
  const auto metadata = server.metadata("test", ".penstock/root");
  REQUIRE(metadata.has_value());
  CHECK(metadata->at("mode") == std::to_string(S_IFDIR | 01777));
  Mounted mount(server);
  CHECK(stat_of(mount.path()).st_mode == (S_IFDIR | 01777));
  size_t names = 0;
  for (const auto& entry : std::filesystem::directory_iterator(mount.path())) {
    ++names;
    CHECK(entry.is_symlink() == (entry.path().filename() == "file130-link"));
  }
  CHECK(names == 61);
  CHECK(std::filesystem::read_symlink(mount.path("file130-link")) == "file130");
  CHECK(chmod(mount.path(".penstock").c_str(), 0755) == -1);
  CHECK(errno == EPERM);
}

}  // namespace
}  // namespace penstock::test
