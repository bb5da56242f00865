// SPDX-License-Identifier: Apache-2.0
// What is learnt of servers that do less than AWS S3, and how often that costs a request.
#include <fmt/core.h>

#include <memory>

#include "contract/session.h"
#include "http/http_client.h"
#include "server/test_server.h"
#include "store/s3/s3_store.h"
#include "support/fixed_credentials.h"

namespace penstock::test {
namespace {

/// A store on a server that is like another one.
struct Ground {
  explicit Ground(const std::string& server_like, bool with_crcs = true)
      : verify(with_crcs), server([&] {
          ServerOptions options;
          make_like(options, server_like);
          return options;
        }()) {}

  uint64_t requests(const std::string& operation) { return server.stats().requests[operation]; }

  const bool verify;
  TestServer server;
  std::unique_ptr<S3Store> s3 =
      S3Store::create({.bucket = "test",
                       .endpoint = server.endpoint(),
                       .region = "us-east-1",
                       .verify = verify},
                      std::make_shared<FixedCredentials>(),
                      std::make_shared<HttpClient>(HttpOptions{}), Log::none())
          .value();
  Session session{"s3", *s3};
};

StoreLimits limits_at(const std::string& endpoint,
                      StoreOptions::EqualParts equal_parts = StoreOptions::EqualParts::automatic) {
  return S3Store::create({.bucket = "test", .endpoint = endpoint, .equal_parts = equal_parts},
                         nullptr, std::make_shared<HttpClient>(HttpOptions{}), Log::none())
      .value()
      ->limits();
}

}  // namespace

TEST_CASE("where there is no DeleteObjects, objects are removed one by one from then on") {
  Ground ground("gcs");
  std::vector<std::string> keys;
  for (int i = 0; i < 100; ++i) keys.push_back(fmt::format("d/{}", i));
  for (int round = 0; round < 2; ++round) {
    for (const std::string& key : keys) ground.server.put_object("test", key, "x");
    CHECK(ok(ground.session.remove_many(keys)).empty());
    CHECK(ground.server.keys("test").empty());
  }
  CHECK(ground.requests("DeleteObjects") == 1);
  CHECK(ground.requests("DeleteObject") == 200);
}

TEST_CASE("a batch that is refused for another reason is removed one by one, once") {
  Ground ground("object-lock");
  ground.server.add_fault({.operation = "DeleteObjects", .kind = "error:400:InvalidArgument"});
  for (int round = 0; round < 2; ++round) {
    ground.server.put_object("test", "a", "x");
    CHECK(ok(ground.session.remove_many({"a", "b"})).empty());
    CHECK(ground.server.keys("test").empty());
  }
  CHECK(ground.requests("DeleteObjects") == 2);
  CHECK(ground.requests("DeleteObject") == 2);
}

TEST_CASE("what cannot be removed is told, also one by one") {
  Ground ground("gcs");
  ground.server.put_object("test", "kept", "x");
  ground.server.put_object("test", "gone", "x");
  ground.server.add_fault(
      {.operation = "DeleteObject", .key = "kept", .kind = "error:403:AccessDenied"});
  const auto failures = ok(ground.session.remove_many({"gone", "kept"}));
  REQUIRE(failures.size() == 1);
  CHECK(failures[0].key == "kept");
  CHECK(failures[0].error.code() == Code::access_denied);
  CHECK(ground.server.keys("test") == std::vector<std::string>{"kept"});
}

TEST_CASE("where there is no UploadPartCopy the limits say so") {
  Ground ground("gcs");
  ground.server.put_object("test", "source", "bytes");
  CHECK(ground.s3->limits().part_copies);
  const std::string id = ok(ground.session.create_upload("target"));
  CHECK(outcome(ground.session.upload_part_copy({.key = "target",
                                                 .upload_id = id,
                                                 .number = 1,
                                                 .source = "source",
                                                 .source_range = {0, 5}})) == "not_supported");
  CHECK_FALSE(ground.s3->limits().part_copies);
}

TEST_CASE("a bucket that wants checksums takes the CRCs that it gets") {
  Ground ground("object-lock");
  ok(ground.session.put("first", "bytes"));
  const std::string id = ok(ground.session.create_upload("large"));
  const CompletedPart part = ok(ground.session.upload_part("large", id, 1, pattern(100'000)));
  ok(ground.session.complete({.key = "large", .upload_id = id, .parts = {part}}));
  CHECK(ground.requests("PutObject") == 1);
  CHECK(ground.requests("UploadPart") == 1);
}

TEST_CASE("a bucket that wants checksums gets MD5s from its first refusal on, without CRCs") {
  Ground ground("object-lock", false);
  ok(ground.session.put("first", "bytes"));
  ok(ground.session.put("empty", ""));
  CHECK(ground.requests("PutObject") == 3);
  const std::string id = ok(ground.session.create_upload("large"));
  const CompletedPart part = ok(ground.session.upload_part("large", id, 1, pattern(100'000)));
  ok(ground.session.complete({.key = "large", .upload_id = id, .parts = {part}}));
  CHECK(ground.requests("UploadPart") == 1);
  CHECK(ground.server.object("test", "first") == "bytes");
  CHECK(ground.server.object("test", "large") == pattern(100'000));
}

TEST_CASE("at Cloudflare R2 parts have one size, elsewhere where it is asked for") {
  using enum StoreOptions::EqualParts;
  CHECK(limits_at("https://abc.r2.cloudflarestorage.com").equal_parts);
  CHECK(limits_at("https://abc.eu.r2.cloudflarestorage.com:443").equal_parts);
  CHECK_FALSE(limits_at("https://abc.r2.cloudflarestorage.com", off).equal_parts);
  CHECK_FALSE(limits_at("https://r2.cloudflarestorage.com.example.org").equal_parts);
  CHECK_FALSE(limits_at("http://127.0.0.1:9000").equal_parts);
  CHECK(limits_at("http://127.0.0.1:9000", on).equal_parts);
}

}  // namespace penstock::test
