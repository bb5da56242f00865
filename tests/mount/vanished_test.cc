// SPDX-License-Identifier: Apache-2.0
// What programs meet that are in a directory, have a file open or know a name when another client
// of the bucket removes or replaces it.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "mount/mounted_bucket.h"
#include "support/catch.h"

namespace penstock::test {
namespace {

using Names = std::vector<std::string>;

const MountSettings young{.options = {"--metadata-ttl=1s"}};

Names names_in(const std::filesystem::path& path) {
  Names names;
  for (const auto& entry : std::filesystem::directory_iterator(path))
    names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

/// The error of reading the names of an open directory from the start; 0: there is none.
int error_of_listing(int directory) {
  const int again = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (again < 0) return errno;
  DIR* stream = fdopendir(again);
  errno = 0;
  while (readdir(stream) != nullptr) {
  }
  const int error = errno;
  closedir(stream);
  return error;
}

bool gone(int error) { return error == ESTALE || error == ENOENT; }

TEST_CASE("a directory that another client removed is not the root of the mount for who is in it") {
  TestServer server;
  server.put_object("test", "d/f", "x");
  server.put_object("test", "top", "precious");
  Mounted mount(server, young);
  const int d = open(mount.path("d").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  REQUIRE(d >= 0);
  CHECK(error_of_listing(d) == 0);
  server.delete_object("test", "d/f");
  REQUIRE(eventually([&] { return names_in(mount.path()) == Names{"top"}; }));

  CHECK(gone(error_of_listing(d)));
  struct stat found {};
  CHECK(gone(errno_of([&] { return fstatat(d, "top", &found, 0); })));
  CHECK(gone(errno_of([&] { return unlinkat(d, "top", 0); })));
  CHECK(gone(errno_of([&] { return renameat(d, "top", d, "moved"); })));
  CHECK(gone(errno_of([&] { return openat(d, "new", O_WRONLY | O_CREAT | O_CLOEXEC, 0644); })));
  CHECK(gone(errno_of([&] { return mkdirat(d, "new", 0755); })));
  CHECK(gone(errno_of([&] { return symlinkat("top", d, "new"); })));
  CHECK(gone(errno_of([&] { return fchmod(d, 0700); })));
  close(d);
  CHECK(server.object("test", "top") == "precious");
  CHECK(server.keys("test") == Names{"top"});
}

TEST_CASE("what is written to a file that another client removed is stored") {
  TestServer server;
  server.put_object("test", "f", "old");
  server.put_object("test", "other", "x");
  Mounted mount(server, young);
  REQUIRE(names_in(mount.path()) == Names{"f", "other"});
  REQUIRE(read_file(mount.path("f")) == "old");
  server.delete_object("test", "f");
  REQUIRE(eventually([&] { return names_in(mount.path()) == Names{"other"}; }));
  write_file(mount.path("f"), "new");
  CHECK(server.object("test", "f") == "new");
}

TEST_CASE("attributes of a file that another client removed are not set without being stored") {
  TestServer server;
  server.put_object("test", "f", "old");
  server.put_object("test", "other", "x");
  Mounted mount(server, young);
  const int f = open(mount.path("f").c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(f >= 0);
  server.delete_object("test", "f");
  REQUIRE(eventually([&] { return names_in(mount.path()) == Names{"other"}; }));
  CHECK(gone(errno_of([&] { return chmod(mount.path("f").c_str(), 0600); })));
  CHECK(gone(errno_of([&] { return setxattr(mount.path("f").c_str(), "user.a", "b", 1, 0); })));
  CHECK(gone(errno_of([&] { return fchmod(f, 0600); })));
  CHECK(gone(errno_of([&] { return fsetxattr(f, "user.a", "b", 1, 0); })));
  CHECK(eventually([&] {
    struct stat found {};
    return fstat(f, &found) == 0 && found.st_nlink == 0;
  }));
  close(f);
  CHECK(server.keys("test") == Names{"other"});
}

}  // namespace
}  // namespace penstock::test
