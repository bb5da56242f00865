// SPDX-License-Identifier: Apache-2.0
// Servers that take longer than the first limit, and credentials that are not good any more.
#include <atomic>
#include <memory>

#include "base/worker_pool.h"
#include "contract/session.h"
#include "http/http_client.h"
#include "server/test_server.h"
#include "store/retrying_store.h"
#include "store/s3/s3_store.h"
#include "support/fixed_credentials.h"

namespace penstock::test {
namespace {

/// Gives other keys once the first are refused.
class RenewedCredentials final : public CredentialsProvider {
 public:
  void get(Done<Credentials> done) override {
    done(renewals == 0 ? Credentials{.access_key = "old", .secret_key = "old", .session_token = "t"}
                       : Credentials{.access_key = "testaccess", .secret_key = "testsecret"});
  }
  void invalidate(const Credentials&) override { ++renewals; }
  std::atomic<int> renewals = 0;
};

std::unique_ptr<S3Store> store_at(const TestServer& server,
                                  std::shared_ptr<CredentialsProvider> credentials,
                                  std::chrono::milliseconds first_byte_limit) {
  return S3Store::create(
             {.bucket = "test",
              .endpoint = server.endpoint(),
              .region = "us-east-1",
              .first_byte_limit = first_byte_limit},
             std::move(credentials),
             std::make_shared<HttpClient>(HttpOptions{.first_byte_timeout = first_byte_limit}),
             Log::none())
      .value();
}

}  // namespace

TEST_CASE("a request that a server needs longer for is given longer when it is repeated") {
  TestServer server;
  server.put_object("test", "k", "bytes");
  const auto s3 =
      store_at(server, std::make_shared<FixedCredentials>(), std::chrono::milliseconds(100));
  WorkerPool pool("retries", 1);
  RetryingStore retrying(*s3, pool, {.first_backoff = std::chrono::milliseconds(1)}, 1,
                         Log::none());
  Session session("s3", retrying);
  for (const char* operation : {"ListObjectsV2", "PutObject", "HeadObject"})
    server.add_fault({.operation = operation, .kind = "delay:500", .times = -1});
  CHECK(ok(session.list({})).objects.size() == 1);
  ok(session.put("k", "other bytes"));
  CHECK(ok(session.head("k")).size == 11);
  CHECK(server.stats().requests["ListObjectsV2"] > 1);
}

TEST_CASE("credentials are renewed where a HEAD is refused without a word") {
  TestServer server;
  server.put_object("test", "k", "bytes");
  server.put_object("test", "empty", "");
  for (const char* key : {"k", "empty"}) {
    const auto credentials = std::make_shared<RenewedCredentials>();
    const auto s3 = store_at(server, credentials, std::chrono::seconds(60));
    CHECK(outcome(Session("s3", *s3).head(key)) == "ok");
    CHECK(credentials->renewals == 1);
  }
}

TEST_CASE("MinIO's word for a token that is not good renews credentials") {
  TestServer server;
  server.put_object("test", "k", "bytes");
  const auto credentials = std::make_shared<RenewedCredentials>();
  credentials->renewals = 1;
  server.add_fault({.operation = "GetObject", .kind = "error:403:InvalidTokenId"});
  const auto s3 = store_at(server, credentials, std::chrono::seconds(60));
  CHECK(ok(Session("s3", *s3).get("k")).bytes == "bytes");
  CHECK(credentials->renewals == 2);
}

TEST_CASE("where rights do not suffice for a HEAD, that is found out once") {
  TestServer server;
  const auto s3 = store_at(server, std::make_shared<FixedCredentials>(), std::chrono::seconds(60));
  Session session("s3", *s3);
  for (const char* operation : {"HeadObject", "GetObject"})
    server.add_fault({.operation = operation, .kind = "error:403:AccessDenied", .times = -1});
  const auto first = session.head("k");
  CHECK(outcome(first) == "access_denied");
  CHECK(first.error().detail().service_code == "AccessDenied");
  CHECK(outcome(session.head("l")) == "access_denied");
  CHECK(server.stats().requests["HeadObject"] == 2);
  CHECK(server.stats().requests["GetObject"] == 1);
}

}  // namespace penstock::test
