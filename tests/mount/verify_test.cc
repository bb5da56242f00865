// SPDX-License-Identifier: Apache-2.0
// Bytes that something between the program and the store has changed.
#include <system_error>

#include "mount/mounted_bucket.h"
#include "server/digest.h"
#include "server/raw_client.h"
#include "server/text.h"
#include "support/catch.h"

namespace penstock::test {
namespace {

/// As another client stores an object with a checksum of that kind.
void put_with(const TestServer& server, const std::string& key, const std::string& bytes,
              const std::string& header, DigestKind kind) {
  RawClient client(server.port());
  const RawReply reply = client.send(
      {.method = "PUT", .path = "/test/" + key, .headers = {{header, base64(digest(kind, bytes))}}},
      bytes);
  REQUIRE(reply.status == 200);
}

void damage(TestServer& server, const std::string& operation, int times) {
  server.add_fault({.operation = operation, .kind = "corrupt", .times = times});
}

}  // namespace

TEST_CASE("a small file whose bytes were changed on the way is fetched again, counted and logged") {
  TestServer server;
  const std::string bytes = random_bytes(300'000, 1);
  put_with(server, "crc32", bytes, "x-amz-checksum-crc32", DigestKind::crc32);
  put_with(server, "crc32c", bytes, "x-amz-checksum-crc32c", DigestKind::crc32c);
  put_with(server, "crc64", bytes, "x-amz-checksum-crc64nvme", DigestKind::crc64nvme);
  Mounted mount(server);
  write_file(mount.path("own"), bytes);
  {
    Mounted second(server);  // It has not seen the bytes that the first one wrote.
    for (const char* name : {"own", "crc32", "crc32c", "crc64"}) {
      damage(server, "GetObject", 1);
      CHECK(read_file(second.path(name)) == bytes);
      CHECK(second.log().find("key '" + std::string(name) + "'") != std::string::npos);
    }
    CHECK(says(run_penstock({"stats", "--prometheus", second.path()}),
               "penstock_store_corrupt_total{request=\"get\"} 4"));
  }
}

TEST_CASE("a small file that comes damaged each time is an error, not other bytes") {
  TestServer server;
  put_with(server, "f", random_bytes(10'000, 1), "x-amz-checksum-crc32c", DigestKind::crc32c);
  Mounted mount(server);
  damage(server, "GetObject", -1);
  CHECK_THROWS_AS(read_file(mount.path("f")), std::system_error);
  server.clear_faults();
  CHECK(read_file(mount.path("f")) == random_bytes(10'000, 1));
}

TEST_CASE("what is damaged on the way to the store is sent again") {
  TestServer server;
  Mounted mount(server);
  damage(server, "PutObject", 1);
  damage(server, "UploadPart", 2);
  const std::string small = random_bytes(50'000, 1);
  const std::string large = random_bytes(40 << 20, 2);
  write_file(mount.path("small"), small);
  write_file(mount.path("large"), large);
  CHECK(server.object("test", "small") == small);
  CHECK(server.object("test", "large") == large);
  CHECK(says(run_penstock({"stats", "--prometheus", mount.path()}),
             "penstock_store_corrupt_total{request=\"upload_part\"} 2"));
}

TEST_CASE("a large file of which a range was changed on the way is an error at its end") {
  TestServer server;
  const std::string bytes = random_bytes(24 << 20, 3);
  const bool own = GENERATE(true, false);
  if (own) {
    const Mounted first(server);
    write_file(first.path("large"), bytes);  // In parts.
  } else {
    put_with(server, "large", bytes, "x-amz-checksum-crc32", DigestKind::crc32);
  }
  Mounted mount(server);
  server.reset_stats();
  server.add_fault({.operation = "GetObject", .kind = "corrupt", .times = 1, .skip = 1});
  CHECK_THROWS_AS(read_file(mount.path("large")), std::system_error);
  CHECK(mount.log().find("key 'large'") != std::string::npos);
  CHECK(says(run_penstock({"stats", "--prometheus", mount.path()}),
             "penstock_store_corrupt_total{request=\"get\"} 1"));
  // Neither the cache nor the kernel hands on what it has got of it.
  CHECK((read_file(mount.path("large")) == bytes));  // Megabytes that nobody reads.
  CHECK(server.stats().faults["corrupt"] == 1);
}

TEST_CASE("a large file that is damaged in the store is an error whenever it is read to its end") {
  TestServer server;
  const std::string bytes = random_bytes(24 << 20, 4);
  put_with(server, "large", bytes, "x-amz-checksum-crc32c", DigestKind::crc32c);
  Mounted mount(server);
  damage(server, "GetObject", -1);
  for (int i = 0; i < 2; ++i) CHECK_THROWS_AS(read_file(mount.path("large")), std::system_error);
  server.clear_faults();
  CHECK((read_file(mount.path("large")) == bytes));
}

TEST_CASE("with --verify=off a damaged file is handed on") {
  TestServer server;
  const std::string bytes = random_bytes(10'000, 1);
  put_with(server, "f", bytes, "x-amz-checksum-crc32c", DigestKind::crc32c);
  Mounted mount(server, {.options = {"--verify=off"}});
  damage(server, "GetObject", 1);
  CHECK(read_file(mount.path("f")) != bytes);
  const std::string large = random_bytes(24 << 20, 2);
  put_with(server, "large", large, "x-amz-checksum-crc32c", DigestKind::crc32c);
  damage(server, "GetObject", 1);
  CHECK((read_file(mount.path("large")) != large));
}

}  // namespace penstock::test
