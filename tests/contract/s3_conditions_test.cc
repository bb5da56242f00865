// SPDX-License-Identifier: Apache-2.0
// If-Match where the server says that it does not implement it.
#include <memory>

#include "contract/session.h"
#include "http/http_client.h"
#include "server/test_server.h"
#include "store/s3/s3_store.h"
#include "support/fixed_credentials.h"

namespace penstock::test {
namespace {

/// Answers the first PutObject 501, with a checksum and without, as if it implemented no If-Match.
struct NoIfMatch {
  NoIfMatch() {
    etag = ok(session.put("k", "first")).etag;
    server.reset_stats();
    server.add_fault({.operation = "PutObject", .kind = "error:501:NotImplemented", .times = 2});
  }

  TestServer server;
  std::unique_ptr<S3Store> s3 =
      S3Store::create({.bucket = "test", .endpoint = server.endpoint(), .region = "us-east-1"},
                      std::make_shared<FixedCredentials>(),
                      std::make_shared<HttpClient>(HttpOptions{}), Log::none())
          .value();
  Session session{"s3", *s3};
  ETag etag;
};

}  // namespace

TEST_CASE("without If-Match a version is looked at before it is replaced") {
  NoIfMatch ground;
  const ObjectInfo second = ok(ground.session.put("k", "second", {.if_match = ground.etag}));
  CHECK(ground.server.stats().requests["PutObject"] == 3);
  CHECK(ground.server.object("test", "k") == "second");
  ground.server.reset_stats();
  // It is not tried again.
  ok(ground.session.put("k", "third", {.if_match = second.etag}));
  CHECK(ground.server.stats().requests["PutObject"] == 1);
  CHECK(ground.server.stats().requests["HeadObject"] == 1);
  CHECK(outcome(ground.session.put("k", "late", {.if_match = second.etag})) == "changed");
  CHECK(ground.server.object("test", "k") == "third");
}

TEST_CASE("without If-Match the version of another is not replaced") {
  NoIfMatch ground;
  ground.server.put_object("test", "k", "of another");
  CHECK(outcome(ground.session.put("k", "second", {.if_match = ground.etag})) == "changed");
  CHECK(ground.server.object("test", "k") == "of another");
  ground.server.delete_object("test", "k");
  CHECK(outcome(ground.session.put("k", "second", {.if_match = ground.etag})) == "changed");
  CHECK_FALSE(ground.server.object("test", "k"));
}

}  // namespace penstock::test
