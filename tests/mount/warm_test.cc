// SPDX-License-Identifier: Apache-2.0
// penstock warm: through a running mount, and without one.
#include <csignal>

#include "mount/mounted_bucket.h"
#include "support/catch.h"
#include "support/sizes.h"

namespace penstock::test {
namespace {

namespace fs = std::filesystem;

Ran warm(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "warm");
  return run_penstock(std::move(arguments));
}

uint64_t gets(TestServer& server) { return server.stats().requests["GetObject"]; }

TEST_CASE("what was warmed is read without the server") {
  TestServer server;
  for (int i = 0; i < 40; ++i)
    server.put_synthetic("test", "d/s" + std::to_string(i % 4) + "/f" + std::to_string(i), 50'000);
  server.put_synthetic("test", "d/large", 200 * mib + 77);
  server.put_object("test", "d/empty", "");
  server.put_synthetic("test", "other", 1000);
  Mounted mount(server);
  const Ran ran = warm({"--recursive", mount.path("d").string()});
  INFO(ran.output);
  REQUIRE(ran.status == 0);
  CHECK(says(ran, "fetched 41 files"));
  server.reset_stats();
  for (int i = 0; i < 40; ++i) {
    const std::string key = "d/s" + std::to_string(i % 4) + "/f" + std::to_string(i);
    CHECK(read_file(mount.path(key)) == synthetic_bytes(key, 0, 50'000));
  }
  CHECK(read_file(mount.path("d/large")) == synthetic_bytes("d/large", 0, 200 * mib + 77));
  CHECK(gets(server) == 0);
  const Ran again = warm({"-r", mount.path("d").string()});
  CHECK(again.status == 0);
  CHECK(says(again, "fetched 0 files"));
  CHECK(says(again, "42 files, 202MiB were there already"));
  CHECK(gets(server) == 0);
  read_file(mount.path("other"));
  CHECK(gets(server) == 1);
}

TEST_CASE("a file whose pages the kernel has already is warmed all the same") {
  TestServer server;
  server.put_synthetic("test", "f", 3 * mib);
  TempFolder cache;
  const std::vector<std::string> where = {"--cache-dir", cache.path().string()};
  Mounted mount(server, {.options = where});
  read_file(mount.path("f"));
  const auto evicted = [&] {
    return says(run_penstock({"cache", "evict", "--all", where[0], where[1]}), "removed 1 object");
  };
  REQUIRE(eventually(evicted));
  const Ran ran = warm({mount.path("f").string()});
  CHECK(says(ran, "fetched 1 file, 3.0MiB"));
  CHECK(says(run_penstock({"cache", "stats", where[0], where[1]}), "in all: 1 complete"));
}

TEST_CASE("a manifest names the files") {
  TestServer server;
  for (const char* key : {"d/a", "d/b b", "d/c", "d/s/e"}) server.put_synthetic("test", key, 1000);
  Mounted mount(server);
  TempFolder folder;
  const fs::path manifest = folder.path() / "list";
  write_file(manifest, "# three of them\na\n\nb b\n" + mount.path("d/s/e").string() + "\n");
  const std::string base = mount.path("d").string();
  const Ran ran = warm({"--manifest", manifest.string(), base});
  INFO(ran.output);
  CHECK(ran.status == 0);
  CHECK(says(ran, "fetched 3 files"));
  server.reset_stats();
  for (const char* key : {"d/a", "d/b b", "d/s/e"}) read_file(mount.path(key));
  CHECK(gets(server) == 0);

  write_file(manifest, "gone\n../d/c\n../outside\n/etc/passwd\nc\n");
  const Ran wrong = warm({"--manifest", manifest.string(), base});
  INFO(wrong.output);
  CHECK(wrong.status == 1);
  CHECK(says(wrong, base + "/gone: No such file or directory"));
  CHECK(says(wrong, "../outside: does not lie below " + base));
  CHECK(says(wrong, "/etc/passwd: does not lie below"));
  CHECK(says(wrong, "3 failed"));
  server.reset_stats();
  read_file(mount.path("d/c"));
  CHECK(gets(server) == 0);
}

TEST_CASE("links are followed inside the mount, and once") {
  TestServer server;
  for (const char* key : {"repo/blobs/a", "repo/blobs/b", "other/c", "other/d/e"})
    server.put_synthetic("test", key, 100'000);
  Mounted mount(server);
  fs::create_directories(mount.path("repo/snapshots"));
  fs::create_symlink("../blobs/a", mount.path("repo/snapshots/model"));
  for (const char* loop : {"repo/one", "repo/two", "other/d/up"})
    fs::create_directory_symlink(".", mount.path(loop));
  fs::create_directory_symlink("../other", mount.path("repo/other"));
  SECTION("a link to a file") {
    const Ran ran = warm({mount.path("repo/snapshots/model").string()});
    INFO(ran.output);
    CHECK(ran.status == 0);
    CHECK(says(ran, "fetched 1 file,"));
  }
  SECTION("a directory of links to files elsewhere") {
    const Ran ran = warm({"-r", mount.path("repo/snapshots").string()});
    INFO(ran.output);
    CHECK(ran.status == 0);
    CHECK(says(ran, "fetched 1 file,"));
  }
  SECTION("all") {
    const Ran ran = warm({"-r", mount.path("repo").string()});
    INFO(ran.output);
    CHECK(ran.status == 0);
    CHECK(says(ran, "fetched 4 files"));
  }
  SECTION("a link out of the mount is named, and the rest is warmed") {
    TempFolder folder;
    write_file(folder.path() / "f", "not in the bucket");
    fs::create_symlink(folder.path() / "f", mount.path("repo/out"));
    const Ran ran = warm({"-r", mount.path("repo").string()});
    INFO(ran.output);
    CHECK(ran.status == 1);
    CHECK(says(ran, mount.path("repo/out").string() + ": leads out of the mount"));
    CHECK(says(ran, "fetched 4 files"));
    CHECK(says(ran, "1 failed"));
  }
}

TEST_CASE("warming says what is wrong") {
  TestServer server;
  server.put_synthetic("test", "d/a", 1000);
  SECTION("a directory without --recursive") {
    Mounted mount(server);
    const Ran ran = warm({mount.path("d").string()});
    CHECK(ran.status == 1);
    CHECK(says(ran, "is a directory; --recursive takes what lies below"));
  }
  SECTION("a mount without a cache") {
    Mounted mount(server, {.options = {"--no-cache"}});
    const Ran ran = warm({"-r", mount.path().string()});
    CHECK(ran.status == 1);
    CHECK(says(ran, "there is nothing to warm"));
  }
  SECTION("no mount") {
    TempFolder folder;
    const Ran ran = warm({"-r", folder.path().string()});
    CHECK(ran.status == 1);
    CHECK(says(ran, "lies in no mount of Penstock's"));
  }
  SECTION("a file that cannot be read") {
    server.put_synthetic("test", "d/b", 1000);
    server.add_fault(
        {.operation = "GetObject", .key = "d/a", .kind = "error:403:AccessDenied", .times = -1});
    Mounted mount(server);
    const Ran ran = warm({"-r", mount.path().string()});
    INFO(ran.output);
    CHECK(ran.status == 1);
    CHECK(says(ran, mount.path("d/a").string() + ": Permission denied"));
    CHECK(says(ran, "fetched 1 file,"));
    CHECK(says(ran, "1 failed"));
  }
  SECTION("a disk that has less free than shall stay so") {
    Mounted mount(server, {.options = {"--cache-min-free", "100%"}});
    server.reset_stats();
    const Ran ran = warm({"-r", mount.path().string()});
    INFO(ran.output);
    CHECK(ran.status == 1);
    CHECK(says(ran, "the cache has room for 0B ("));
    CHECK(says(ran, "shall stay so by --cache-min-free"));
    CHECK(says(ran, "nothing is fetched"));
    CHECK(gets(server) == 0);
    // Who reads all the same is answered; the log says once why nothing is kept.
    CHECK(read_file(mount.path("d/a")).size() > 0);
    CHECK(eventually([&] { return mount.log().find("keeps nothing new: ") != std::string::npos; }));
  }
  SECTION("more than the cache keeps") {
    for (int i = 0; i < 10; ++i) server.put_synthetic("test", "big" + std::to_string(i), 4 * mib);
    Mounted mount(server, {.options = {"--cache-size", "12M"}});
    const Ran ran = warm({"-r", mount.path().string()});
    INFO(ran.output);
    CHECK(ran.status == 1);
    CHECK(says(ran, "more bytes than the cache has room for: 12MiB (--cache-size)"));
    CHECK(says(ran, "not kept: "));
    CHECK(says(ran, "could not be kept"));
  }
}

TEST_CASE("an interrupt ends warming at once, with a summary") {
  TestServer server({.connection_mbps = 1});
  server.put_synthetic("test", "f", 500 * mib);
  server.put_synthetic("test", "g", 500 * mib);
  Mounted mount(server);
  TempFolder folder;
  const std::string log = folder.path() / "log";
  const pid_t pid = spawn_penstock({"warm", "-r", mount.path().string()}, log);
  REQUIRE(eventually([&] { return gets(server) > 0; }));
  ::kill(pid, SIGINT);
  CHECK(wait_for_exit(pid, 10) == 130);
  const std::string said = read_file(log);
  CHECK(said.find("fetched 0 files") != std::string::npos);
  CHECK(said.find("interrupted") != std::string::npos);
}

TEST_CASE("a bucket is warmed without a mount, for the mounts that come") {
  TestServer server;
  TempFolder cache;
  for (const char* key : {"d/a", "d/s/b"}) server.put_synthetic("test", key, 100'000);
  server.put_synthetic("test", "d/large", 130 * mib + 5);
  server.put_synthetic("test", "other", 1000);
  const std::vector<std::string> how = {"--endpoint-url", server.endpoint(), "--region",
                                        "us-east-1",      "--cache-dir",     cache.path().string()};
  const auto warm_url = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), how.begin(), how.end());
    return warm(std::move(arguments));
  };
  const Ran ran = warm_url({"s3://test/d"});
  INFO(ran.output);
  REQUIRE(ran.status == 0);
  CHECK(says(ran, "fetched 3 files"));
  server.reset_stats();
  CHECK(says(warm_url({"s3://test/d/"}), "3 files, 130MiB were there already"));
  CHECK(gets(server) == 0);
  Mounted mount(server, {.options = {"--cache-dir", cache.path().string()}});
  CHECK(read_file(mount.path("d/s/b")) == synthetic_bytes("d/s/b", 0, 100'000));
  CHECK(read_file(mount.path("d/large")) == synthetic_bytes("d/large", 0, 130 * mib + 5));
  CHECK(gets(server) == 0);

  CHECK(says(warm_url({"s3://test/other"}), "fetched 1 file,"));
  write_file(cache.path() / "list", "a\ns3://test/d/s/b\ngone\ns3://test/other\n");
  const Ran listed = warm_url({"--manifest", (cache.path() / "list").string(), "s3://test/d"});
  INFO(listed.output);
  CHECK(listed.status == 1);
  CHECK(says(listed, "d/gone: does not exist"));
  CHECK(says(listed, "s3://test/other: does not lie below s3://test/d"));
  CHECK(says(listed, "2 files, 195KiB were there already; 2 failed"));
  CHECK(warm_url({"s3://test/none"}).status == 1);
  CHECK(warm_url({"s3://absent"}).status == 1);
}

}  // namespace
}  // namespace penstock::test
