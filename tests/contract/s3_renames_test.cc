// SPDX-License-Identifier: Apache-2.0
// RenameObject: which servers are trusted with it, and answers that get lost.
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

using RenameObject = StoreOptions::RenameObject;

constexpr const char* directory_bucket = "fast--x-s3";

struct RenameGround {
  explicit RenameGround(std::string the_bucket = directory_bucket,
                        RenameObject option = RenameObject::automatic, ServerOptions options = {})
      : bucket(std::move(the_bucket)), server(with_bucket(std::move(options), bucket)) {
    auto created = S3Store::create({.bucket = bucket,
                                    .endpoint = server.endpoint(),
                                    .region = "us-east-1",
                                    .rename_object = option,
                                    .rename_trial_prefix = "hidden/trial"},
                                   std::make_shared<FixedCredentials>(),
                                   std::make_shared<HttpClient>(HttpOptions{}), Log::none());
    s3 = std::move(*created);
    retrying = std::make_unique<RetryingStore>(*s3, pool, RetryPolicy{}, 1, Log::none());
    session = std::make_unique<Session>("s3", *retrying);
    etag = ok(session->put("from", "bytes")).etag;
    ok(session->put("to", "other bytes"));
    server.reset_stats();
  }

  static ServerOptions with_bucket(ServerOptions options, const std::string& bucket) {
    options.buckets = {bucket};
    return options;
  }
  std::string rename(Precondition condition = {}) {
    return outcome(session->rename(
        {.source = "from", .target = "to", .source_if_match = etag, .condition = condition}));
  }
  bool untouched() const {
    return server.object(bucket, "from") == "bytes" &&
           server.object(bucket, "to") == "other bytes" && server.keys(bucket).size() == 2;
  }
  bool renamed() const {
    return server.object(bucket, "to") == "bytes" && server.keys(bucket).size() == 1;
  }
  uint64_t requests() const {
    uint64_t all = 0;
    for (const auto& [operation, count] : server.stats().requests) all += count;
    return all;
  }

  const std::string bucket;
  TestServer server;
  WorkerPool pool{"retries", 1};
  std::unique_ptr<S3Store> s3;
  std::unique_ptr<RetryingStore> retrying;
  std::unique_ptr<Session> session;
  ETag etag;
};

TEST_CASE("a directory bucket's rename is tried once, then each is one request") {
  RenameGround ground;
  CHECK(ground.rename() == "ok");
  CHECK(ground.renamed());
  CHECK(ground.server.stats().requests["RenameObject"] == 2);
  ground.server.reset_stats();
  ok(ground.session->rename({.source = "to", .target = "from", .source_if_match = ground.etag}));
  CHECK(ground.requests() == 1);
  CHECK(ground.server.stats().requests["RenameObject"] == 1);
}

TEST_CASE("renames that begin during the trial wait for it") {
  RenameGround ground;
  ground.server.add_fault({.operation = "HeadObject", .kind = "delay:100"});
  ok(ground.session->put("second", "2"));
  const ETag etag = ok(ground.session->put("third", "3")).etag;
  std::atomic<int> done = 0;
  std::atomic<int> good = 0;
  for (const std::string name : {"from", "third"}) {
    ground.retrying->rename({.source = name,
                             .target = name + "-renamed",
                             .source_if_match = name == "from" ? ground.etag : etag},
                            [&](const Result<ObjectInfo>& result) {
                              if (result) ++good;
                              ++done;
                            });
  }
  while (done < 2) std::this_thread::yield();
  CHECK(good == 2);
  CHECK(ground.server.stats().requests["RenameObject"] == 3);
}

TEST_CASE("other buckets are left alone, unless they shall be tried") {
  RenameGround ground("test");
  CHECK_FALSE(ground.s3->limits().renames);
  CHECK(ground.rename() == "not_supported");
  CHECK(ground.requests() == 0);
  RenameGround off(directory_bucket, RenameObject::off);
  CHECK_FALSE(off.s3->limits().renames);
  CHECK(off.rename() == "not_supported");
  CHECK(off.requests() == 0);
}

TEST_CASE("a server without RenameObject is asked once") {
  RenameGround ground("test", RenameObject::on);
  CHECK(ground.s3->limits().renames);
  CHECK(ground.rename() == "not_supported");
  CHECK(ground.untouched());
  CHECK_FALSE(ground.s3->limits().renames);
  ground.server.reset_stats();
  CHECK(ground.rename() == "not_supported");
  CHECK(ground.requests() == 0);
}

TEST_CASE("a server that takes a rename for a PUT loses nothing") {
  RenameGround ground("test", RenameObject::on, {.renames_are_puts = true});
  CHECK(ground.rename() == "not_supported");
  CHECK(ground.untouched());
  CHECK_FALSE(ground.s3->limits().renames);
}

TEST_CASE("a trial without an answer says nothing") {
  RenameGround ground;
  ground.server.add_fault({.operation = "RenameObject", .kind = "error:503:SlowDown"});
  CHECK(ground.rename() == "not_supported");
  CHECK(ground.untouched());
  CHECK(ground.rename() == "ok");
  CHECK(ground.renamed());
}

TEST_CASE("what a server refuses later is copied from then on, or this once") {
  RenameGround ground;
  ok(ground.session->put("first", "1"));
  ok(ground.session->rename({.source = "first",
                             .target = "second",
                             .source_if_match = ok(ground.session->head("first")).etag}));
  SECTION("one object") {
    ground.server.add_fault({.operation = "RenameObject", .kind = "error:400:InvalidRequest"});
    CHECK(ground.rename() == "not_supported");
    CHECK(ground.rename() == "ok");
  }
  SECTION("all of them") {
    ground.server.add_fault({.operation = "RenameObject", .kind = "error:501:NotImplemented"});
    CHECK(ground.rename() == "not_supported");
    CHECK_FALSE(ground.s3->limits().renames);
    CHECK(ground.rename() == "not_supported");
  }
}

TEST_CASE("a rename whose answer is lost is a success") {
  RenameGround ground;
  ok(ground.session->put("first", "1"));
  ok(ground.session->rename({.source = "first",
                             .target = "second",
                             .source_if_match = ok(ground.session->head("first")).etag}));
  ground.server.delete_object(ground.bucket, "second");
  ground.server.reset_stats();
  ground.server.add_fault({.operation = "RenameObject", .key = "to", .kind = "lost-reply"});
  SECTION("over what was there") { CHECK(ground.rename() == "ok"); }
  SECTION("where nothing may be") {
    ground.server.delete_object(ground.bucket, "to");
    CHECK(ground.rename({.if_none_match = true}) == "ok");
  }
  CHECK(ground.renamed());
  // The server knows the token: nobody need look.
  CHECK(ground.server.stats().requests["HeadObject"] == 0);
}

}  // namespace
}  // namespace penstock::test
