// SPDX-License-Identifier: Apache-2.0
// Symbolic links, FIFOs, sockets, device nodes, and empty files made by mknod(2).
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "mount/mounted_bucket.h"
#include "support/catch.h"

namespace penstock::test {
namespace {

struct stat lstat_of(const std::filesystem::path& path) {
  struct stat result {};
  if (lstat(path.c_str(), &result) != 0)
    throw std::system_error(errno, std::generic_category(), path.string());
  return result;
}

unsigned char listed_type(const std::filesystem::path& directory, const std::string& name) {
  DIR* stream = opendir(directory.c_str());
  unsigned char type = 255;
  while (const dirent* entry = readdir(stream))
    if (entry->d_name == name) type = entry->d_type;
  closedir(stream);
  return type;
}

TEST_CASE("a symbolic link is an object that s3fs reads, and a link again after a remount") {
  TestServer server;
  const std::string target = "../d/some where";
  {
    Mounted mount(server);
    REQUIRE(mkdir(mount.path("d").c_str(), 0755) == 0);
    REQUIRE(symlink(target.c_str(), mount.path("d/link").c_str()) == 0);
    CHECK(errno_of([&] { return symlink("x", mount.path("d/link").c_str()); }) == EEXIST);
    CHECK(std::filesystem::read_symlink(mount.path("d/link")) == target);
  }
  CHECK(server.object("test", "d/link") == target);
  CHECK(server.metadata("test", "d/link")->at("mode") == std::to_string(S_IFLNK | 0777));
  Mounted mount(server);
  // Listed first: nothing in the listing says that it is a link.
  const bool list_first = GENERATE(false, true);
  if (list_first) {
    const unsigned char type = listed_type(mount.path("d"), "link");
    CHECK((type == DT_LNK || type == DT_UNKNOWN));
  }
  const struct stat seen = lstat_of(mount.path("d/link"));
  CHECK(S_ISLNK(seen.st_mode));
  CHECK(seen.st_size == static_cast<off_t>(target.size()));
  CHECK(std::filesystem::read_symlink(mount.path("d/link")) == target);
}

TEST_CASE("a path goes through a link, and a broken one is no file") {
  TestServer server;
  server.put_object("test", "d/f", "through");
  Mounted mount(server);
  REQUIRE(symlink("d", mount.path("to-d").c_str()) == 0);
  REQUIRE(symlink("nowhere", mount.path("broken").c_str()) == 0);
  CHECK(read_file(mount.path("to-d/f")) == "through");
  CHECK(errno_of([&] { return access(mount.path("broken").c_str(), F_OK); }) == ENOENT);
  write_file(mount.path("broken"), "made by its name");
  CHECK(server.object("test", "nowhere") == "made by its name");
  REQUIRE(unlink(mount.path("to-d").c_str()) == 0);
  CHECK(read_file(mount.path("d/f")) == "through");
}

TEST_CASE("one link among many small files is found after a remount") {
  TestServer server;
  {
    Mounted mount(server);
    REQUIRE(mkdir(mount.path("d").c_str(), 0755) == 0);
    for (int i = 0; i < 20; ++i) write_file(mount.path("d/" + std::to_string(100 + i)), "x");
    REQUIRE(symlink("110", mount.path("d/1105").c_str()) == 0);
  }
  Mounted mount(server);
  listed_type(mount.path("d"), "none");
  CHECK(S_ISLNK(lstat_of(mount.path("d/1105")).st_mode));
  CHECK(read_file(mount.path("d/1105")) == "x");
}

TEST_CASE("a file that becomes a link elsewhere is a link here, without an error") {
  TestServer server;
  server.put_object("test", "f", "12345");
  Mounted mount(server, {.options = {"--metadata-ttl", "100ms", "--attributes", "full"}});
  CHECK(S_ISREG(lstat_of(mount.path("f")).st_mode));
  server.put_object("test", "f", "target", {{"mode", std::to_string(S_IFLNK | 0777)}});
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  CHECK(S_ISLNK(lstat_of(mount.path("f")).st_mode));
  CHECK(std::filesystem::read_symlink(mount.path("f")) == "target");
}

TEST_CASE("the links of GeeseFS and gcsfuse are links") {
  TestServer server;
  server.put_object("test", "geese", "", {{"--symlink-target", "a%20b"}});
  server.put_object("test", "gcs", "", {{"gcsfuse_symlink_target", "c/d"}});
  Mounted mount(server);
  CHECK(std::filesystem::read_symlink(mount.path("geese")) == "a b");
  CHECK(std::filesystem::read_symlink(mount.path("gcs")) == "c/d");
  CHECK(lstat_of(mount.path("gcs")).st_size == 3);
}

TEST_CASE("an object that cannot be a target is an error, not a crash") {
  TestServer server;
  const std::string body =
      GENERATE(as<std::string>(), "", std::string(5000, 'x'), std::string("a\0b", 3));
  server.put_object("test", "f", body, {{"mode", std::to_string(S_IFLNK | 0777)}});
  Mounted mount(server);
  char target[64];
  CHECK(errno_of([&] {
          return static_cast<int>(readlink(mount.path("f").c_str(), target, sizeof(target)));
        }) == EIO);
}

TEST_CASE("FIFOs, sockets and devices keep type, mode and number over a remount") {
  TestServer server;
  {
    Mounted mount(server);
    REQUIRE(mkfifo(mount.path("fifo").c_str(), 0600) == 0);
    REQUIRE(mknod(mount.path("null").c_str(), S_IFCHR | 0666, makedev(1, 3)) == 0);
    REQUIRE(mknod(mount.path("disk").c_str(), S_IFBLK | 0640, makedev(259, 70000)) == 0);
    REQUIRE(mknod(mount.path("plain").c_str(), S_IFREG | 0604, 0) == 0);
    const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    mount.path("socket").string().copy(address.sun_path, sizeof(address.sun_path) - 1);
    REQUIRE(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    REQUIRE(listen(listener, 1) == 0);
    const int client = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(connect(client, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    close(client);
    close(listener);
  }
  Mounted mount(server);
  const mode_t mask = umask(0);
  umask(mask);
  CHECK(lstat_of(mount.path("fifo")).st_mode == (S_IFIFO | (0600 & ~mask)));
  CHECK(S_ISSOCK(lstat_of(mount.path("socket")).st_mode));
  CHECK(lstat_of(mount.path("null")).st_mode == (S_IFCHR | (0666 & ~mask)));
  CHECK(lstat_of(mount.path("null")).st_rdev == makedev(1, 3));
  CHECK(lstat_of(mount.path("disk")).st_rdev == makedev(259, 70000));
  CHECK(lstat_of(mount.path("plain")).st_mode == (S_IFREG | (0604 & ~mask)));
  CHECK(read_file(mount.path("plain")).empty());

  std::thread writer([&] { write_file(mount.path("fifo"), "through the pipe"); });
  const int fd = open(mount.path("fifo").c_str(), O_RDONLY);
  pollfd ready{.fd = fd, .events = POLLIN, .revents = 0};
  CHECK(poll(&ready, 1, 10'000) == 1);
  char bytes[64];
  CHECK(read(fd, bytes, sizeof(bytes)) == 16);
  close(fd);
  writer.join();
}

}  // namespace
}  // namespace penstock::test
