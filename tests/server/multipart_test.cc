// SPDX-License-Identifier: Apache-2.0
#include "server/digest.h"
#include "server/raw_client.h"
#include "server/test_server.h"
#include "server/text.h"
#include "support/catch.h"

namespace penstock::test {
namespace {

constexpr size_t five_mib = size_t{5} << 20;

struct Upload {
  explicit Upload(const TestServer& server, std::string name = "k",
                  std::map<std::string, std::string> headers = {{"x-amz-meta-mode", "1"}})
      : client(server.port()), key(std::move(name)) {
    const RawReply reply = client.send({.method = "POST",
                                        .path = "/test/" + key,
                                        .query = {{"uploads", ""}},
                                        .headers = std::move(headers)});
    id = xml_text(reply.body, "UploadId");
    REQUIRE_FALSE(id.empty());
  }

  RawReply part(const std::string& number, const std::string& body,
                std::map<std::string, std::string> headers = {}) {
    return client.send({.method = "PUT",
                        .path = "/test/" + key,
                        .query = {{"partNumber", number}, {"uploadId", id}},
                        .headers = std::move(headers)},
                       body);
  }
  RawReply complete(const std::vector<std::pair<std::string, std::string>>& parts,
                    std::map<std::string, std::string> headers = {}) {
    std::string body = "<CompleteMultipartUpload>";
    for (const auto& [number, etag] : parts) {
      body += "<Part><PartNumber>" + number + "</PartNumber><ETag>" + xml_escape(etag) +
              "</ETag></Part>";
    }
    return client.send({.method = "POST",
                        .path = "/test/" + key,
                        .query = {{"uploadId", id}},
                        .headers = std::move(headers)},
                       body + "</CompleteMultipartUpload>");
  }

