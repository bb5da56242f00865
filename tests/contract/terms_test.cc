// SPDX-License-Identifier: Apache-2.0
// What the owner of a bucket asks of requests, by what the server gets.
#include <fstream>
#include <memory>

#include "contract/session.h"
#include "http/http_client.h"
#include "server/test_server.h"
#include "store/s3/s3_store.h"
#include "support/fixed_credentials.h"
#include "support/sizes.h"
#include "support/temp_dir.h"

namespace penstock::test {
namespace {

const std::string sse = "x-amz-server-side-encryption";

ServerOptions watched(ServerOptions options = {}) {
  options.keep_headers = true;
  return options;
}

/// A store with such terms, on a server.
struct TermsGround {
  TermsGround(const TestServer& server, const BucketTermsOptions& options)
      : s3(S3Store::create({.bucket = "test",
                            .endpoint = server.endpoint(),
                            .region = "us-east-1",
                            .terms = BucketTerms::make(options).value()},
                           std::make_shared<FixedCredentials>(),
                           std::make_shared<HttpClient>(HttpOptions{}), Log::none())
               .value()) {}

  std::unique_ptr<S3Store> s3;
  Session session{"s3", *s3};
};

/// Stores "whole", "copy" and, of two parts, "parts", and reads them.
void do_everything(Session& store) {
  const std::string large(5 * mib, 'l');
  ok(store.put("whole", "bytes"));
  ok(store.copy({.source = "whole", .target = "copy"}));
  ok(store.put("large", large));
  const std::string id = ok(store.create_upload("parts"));
  std::vector<CompletedPart> parts;
  parts.push_back(ok(store.upload_part_copy({.key = "parts",
                                             .upload_id = id,
                                             .number = 1,
                                             .source = "large",
                                             .source_range = {0, large.size()}})));
  parts.push_back(ok(store.upload_part("parts", id, 2, "end")));
  ok(store.complete({.key = "parts", .upload_id = id, .parts = parts}));
  CHECK(ok(store.get("whole")).bytes == "bytes");
  CHECK(ok(store.get("copy")).bytes == "bytes");
  CHECK(ok(store.get("parts")).bytes == large + "end");
  CHECK(ok(store.head("parts")).size == large.size() + 3);
}

class KeyFile {
 public:
  explicit KeyFile(char fill) { std::ofstream(path()) << std::string(32, fill); }
  std::string path() const { return directory_.path() + "/key"; }

