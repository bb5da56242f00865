// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>

#include "mount/mounted_bucket.h"
#include "support/catch.h"

namespace penstock::test {
namespace {

std::string get(const std::filesystem::path& path, const std::string& name) {
  char value[4096];
  const ssize_t size = getxattr(path.c_str(), name.c_str(), value, sizeof(value));
  if (size < 0) throw std::system_error(errno, std::generic_category(), name);
  return {value, static_cast<size_t>(size)};
}

int set(const std::filesystem::path& path, const std::string& name, const std::string& value,
        int flags = 0) {
  return errno_of(
      [&] { return setxattr(path.c_str(), name.c_str(), value.data(), value.size(), flags); });
}

int missing(const std::filesystem::path& path, const std::string& name) {
  return errno_of(
      [&] { return static_cast<int>(getxattr(path.c_str(), name.c_str(), nullptr, 0)); });
}

TEST_CASE("user attributes are the object's metadata, both ways") {
  TestServer server;
  server.put_object("test", "f", "bytes", {{"origin", "elsewhere"}});
  Mounted mount(server);
  CHECK(get(mount.path("f"), "user.origin") == "elsewhere");
  CHECK(set(mount.path("f"), "user.color", "blue") == 0);
  CHECK(set(mount.path("f"), "user.Binary", std::string("\0\xFF", 2)) == 0);
  CHECK(server.metadata("test", "f")->at("color") == "blue");
  CHECK(server.metadata("test", "f")->at("origin") == "elsewhere");
  CHECK(server.object("test", "f") == "bytes");
  Mounted other(server);
  CHECK(get(other.path("f"), "user.Binary") == std::string("\0\xFF", 2));
  REQUIRE(removexattr(mount.path("f").c_str(), "user.color") == 0);
  CHECK(server.metadata("test", "f")->count("color") == 0);
  CHECK(missing(mount.path("f"), "user.color") == ENODATA);
}

TEST_CASE("create, replace, sizes and foreign name spaces are answered as setxattr(2) says") {
  TestServer server;
  Mounted mount(server);
  write_file(mount.path("f"), "x");
  const auto f = mount.path("f");
  CHECK(set(f, "user.a", "1", XATTR_REPLACE) == ENODATA);
  CHECK(set(f, "user.a", "1", XATTR_CREATE) == 0);
  CHECK(set(f, "user.a", "2", XATTR_CREATE) == EEXIST);
  CHECK(set(f, "user.a", "22", XATTR_REPLACE) == 0);
  char small[1];
  CHECK(errno_of([&] { return static_cast<int>(getxattr(f.c_str(), "user.a", small, 1)); }) ==
        ERANGE);
  CHECK(getxattr(f.c_str(), "user.a", nullptr, 0) == 2);
  char names[64];
  CHECK(listxattr(f.c_str(), names, sizeof(names)) == 7);
  CHECK(std::string(names) == "user.a");
  CHECK(set(f, "user.big", std::string(2100, 'x')) == ENOSPC);
  CHECK(set(f, "user.big", std::string(1900, 'x')) == 0);
  CHECK(set(f, "user.more", std::string(1000, 'x')) == ENOSPC);
  CHECK(set(f, "trusted.a", "1") == EOPNOTSUPP);
  const std::string empty_list("\2\0\0\0", 4);  // as acl(5) has it, version 2
  CHECK(set(f, "system.posix_acl_access", empty_list) == EOPNOTSUPP);
  CHECK(missing(f, "system.posix_acl_access") == EOPNOTSUPP);
  CHECK(errno_of([&] { return removexattr(f.c_str(), "user.none"); }) == ENODATA);
}

TEST_CASE("attributes of what is being written go with its commit, and directories keep theirs") {
  TestServer server;
  Mounted mount(server);
  const int fd = open(mount.path("f").c_str(), O_WRONLY | O_CREAT, 0644);
  REQUIRE(write(fd, "abc", 3) == 3);
  REQUIRE(fsetxattr(fd, "user.step", "7", 1, 0) == 0);
  REQUIRE(close(fd) == 0);
  CHECK(server.metadata("test", "f")->at("step") == "7");
  CHECK(server.stats().requests.count("CopyObject") == 0);
  // A rewrite and a rename keep it.
  write_file(mount.path("f"), "new");
  REQUIRE(rename(mount.path("f").c_str(), mount.path("g").c_str()) == 0);
  CHECK(server.metadata("test", "g")->at("step") == "7");
  REQUIRE(mkdir(mount.path("d").c_str(), 0755) == 0);
  CHECK(set(mount.path("d"), "user.kind", "set") == 0);
  CHECK(server.metadata("test", "d/")->at("kind") == "set");
  Mounted other(server);
  CHECK(get(other.path("d"), "user.kind") == "set");
}

TEST_CASE("what the store and the cache know is told, and cannot be set") {
  TestServer server;
  Mounted mount(server, {.prefix = "p/"});
  write_file(mount.path("f"), "abcde");
  const auto f = mount.path("f");
  CHECK(get(f, "user.s3.key") == "p/f");
  CHECK(get(f, "user.s3.etag").size() > 30);
  CHECK(get(f, "user.s3.storage_class") == "STANDARD");
  CHECK(missing(f, "user.s3.restore") == ENODATA);
  CHECK(missing(f, "user.s3.unknown") == ENODATA);
  CHECK(read_file(f) == "abcde");
  CHECK(eventually([&] { return get(f, "user.penstock.cached") == "5"; }));
  CHECK(set(f, "user.s3.etag", "x") == EPERM);
  CHECK(errno_of([&] { return removexattr(f.c_str(), "user.penstock.cached"); }) == EPERM);
  // Copies of all attributes do not stumble over them.
  CHECK(listxattr(f.c_str(), nullptr, 0) == 0);
}

}  // namespace
}  // namespace penstock::test