  RawClient client;
  std::string key;
  std::string id;
};

std::string code(const RawReply& reply) { return xml_text(reply.body, "Code"); }

}  // namespace

TEST_CASE("an upload in parts becomes one object when it is completed", "[server]") {
  TestServer server;
  Upload upload(server);
  const std::string big = synthetic_bytes("x", 0, five_mib);
  const std::string first = upload.part("1", big).headers.at("etag");
  const std::string last = upload.part("7", "tail").headers.at("etag");
  CHECK_FALSE(server.object("test", "k"));
  CHECK(server.unfinished_uploads("test") == 1);
  const RawReply parts =
      upload.client.send({.path = "/test/k", .query = {{"uploadId", upload.id}}});
  CHECK(xml_elements(parts.body, "Part").size() == 2);
  const RawReply done = upload.complete({{"1", first}, {"7", last}});
  REQUIRE(done.status == 200);
  CHECK(xml_text(done.body, "ETag").ends_with("-2\""));
  CHECK(server.object("test", "k") == big + "tail");
  CHECK(server.metadata("test", "k")->at("mode") == "1");
  CHECK(server.unfinished_uploads("test") == 0);
  CHECK(code(upload.complete({{"1", first}, {"7", last}})) == "NoSuchUpload");
}

TEST_CASE("the ETag of an upload in parts follows S3's rule", "[server]") {
  TestServer server({.md5_etags = true});
  Upload upload(server);
  const std::string big = synthetic_bytes("x", 0, five_mib);
  const std::string first = upload.part("1", big).headers.at("etag");
  const std::string second = upload.part("2", "b").headers.at("etag");
  CHECK(first == "\"" + hex(digest(DigestKind::md5, big)) + "\"");
  const RawReply done = upload.complete({{"1", first}, {"2", second}});
  const std::string sums = digest(DigestKind::md5, big) + digest(DigestKind::md5, "b");
  CHECK(xml_text(done.body, "ETag") == "\"" + hex(digest(DigestKind::md5, sums)) + "-2\"");
}

TEST_CASE("completing with what is not there fails, and leaves the upload", "[server]") {
  TestServer server;
  Upload upload(server);
  const std::string one = upload.part("1", "small").headers.at("etag");
  const std::string two = upload.part("2", "small too").headers.at("etag");
  CHECK(code(upload.complete({{"1", one}, {"2", two}})) == "EntityTooSmall");
  CHECK(code(upload.complete({{"2", two}, {"1", one}})) == "InvalidPartOrder");
  CHECK(code(upload.complete({{"1", two}})) == "InvalidPart");
  CHECK(code(upload.complete({{"3", one}})) == "InvalidPart");
  CHECK(code(upload.complete({})) == "MalformedXML");
  CHECK(code(upload.part("0", "x")) == "InvalidArgument");
  CHECK(code(upload.part("10001", "x")) == "InvalidArgument");
  CHECK(upload.complete({{"2", two}}).status == 200);
  CHECK(server.object("test", "k") == "small too");
}

TEST_CASE("completing is conditional", "[server]") {
  TestServer server;
  server.put_object("test", "k", "present");
  Upload upload(server);
  const std::string etag = upload.part("1", "new").headers.at("etag");
  CHECK(upload.complete({{"1", etag}}, {{"if-none-match", "*"}}).status == 412);
  CHECK(upload.complete({{"1", etag}}, {{"if-match", "\"00\""}}).status == 412);
  CHECK(server.object("test", "k") == "present");
  const std::string present = "\"" + hex(digest(DigestKind::md5, "present")) + "\"";
  CHECK(upload.complete({{"1", etag}}, {{"if-match", present}}).status == 200);
}

TEST_CASE("parts may be copied from an object", "[server]") {
  TestServer server;
  server.put_object("test", "src", synthetic_bytes("src", 0, five_mib + 10));
  Upload upload(server);
  const auto copy = [&](const std::string& range) {
    return upload.part("1", "",
                       {{"x-amz-copy-source", "/test/src"}, {"x-amz-copy-source-range", range}});
  };
  CHECK(copy("bytes=10-5242890").status == 400);
  const RawReply copied = copy("bytes=10-5242889");
  REQUIRE(copied.status == 200);
  const std::string tail = upload.part("2", "!").headers.at("etag");
  REQUIRE(upload.complete({{"1", xml_text(copied.body, "ETag")}, {"2", tail}}).status == 200);
  CHECK(server.object("test", "k") == synthetic_bytes("src", 10, five_mib) + "!");
}

TEST_CASE("an aborted upload is gone", "[server]") {
  TestServer server;
  Upload upload(server);
  upload.part("1", "x");
  const SignedRequest abort{
      .method = "DELETE", .path = "/test/k", .query = {{"uploadId", upload.id}}};
  CHECK(upload.client.send(abort).status == 204);
  CHECK(upload.client.send(abort).status == 404);
  CHECK(upload.part("2", "x").status == 404);
  CHECK(server.unfinished_uploads("test") == 0);
}

TEST_CASE("unfinished uploads are listed by prefix, in pages", "[server]") {
  TestServer server;
  const Upload a(server, "p/a");
  const Upload b(server, "p/a");
  const Upload c(server, "p/c");
  const Upload d(server, "q");
  RawClient client(server.port());
  std::vector<std::string> found;
  std::vector<std::pair<std::string, std::string>> query = {
      {"uploads", ""}, {"prefix", "p/"}, {"max-uploads", "1"}};
  while (true) {
    const RawReply reply = client.send({.path = "/test", .query = query});
    REQUIRE(reply.status == 200);
    found.push_back(xml_text(reply.body, "UploadId"));
    if (xml_text(reply.body, "IsTruncated") != "true") break;
    query.resize(3);
    query.emplace_back("key-marker", xml_text(reply.body, "NextKeyMarker"));
    query.emplace_back("upload-id-marker", xml_text(reply.body, "NextUploadIdMarker"));
  }
  CHECK(found == std::vector<std::string>{a.id, b.id, c.id});
}

TEST_CASE("an upload begun with a checksum of the full object has it checked", "[server]") {
  TestServer server;
  server.put_object("test", "source", synthetic_bytes("s", 0, five_mib));
  const auto sum = [](const std::string& bytes) {
    return base64(digest(DigestKind::crc32c, bytes));
  };
  Upload upload(server, "k",
                {{"x-amz-checksum-algorithm", "CRC32C"}, {"x-amz-checksum-type", "FULL_OBJECT"}});
  const std::string first = synthetic_bytes("x", 0, five_mib);
  const std::string copied = synthetic_bytes("s", 0, five_mib);
  // With a checksum, copied, and without one.
  const RawReply told = upload.part("1", first, {{"x-amz-checksum-crc32c", sum(first)}});
  const RawReply copy = upload.part("2", "", {{"x-amz-copy-source", "test/source"}});
  CHECK(xml_text(copy.body, "ChecksumCRC32C") == sum(copied));
  const RawReply last = upload.part("3", "tail");
  const std::vector<std::pair<std::string, std::string>> parts = {
      {"1", told.headers.at("etag")},
      {"2", xml_text(copy.body, "ETag")},
      {"3", last.headers.at("etag")}};
  CHECK(code(upload.complete(parts, {{"x-amz-checksum-crc32c", sum("other")}})) == "BadDigest");
  CHECK_FALSE(server.object("test", "k"));
  const std::string whole = sum(first + copied + "tail");
  const RawReply done = upload.complete(parts, {{"x-amz-checksum-crc32c", whole}});
  CHECK(done.status == 200);
  CHECK(xml_text(done.body, "ChecksumCRC32C") == whole);
  const RawReply head = upload.client.send(
      {.method = "HEAD", .path = "/test/k", .headers = {{"x-amz-checksum-mode", "ENABLED"}}});
  CHECK(head.headers.at("x-amz-checksum-crc32c") == whole);
  CHECK(head.headers.at("x-amz-checksum-type") == "FULL_OBJECT");
}

TEST_CASE("a part with a checksum belongs to an upload that was begun with one", "[server]") {
  TestServer server;
  Upload upload(server);
  const std::string sum = base64(digest(DigestKind::crc32c, "part"));
  CHECK(code(upload.part("1", "part", {{"x-amz-checksum-crc32c", sum}})) == "InvalidRequest");
}

}  // namespace penstock::test
