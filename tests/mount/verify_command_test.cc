// SPDX-License-Identifier: Apache-2.0
// penstock verify: of buckets, and of paths of a running mount.
#include <csignal>

#include "mount/mounted_bucket.h"
#include "server/digest.h"
#include "server/raw_client.h"
#include "server/text.h"
#include "support/catch.h"

namespace penstock::test {
namespace {

Ran verify(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "verify");
  return run_penstock(std::move(arguments));
}

Ran verify_url(const TestServer& server, const std::string& url,
               std::vector<std::string> options = {}) {
  options.insert(options.end(),
                 {"--endpoint-url", server.endpoint(), "--region", "us-east-1", url});
  return verify(std::move(options));
}

void damage(TestServer& server, const std::string& key, int times) {
  server.add_fault({.operation = "GetObject", .key = key, .kind = "corrupt", .times = times});
}

/// As an older client uploads it: with a checksum of the checksums of two parts.
void upload_composite(const TestServer& server, const std::string& key, const std::string& first,
                      const std::string& second) {
  RawClient client(server.port());
  const std::string path = "/test/" + key;
  const RawReply begun = client.send({.method = "POST",
                                      .path = path,
                                      .query = {{"uploads", ""}},
                                      .headers = {{"x-amz-checksum-algorithm", "CRC32C"}}});
  REQUIRE(begun.status == 200);
  const std::string id = xml_text(begun.body, "UploadId");
  std::string parts;
  int number = 0;
  for (const std::string& bytes : {first, second}) {
    ++number;
    const RawReply sent = client.send(
        {.method = "PUT",
         .path = path,
         .query = {{"partNumber", std::to_string(number)}, {"uploadId", id}},
         .headers = {{"x-amz-checksum-crc32c", base64(digest(DigestKind::crc32c, bytes))}}},
        bytes);
    REQUIRE(sent.status == 200);
    parts += "<Part><PartNumber>" + std::to_string(number) + "</PartNumber><ETag>" +
             sent.headers.at("etag") + "</ETag></Part>";
  }
  const RawReply done =
      client.send({.method = "POST", .path = path, .query = {{"uploadId", id}}},
                  "<CompleteMultipartUpload>" + parts + "</CompleteMultipartUpload>");
  REQUIRE(done.status == 200);
}

}  // namespace

