// SPDX-License-Identifier: Apache-2.0
// Two mounts of one bucket: what one makes, replaces or renames, as the other sees it.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <iterator>
#include <system_error>

#include "mount/mounted_bucket.h"
#include "support/catch.h"

namespace penstock::test {
namespace {

namespace fs = std::filesystem;

const MountSettings young{.options = {"--metadata-ttl=1s"}};

bool stands_for_directory(const fs::path& path) {
  struct stat found {};
  return stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
}

bool can_be_seen(const fs::path& path) {
  struct stat found {};
  return lstat(path.c_str(), &found) == 0;
}

int rename_if_free(const fs::path& from, const fs::path& to) {
  return errno_of(
      [&] { return renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE); });
}

TEST_CASE("a directory that another node has just made can be used") {
  TestServer server;
  Mounted a(server);
  Mounted b(server);
  CHECK(fs::is_empty(b.path()));
  CHECK_FALSE(stands_for_directory(b.path("run")));
  REQUIRE(mkdir(a.path("run").c_str(), 0755) == 0);
  CHECK(errno_of([&] { return mkdir(b.path("run").c_str(), 0755); }) == EEXIST);
  CHECK(stands_for_directory(b.path("run")));
  write_file(b.path("run/f"), "x");
  CHECK(server.object("test", "run/f") == "x");
}

TEST_CASE("what the store refuses to make is there at once") {
  TestServer server;
  Mounted mount(server);
  server.put_object("test", "mine", "x");
  CHECK(std::distance(fs::directory_iterator(mount.path()), {}) == 1);
  for (const char* name : {"a.lock", "link", "fifo", "new"})
    CHECK_FALSE(can_be_seen(mount.path(name)));

  server.put_object("test", "a.lock", "theirs");
  const fs::path lock = mount.path("a.lock");
  CHECK(errno_of([&] { return open(lock.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0644); }) == EEXIST);
  CHECK(can_be_seen(lock));
  CHECK(read_file(lock) == "theirs");

  server.put_object("test", "link", "theirs");
  CHECK(errno_of([&] { return symlink("mine", mount.path("link").c_str()); }) == EEXIST);
  CHECK(read_file(mount.path("link")) == "theirs");

  server.put_object("test", "fifo", "theirs");
  CHECK(errno_of([&] { return mkfifo(mount.path("fifo").c_str(), 0644); }) == EEXIST);
  CHECK(read_file(mount.path("fifo")) == "theirs");

  server.put_object("test", "new", "theirs");
  CHECK(rename_if_free(mount.path("mine"), mount.path("new")) == EEXIST);
  CHECK(read_file(mount.path("new")) == "theirs");
  CHECK(read_file(mount.path("mine")) == "x");
}

TEST_CASE("a longer version is read whole, however often its name was looked at before") {
  TestServer server;
  server.put_object("test", "d/f", "old");
  Mounted mount(server, young);
  REQUIRE(read_file(mount.path("d/f")) == "old");
  server.put_object("test", "d/f", "longer-now");
  // Looked at all the time, as `ls -l` does.
  const auto seen = [&]() -> std::string {
    for (const auto& entry : fs::directory_iterator(mount.path("d"))) {
      struct stat found {};
      if (stat(entry.path().c_str(), &found) != 0) return "gone";
    }
    try {
      return read_file(mount.path("d/f"));
    } catch (const std::system_error& error) {
      return error.code().message();
    }
  };
  std::string last;
  CHECK(eventually([&] {
    last = seen();
    if (last.starts_with("lon")) CHECK(last == "longer-now");
    return last == "longer-now";
  }));
  struct stat found {};
  REQUIRE(stat(mount.path("d/f").c_str(), &found) == 0);
  CHECK(found.st_size == 10);
}

TEST_CASE("a descriptor that is open for writing and idle does not freeze the file") {
  TestServer server;
  server.put_object("test", "f", "old");
  Mounted mount(server, young);
  const int idle = open(mount.path("f").c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(idle >= 0);
  server.put_object("test", "f", "longer-now");
  CHECK(eventually([&] {
    struct stat found {};
    return stat(mount.path("f").c_str(), &found) == 0 && found.st_size == 10;
  }));
  CHECK(read_file(mount.path("f")) == "longer-now");
  CHECK(pwrite(idle, "NEW", 3, 0) == -1);
  CHECK(errno == ESTALE);
  close(idle);
  CHECK(server.object("test", "f") == "longer-now");
}

TEST_CASE("after a rename whose program was killed the old name is nobody's") {
  TestServer server;
  server.put_object("test", "old", "x");
  Mounted mount(server);
  REQUIRE(read_file(mount.path("old")) == "x");
  server.add_fault({.operation = "CopyObject", .kind = "delay:1500"});
  const fs::path from = mount.path("old");
  const fs::path to = mount.path("new");
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    rename(from.c_str(), to.c_str());
    _exit(0);
  }
  REQUIRE(eventually([&] { return server.stats().requests["CopyObject"] == 1; }));
  kill(child, SIGKILL);
  REQUIRE(waitpid(child, nullptr, 0) == child);
  // Looked at while the rename goes on.
  CHECK(can_be_seen(from));
  REQUIRE(eventually([&] { return server.keys("test") == std::vector<std::string>{"new"}; }));
  CHECK(eventually([&] { return !can_be_seen(from); }));
  write_file(from, "another");
  CHECK(server.object("test", "old") == "another");
  CHECK(server.object("test", "new") == "x");
  CHECK(read_file(to) == "x");
}

}  // namespace
}  // namespace penstock::test
