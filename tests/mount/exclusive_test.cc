// SPDX-License-Identifier: Apache-2.0
// O_EXCL between nodes: two mounts of one bucket.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "mount/mounted_bucket.h"
#include "support/catch.h"

namespace penstock::test {
namespace {

int create(const std::filesystem::path& path) {
  return open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0644);
}

TEST_CASE("a lock file is held by one node alone, from its open on") {
  TestServer server;
  const bool write_back = GENERATE(false, true);
  MountSettings settings;
  if (write_back) settings.options.emplace_back("--write-back");
  Mounted one(server, settings);
  Mounted two(server, settings);
  // Both have seen that there is none.
  CHECK(errno_of([&] { return access(one.path("job.lock").c_str(), F_OK); }) == ENOENT);
  CHECK(errno_of([&] { return access(two.path("job.lock").c_str(), F_OK); }) == ENOENT);
  const int held = create(one.path("job.lock"));
  REQUIRE(held >= 0);
  CHECK(server.object("test", "job.lock").has_value());
  CHECK(errno_of([&] { return create(two.path("job.lock")); }) == EEXIST);
  CHECK(write(held, "4711", 4) == 4);
  REQUIRE(close(held) == 0);
  CHECK(eventually([&] { return server.object("test", "job.lock") == "4711"; }));
  REQUIRE(unlink(one.path("job.lock").c_str()) == 0);
  // The refusal told the other node of the file, which it does not believe for any time.
  const int next = create(two.path("job.lock"));
  CHECK(next >= 0);
  CHECK(close(next) == 0);
}

TEST_CASE("other names cost no request at their open, unless that is asked for") {
  TestServer server;
  const bool asked = GENERATE(false, true);
  MountSettings settings;
  if (asked) settings.options = {"--exclusive-create", "open"};
  Mounted one(server, settings);
  Mounted two(server, settings);
  CHECK(errno_of([&] { return access(two.path("data").c_str(), F_OK); }) == ENOENT);
  const int first = create(one.path("data"));
  REQUIRE(first >= 0);
  CHECK(server.object("test", "data").has_value() == asked);
  if (asked) {
    CHECK(errno_of([&] { return create(two.path("data")); }) == EEXIST);
    CHECK(close(first) == 0);
    return;
  }
  const int second = create(two.path("data"));
  REQUIRE(second >= 0);
  CHECK(write(first, "1", 1) == 1);
  CHECK(write(second, "2", 1) == 1);
  CHECK(close(first) == 0);
  CHECK(errno_of([&] { return close(second); }) == EEXIST);
  CHECK(server.object("test", "data") == "1");
}

}  // namespace
}  // namespace penstock::test