TEST_CASE("verify finds the object whose bytes differ, of a bucket and of a mount's paths") {
  TestServer server;
  Mounted mount(server);
  write_file(mount.path("small"), random_bytes(300'000, 1));
  write_file(mount.path("large"), random_bytes(40 << 20, 2));
  std::filesystem::create_directory(mount.path("d"));
  write_file(mount.path("d/odd \x1b[1m\nname"), random_bytes(1000, 3));
  const Ran good = verify_url(server, "s3://test");
  INFO(good.output);
  CHECK(good.status == 0);
  CHECK(says(good, " good\n"));
  // Whatever the mount's cache has.
  CHECK(read_file(mount.path("large")) == random_bytes(40 << 20, 2));
  damage(server, "large", -1);
  damage(server, "d/odd \x1b[1m\nname", -1);
  const Ran all = verify({mount.path().string()});
  INFO(all.output);
  CHECK(all.status == 1);
  CHECK(says(all, "differs: large: CRC32C "));
  CHECK(says(all, "differs: d/odd \\x1b[1m\\x0aname: CRC32C "));
  CHECK(says(all, "2 differ"));
  const Ran folder = verify({mount.path("d").string()});
  CHECK(folder.status == 1);
  CHECK_FALSE(says(folder, "large"));
  CHECK(verify({mount.path("small").string()}).status == 0);
  const Ran json = verify({"--json", mount.path("large").string()});
  CHECK(json.status == 1);
  CHECK(says(json, "{\"verdict\": \"differs\", \"key\": \"large\", \"checksum\": \"CRC32C\""));
}

TEST_CASE("verify tells bytes that were damaged on the way from those that differ") {
  TestServer server;
  server.put_object("test", "f", random_bytes(100'000, 1));
  damage(server, "f", 1);
  const Ran ran = verify_url(server, "s3://test/f");
  INFO(ran.output);
  CHECK(ran.status == 0);
  CHECK(says(ran, "1 object differed once and not again"));
}

TEST_CASE("verify checks what was uploaded in parts, and names the part that differs") {
  TestServer server;
  upload_composite(server, "f", random_bytes(5 << 20, 1), random_bytes(700'000, 2));
  const Ran good = verify_url(server, "s3://test/f");
  INFO(good.output);
  CHECK(good.status == 0);
  CHECK(says(good, "1 good"));
  server.add_fault({.operation = "GetObject", .key = "f", .kind = "corrupt", .times = -1});
  const Ran bad = verify_url(server, "s3://test/f", {"--jobs", "1"});
  INFO(bad.output);
  CHECK(bad.status == 1);
  CHECK(says(bad, "differs: f: part 1 (bytes 0 to 5242879): CRC32C "));
}

TEST_CASE("verify says what it cannot check or read") {
  TestServer server({.default_encryption = "aws:kms"});
  Mounted mount(server, {.options = {"--verify=off"}});
  write_file(mount.path("f"), "bytes");
  const Ran ran = verify_url(server, "s3://test/f", {"--list-unchecked"});
  INFO(ran.output);
  CHECK(ran.status == 3);
  CHECK(says(ran, "unchecked: f: the store has no checksum, and with KMS or SSE-C"));
  CHECK(says(ran, "1 without a checksum"));
  server.set_storage_class("test", "f", "GLACIER");
  const Ran archived = verify_url(server, "s3://test/f");
  CHECK(archived.status == 2);
  CHECK(says(archived, "unreadable: f: is archived"));
  const Ran none = verify_url(server, "s3://test/none");
  CHECK(none.status == 2);
  CHECK(says(none, "unreadable: s3://test/none: nothing is stored there"));
  const Ran bucket = verify_url(server, "s3://other");
  CHECK(bucket.status == 2);
  CHECK(says(bucket, "there is no bucket s3://other"));
  server.add_fault({.operation = "HeadObject", .kind = "error:403:AccessDenied", .times = -1});
  const Ran denied = verify_url(server, "s3://test");
  CHECK(denied.status == 2);
  CHECK(says(denied, "unreadable: f: access_denied"));
  CHECK(verify({"/"}).status == 2);
  CHECK(verify({"--nonsense"}).status == 2);
}

TEST_CASE("verify of a mount says that files are not in the bucket yet") {
  TestServer server;
  Mounted mount(server, {.options = {"--write-back"}});
  server.add_fault({.operation = "PutObject", .kind = "error:503:SlowDown", .times = -1});
  write_file(mount.path("f"), "bytes");
  const Ran waits = verify({mount.path("f").string()});
  INFO(waits.output);
  CHECK(waits.status == 2);
  CHECK(says(waits, ": 1 file not in the bucket yet"));
  CHECK(says(waits, "f: nothing is stored there"));
  server.clear_faults();
  const auto ended = [&] {
    const Ran stored = verify({mount.path("f").string()});
    return stored.status == 0 && says(stored, "1 good") && !says(stored, "not in the bucket");
  };
  CHECK(eventually(ended, 60));
}

TEST_CASE("verify that is interrupted says what was found so far") {
  TestServer server;
  server.put_object("test", "a", "bytes");
  server.put_object("test", "b", "bytes");
  damage(server, "a", -1);
  server.add_fault({.operation = "GetObject", .key = "b", .kind = "hang", .times = -1});
  TempFolder folder;
  const std::string log = folder.path() / "log";
  const pid_t pid = spawn_penstock(
      {"verify", "--endpoint-url", server.endpoint(), "--region", "us-east-1", "s3://test"}, log);
  REQUIRE(eventually([&] { return read_file(log).find("differs: a") != std::string::npos; }, 60));
  REQUIRE(::kill(pid, SIGINT) == 0);
  CHECK(wait_for_exit(pid, 60) == 128 + SIGINT);
  const std::string said = read_file(log);
  INFO(said);
  CHECK(said.find("1 object checked") != std::string::npos);
  CHECK(said.find("penstock: interrupted") != std::string::npos);
}

}  // namespace penstock::test
