// SPDX-License-Identifier: Apache-2.0
// CRCs with what is stored and read, against the project's own server.
#include <memory>
#include <string>

#include "base/worker_pool.h"
#include "contract/session.h"
#include "http/http_client.h"
#include "server/test_server.h"
#include "store/retrying_store.h"
#include "store/s3/checksum.h"
#include "store/s3/s3_store.h"
#include "support/fixed_credentials.h"

namespace penstock::test {
namespace {

constexpr uint64_t summed_part_size = 5 << 20;

/// A store that tries once, and one that tries again, on one server.
struct ChecksumGround {
  explicit ChecksumGround(bool verify = true, ServerOptions options = {})
      : server(std::move(options)) {
    s3 = S3Store::create({.bucket = "test",
                          .endpoint = server.endpoint(),
                          .region = "us-east-1",
                          .verify = verify},
                         std::make_shared<FixedCredentials>(),
                         std::make_shared<HttpClient>(HttpOptions{}), Log::none())
             .value();
    retrying = std::make_unique<RetryingStore>(
        *s3, pool, RetryPolicy{.first_backoff = std::chrono::milliseconds(1)}, 1, Log::none());
    once = std::make_unique<Session>("s3", *s3);
    again = std::make_unique<Session>("s3", *retrying);
  }

  void damage(const std::string& operation, int times) {
    server.add_fault({.operation = operation, .kind = "corrupt", .times = times});
  }

