// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <csignal>

#include "mount/mounted_bucket.h"
#include "support/catch.h"
#include "support/sizes.h"

namespace penstock::test {
namespace {

namespace fs = std::filesystem;

TEST_CASE("two mounts of one bucket: closed in one, opened in the other") {
  TestServer server;
  const std::vector<std::string> short_ttl = {"--metadata-ttl", "0"};
  Mounted one(server, {.options = short_ttl});
  Mounted two(server, {.options = short_ttl});
  for (int round = 0; round < 10; ++round) {
    const std::string bytes =
        random_bytes(static_cast<size_t>(1000 + round * 100'000), static_cast<uint32_t>(round));
    write_file((round % 2 == 0 ? one : two).path("f"), bytes);
    CHECK(read_file((round % 2 == 0 ? two : one).path("f")) == bytes);
  }
  fs::create_directory(one.path("d"));
  CHECK(fs::is_directory(two.path("d")));
  fs::remove(two.path("f"));
  CHECK_FALSE(fs::exists(one.path("f")));
}

TEST_CASE("a mount of a prefix shows that part of the bucket alone") {
  TestServer server;
  server.put_object("test", "a/b/f", "1");
  server.put_object("test", "a/c", "2");
  Mounted mount(server, {.prefix = "a/b"});
  CHECK(read_file(mount.path("f")) == "1");
  write_file(mount.path("g"), "3");
  CHECK(server.object("test", "a/b/g") == "3");
  CHECK_FALSE(fs::exists(mount.path("c")));
}

TEST_CASE("a plain directory as the store") {
  TempFolder store;
  {
    Mounted mount(store.path(), {.options = {"--metadata-ttl", "1s"}});
    const std::string bytes = random_bytes(20 * mib, 1);
    fs::create_directory(mount.path("d"));
    write_file(mount.path("d/large"), bytes);
    write_file(mount.path("d/x.tmp"), "small");
    fs::rename(mount.path("d/x.tmp"), mount.path("d/small"));
    CHECK(read_file(store.path() / "d/large") == bytes);
    CHECK(read_file(store.path() / "d/small") == "small");
    // What other programs put there is seen too.
    write_file(store.path() / "d/theirs", "theirs");
    CHECK(eventually([&] { return fs::exists(mount.path("d/theirs")); }));
    CHECK(mount.unmount() == 0);
  }
  Mounted again(store.path());
  CHECK(read_file(again.path("d/small")) == "small");
  fs::remove_all(again.path("d"));
  CHECK(fs::is_empty(again.path()));
}

TEST_CASE("a mount that is taken away ends its daemon with status 0") {
  TestServer server;
  Mounted mount(server);
  write_file(mount.path("f"), "x");
  CHECK(mount.unmount() == 0);
}

TEST_CASE("SIGTERM ends an idle mount with status 0 and takes it away") {
  TestServer server;
  Mounted mount(server);
  write_file(mount.path("f"), "x");
  CHECK(mount.terminate(10) == 0);
  CHECK(fs::is_empty(mount.path()));
}

TEST_CASE(
    "a wrong secret key, a bucket that does not exist, a server that does not answer: said at "
    "once") {
  TestServer server;
  CHECK_THROWS_WITH(Mounted(server, {.secret_key = "wrong"}),
                    Catch::Contains("SignatureDoesNotMatch") || Catch::Contains("secret"));
  CHECK_THROWS(Mounted(server, {.options = {"--endpoint-url", "http://127.0.0.1:1"}}));
}

TEST_CASE("a server that goes away for a while costs time, not errors") {
  TestServer server;
  server.put_synthetic("test", "f", 20 * mib);
  Mounted mount(server);
  server.add_fault({.operation = "*", .kind = "error:503:ServiceUnavailable", .times = 12});
  CHECK(read_file(mount.path("f")) == synthetic_bytes("f", 0, 20 * mib));
}

TEST_CASE("a clock that is off by an hour is corrected") {
  TestServer server({.clock_skew = std::chrono::seconds(3600)});
  Mounted mount(server);
  write_file(mount.path("f"), "x");
  CHECK(read_file(mount.path("f")) == "x");
}

}  // namespace
}  // namespace penstock::test