 private:
  TempDir directory_;
};

}  // namespace

TEST_CASE("what is stored asks for encryption, where a policy demands it") {
  const TestServer server(watched({.required_of_writes = {{sse, "aws:kms"}}}));
  TermsGround without(server, {});
  CHECK(outcome(without.session.put("whole", "bytes")) == "access_denied");
  CHECK(outcome(without.session.create_upload("parts")) == "access_denied");

  TermsGround with(server, {.sse = "aws:kms",
                            .sse_kms_key_id = "alias/a",
                            .sse_kms_context = R"({"a":"b"})",
                            .sse_bucket_key = true});
  do_everything(with.session);
  for (const char* operation : {"PutObject", "CopyObject", "CreateMultipartUpload"}) {
    CAPTURE(operation);
    auto headers = server.last_headers(operation);
    CHECK(headers[sse] == "aws:kms");
    CHECK(headers[sse + "-aws-kms-key-id"] == "alias/a");
    CHECK(headers[sse + "-context"] == "eyJhIjoiYiJ9");
    CHECK(headers[sse + "-bucket-key-enabled"] == "true");
  }
  for (const char* operation :
       {"GetObject", "HeadObject", "UploadPart", "UploadPartCopy", "CompleteMultipartUpload"}) {
    CAPTURE(operation);
    CHECK_FALSE(server.last_headers(operation).empty());
    CHECK_FALSE(server.last_headers(operation).contains(sse));
  }
}

TEST_CASE("objects that are encrypted with a key are read and copied with it, and by nobody else") {
  const TestServer server(watched());
  const KeyFile key('k');
  TermsGround with(server, {.sse_c_key_file = key.path()});
  do_everything(with.session);
  CHECK(server.last_headers("HeadObject").contains(sse + "-customer-key"));
  CHECK(server.last_headers("CompleteMultipartUpload").contains(sse + "-customer-key"));
  CHECK_FALSE(server.last_headers("ListObjectsV2").contains(sse + "-customer-key"));

  TermsGround without(server, {});
  const Result<Fetched> refused = without.session.get("whole");
  CHECK(outcome(refused) == "access_denied");
  CHECK(refused.error().message().find("(mount with --sse-c-key-file and its key)") !=
        std::string_view::npos);
  CHECK(outcome(without.session.head("whole")) == "access_denied");
  CHECK(outcome(without.session.copy({.source = "whole", .target = "stolen"})) == "access_denied");

  const KeyFile other_key('o');
  TermsGround other(server, {.sse_c_key_file = other_key.path()});
  CHECK(outcome(other.session.get("whole")) == "access_denied");

  ok(without.session.put("plain", "bytes"));
  const Result<Fetched> plain = with.session.get("plain");
  CHECK(outcome(plain) == "access_denied");
  CHECK(plain.error().message().find("not encrypted with a key of yours") !=
        std::string_view::npos);
}

TEST_CASE("a key is never sent where it could be read on the way") {
  const KeyFile key('k');
  const auto made =
      S3Store::create({.bucket = "test",
                       .endpoint = "http://192.0.2.1:9000",
                       .terms = BucketTerms::make({.sse_c_key_file = key.path()}).value()},
                      nullptr, std::make_shared<HttpClient>(HttpOptions{}), Log::none());
  REQUIRE_FALSE(made);
  CHECK(made.error().message().find("is not sent to http://192.0.2.1:9000") !=
        std::string_view::npos);
}

TEST_CASE("an ETag that is no MD5 proves nothing of a write whose answer was lost") {
  // Asked for, or the bucket's own doing, which answers show.
  const bool asked = GENERATE(true, false);
  TestServer server(watched({.default_encryption = asked ? "" : "aws:kms"}));
  TermsGround ground(server, {.sse = asked ? "aws:kms" : ""});
  Session& store = ground.session;
  const ETag first = ok(store.put("object", "first")).etag;
  server.reset_stats();
  server.add_fault({.operation = "PutObject", .kind = "lost-reply"});
  CHECK_FALSE(store.put("object", "second", {.if_match = first}));
  CHECK(outcome(store.put("object", "second", {.if_match = first})) == "changed");
  // Whether it is the version in question, which decides how the condition is sent; no more.
  CHECK(server.stats().requests["HeadObject"] == 1);

  const std::string id = ok(store.create_upload("parts"));
  const CompletedPart part = ok(store.upload_part("parts", id, 1, "bytes"));
  server.add_fault({.operation = "CompleteMultipartUpload", .kind = "lost-reply"});
  CHECK_FALSE(store.complete({.key = "parts", .upload_id = id, .parts = {part}}));
  server.reset_stats();
  CHECK(outcome(store.complete({.key = "parts", .upload_id = id, .parts = {part}})) == "not_found");
  CHECK(server.stats().requests["HeadObject"] == 0);
}

TEST_CASE("every request names the owner that it expects, and another one's bucket is not used") {
  const TestServer server(watched({.requester_pays = true}));
  TermsGround ground(server, {.expected_owner = "111122223333", .requester_pays = true});
  do_everything(ground.session);
  CHECK(ground.session.keys().size() == 4);
  const std::string left = ok(ground.session.create_upload("left"));
  CHECK(ok(ground.session.list_parts("left", left)).empty());
  ok(ground.session.abort("left", left));
  ok(ground.session.remove("whole"));
  ok(ground.session.remove_many({"copy", "large"}));
  for (const auto& [operation, count] : server.stats().requests) {
    CAPTURE(operation);
    auto headers = server.last_headers(operation);
    CHECK(headers["x-amz-expected-bucket-owner"] == "111122223333");
    CHECK(headers["x-amz-request-payer"] == "requester");
    const bool copies = operation == "CopyObject" || operation == "UploadPartCopy";
    CHECK(headers.contains("x-amz-source-expected-bucket-owner") == copies);
  }

  TermsGround stranger(server, {.expected_owner = "444455556666", .requester_pays = true});
  const auto refused = stranger.session.put("whole", "bytes");
  CHECK(outcome(refused) == "access_denied");
  CHECK(refused.error().message().find("(or the bucket's owner is not 444455556666") !=
        std::string_view::npos);
  TermsGround free_rider(server, {.expected_owner = "111122223333"});
  CHECK(outcome(free_rider.session.get("parts")) == "access_denied");
}

TEST_CASE("what is stored gets an ACL and tags, and an object keeps its own tags") {
  const TestServer server(
      watched({.required_of_writes = {{"x-amz-acl", "bucket-owner-full-control"}}}));
  TermsGround without(server, {.acl = "bucket-owner-full-control"});
  TermsGround with(server, {.acl = "bucket-owner-full-control", .tags = "team=a"});
  do_everything(with.session);
  for (const char* operation : {"PutObject", "CopyObject", "CreateMultipartUpload"}) {
    CAPTURE(operation);
    CHECK(server.last_headers(operation)["x-amz-tagging"] == "team=a");
  }
  CHECK(server.last_headers("CopyObject")["x-amz-tagging-directive"] == "REPLACE");

  ok(without.session.put(
      {.key = "theirs", .body = Body::of("x"), .metadata = {{header::tagging, "owner=c&team=b"}}}));
  ok(with.session.copy({.source = "theirs", .target = "copy"}));
  CHECK(server.last_headers("CopyObject")["x-amz-tagging"] == "owner=c&team=a");
  ok(with.session.put(
      {.key = "theirs", .body = Body::of("y"), .metadata = {{header::tagging_count, "2"}}}));
  CHECK(server.last_headers("PutObject")["x-amz-tagging"] == "owner=c&team=a");
  ok(with.session.copy({.source = "theirs", .target = "copy", .metadata = Metadata{{"a", "b"}}}));
  CHECK(server.last_headers("CopyObject")["x-amz-tagging"] == "owner=c&team=a");
}

}  // namespace penstock::test