  TestServer server;
  WorkerPool pool{"retries", 1};
  std::unique_ptr<S3Store> s3;
  std::unique_ptr<RetryingStore> retrying;
  std::unique_ptr<Session> once;
  std::unique_ptr<Session> again;
};

}  // namespace

TEST_CASE("an object whose bytes were changed on the way is fetched again") {
  ChecksumGround ground;
  const std::string bytes = pattern(100'000);
  ok(ground.once->put("own", bytes));
  ground.damage("GetObject", 1);
  CHECK(outcome(ground.once->get("own")) == "corrupt");
  ground.damage("GetObject", 2);
  ground.server.reset_stats();
  CHECK(ok(ground.again->get("own")).bytes == bytes);
  CHECK(ground.server.stats().requests["GetObject"] == 3);
}

TEST_CASE("nothing is handed on of a damaged object that never comes right") {
  ChecksumGround ground;
  ok(ground.once->put("own", pattern(1 << 20)));
  ground.damage("GetObject", -1);
  const Result<Fetched> fetched = ground.again->get("own");
  CHECK(outcome(fetched) == "corrupt");
}

TEST_CASE("without verification bytes are handed on as they come") {
  ChecksumGround ground(false);
  const std::string bytes = pattern(100'000);
  ok(ground.once->put("own", bytes));
  ground.damage("GetObject", 1);
  const Fetched fetched = ok(ground.again->get("own"));
  CHECK(fetched.bytes.size() == bytes.size());
  CHECK(fetched.bytes != bytes);
}

TEST_CASE("a larger object that was damaged is an error at its end") {
  ChecksumGround ground;
  ok(ground.once->put("large", pattern((1 << 20) + 1)));
  ground.damage("GetObject", 1);
  CHECK(outcome(ground.again->get("large")) == "corrupt");
}

TEST_CASE("what was changed on the way to the store is sent again") {
  ChecksumGround ground;
  const std::string bytes = pattern(100'000);
  ground.damage("PutObject", 2);
  ok(ground.again->put("k", bytes));
  CHECK(ground.server.stats().requests["PutObject"] == 3);
  CHECK(ground.server.object("test", "k") == bytes);
  // Over a version, too.
  const ETag etag = ok(ground.once->head("k")).etag;
  ground.damage("PutObject", 1);
  ok(ground.again->put("k", pattern(70'000), {.if_match = etag}));
  CHECK(ground.server.object("test", "k") == pattern(70'000));
}

TEST_CASE("parts are checked one by one, and their object as a whole") {
  ChecksumGround ground;
  const std::string first = pattern(summed_part_size, 1);
  const std::string last = pattern(1'000, 2);
  ok(ground.once->put("source", pattern(summed_part_size, 3)));
  const std::string id = ok(ground.again->create_upload("k"));
  ground.damage("UploadPart", 1);
  std::vector<CompletedPart> parts{ok(ground.again->upload_part("k", id, 1, first))};
  CHECK(ground.server.stats().requests["UploadPart"] == 2);
  parts.push_back(ok(ground.again->upload_part_copy({.key = "k",
                                                     .upload_id = id,
                                                     .number = 2,
                                                     .source = "source",
                                                     .source_range = {0, summed_part_size}})));
  parts.push_back(ok(ground.again->upload_part("k", id, 3, last)));

  SECTION("whole") {
    ok(ground.again->complete({.key = "k", .upload_id = id, .parts = parts}));
    CHECK(ground.server.object("test", "k") == first + pattern(summed_part_size, 3) + last);
    // It is told the checksum of, so that it can be read with it.
    ground.damage("GetObject", 1);
    CHECK(outcome(ground.once->get("k")) == "corrupt");
  }
  SECTION("a part was replaced behind the writer's back") {
    const auto raw = S3Store::create({.bucket = "test",
                                      .endpoint = ground.server.endpoint(),
                                      .region = "us-east-1",
                                      .verify = true},
                                     std::make_shared<FixedCredentials>(),
                                     std::make_shared<HttpClient>(HttpOptions{}), Log::none());
    Session stranger("s3", **raw);
    parts[2] = ok(stranger.upload_part("k", id, 3, pattern(1'000, 9)));
    CHECK(outcome(ground.once->complete({.key = "k", .upload_id = id, .parts = parts})) ==
          "corrupt");
    CHECK_FALSE(ground.server.object("test", "k"));
  }
}

TEST_CASE("a server that refuses checksums gets none from then on") {
  ChecksumGround ground;
  ground.server.add_fault({.operation = "PutObject", .kind = "error:501:NotImplemented"});
  ground.server.add_fault(
      {.operation = "CreateMultipartUpload", .kind = "error:400:InvalidArgument"});
  ok(ground.once->put("k", "bytes"));
  CHECK(ground.server.stats().requests["PutObject"] == 2);
  ok(ground.once->put("k", "bytes"));
  CHECK(ground.server.stats().requests["PutObject"] == 3);
  const std::string id = ok(ground.once->create_upload("m"));
  CHECK(ground.server.stats().requests["CreateMultipartUpload"] == 2);
  const CompletedPart part = ok(ground.once->upload_part("m", id, 1, "part"));
  ok(ground.once->complete({.key = "m", .upload_id = id, .parts = {part}}));
  CHECK(ground.server.stats().requests["UploadPart"] == 1);
  CHECK(ground.server.object("test", "m") == "part");
}

TEST_CASE("a refusal for another reason says nothing of checksums") {
  ChecksumGround ground;
  ground.server.add_fault(
      {.operation = "PutObject", .kind = "error:400:InvalidArgument", .times = 2});
  CHECK(outcome(ground.once->put("k", "bytes")) == "invalid_argument");
  CHECK(ground.server.stats().requests["PutObject"] == 2);
  ground.damage("PutObject", 1);
  CHECK(outcome(ground.once->put("k", "bytes")) == "corrupt");
}

TEST_CASE("the store tells the checksums of objects and of parts of one version") {
  ChecksumGround ground;
  const auto look = [&](const std::string& key) {
    return await<ObjectSum>(
        [&](auto done) { ground.s3->sums().look({.key = key, .cancel = {}}, std::move(done)); });
  };
  const auto look_at_part = [&](const ETag& etag, uint32_t number) {
    return await<PartSum>([&](auto done) {
      ground.s3->sums().look_at_part({.key = "k", .if_match = etag, .number = number},
                                     std::move(done));
    });
  };
  ok(ground.once->put("own", "123456789"));
  const ObjectSum own = ok(look("own"));
  CHECK(own.kind == ChecksumKind::crc32c);
  CHECK(own.value == crc_bytes(ChecksumKind::crc32c, 0xE3069283));
  CHECK(own.parts == 0);
  CHECK(own.object.size == 9);
  CHECK(outcome(look("none")) == "not_found");

  const std::string id = ok(ground.once->create_upload("k"));
  const std::vector<CompletedPart> parts{
      ok(ground.once->upload_part("k", id, 1, pattern(summed_part_size))),
      ok(ground.once->upload_part("k", id, 2, "end"))};
  ok(ground.once->complete({.key = "k", .upload_id = id, .parts = parts, .condition = {}}));
  const ObjectSum whole = ok(look("k"));
  CHECK(whole.kind == ChecksumKind::crc32c);
  CHECK(whole.parts == 0);
  CHECK(ok(look_at_part(whole.object.etag, 1)).size == summed_part_size);
  const PartSum last = ok(look_at_part(whole.object.etag, 2));
  CHECK(last.size == 3);
  CHECK(last.value.empty());
  CHECK(outcome(look_at_part(own.object.etag, 1)) == "changed");
  CHECK(outcome(look_at_part(whole.object.etag, 10'001)) == "invalid_argument");
}

}  // namespace penstock::test
