// SPDX-License-Identifier: Apache-2.0
#include "server/digest.h"
#include "server/raw_client.h"
#include "server/test_server.h"
#include "server/text.h"
#include "support/catch.h"

namespace penstock::test {
namespace {

std::string code_of(const RawReply& reply) { return xml_text(reply.body, "Code"); }

struct ObjectsServer {
  explicit ObjectsServer(ServerOptions options = {})
      : server(std::move(options)), client(server.port()) {}

  RawReply get(const std::string& key, std::map<std::string, std::string> headers = {}) {
    return client.send({.path = "/test/" + key, .headers = std::move(headers)});
  }
  RawReply put(const std::string& key, const std::string& body,
               std::map<std::string, std::string> headers = {}) {
    return client.send({.method = "PUT", .path = "/test/" + key, .headers = std::move(headers)},
                       body);
  }

  TestServer server;
  RawClient client;
};

const std::string other_etag = "\"0123456789abcdef0123456789abcdef\"";

}  // namespace

TEST_CASE("what was put can be got, whole and in ranges", "[server]") {
  ObjectsServer f;
  const RawReply stored =
      f.put("a/b c", "hello world", {{"x-amz-meta-mode", "33188"}, {"content-type", "text/x"}});
  REQUIRE(stored.status == 200);
  CHECK(stored.headers.at("etag") == "\"5eb63bbbe01eeed093cb22bb8f5acdc3\"");
  const RawReply got = f.get("a/b c");
  CHECK(got.status == 200);
  CHECK(got.body == "hello world");
  CHECK(got.headers.at("x-amz-meta-mode") == "33188");
  CHECK(got.headers.at("content-type") == "text/x");
  CHECK(got.headers.contains("x-amz-request-id"));
  CHECK(f.server.object("test", "a/b c") == "hello world");
  CHECK(f.server.metadata("test", "a/b c")->at("mode") == "33188");

  const RawReply middle = f.get("a/b c", {{"range", "bytes=2-4"}});
  CHECK(middle.status == 206);
  CHECK(middle.body == "llo");
  CHECK(middle.headers.at("content-range") == "bytes 2-4/11");
  CHECK(f.get("a/b c", {{"range", "bytes=6-"}}).body == "world");
  CHECK(f.get("a/b c", {{"range", "bytes=-3"}}).body == "rld");
  CHECK(f.get("a/b c", {{"range", "bytes=9-100"}}).body == "ld");
  CHECK(f.get("a/b c", {{"range", "bytes=11-"}}).status == 416);

  const RawReply head = f.client.send({.method = "HEAD", .path = "/test/a/b c"});
  CHECK(head.status == 200);
  CHECK(head.headers.at("content-length") == "11");
}

TEST_CASE("missing things are told apart", "[server]") {
  ObjectsServer f;
  CHECK(code_of(f.get("none")) == "NoSuchKey");
  CHECK(code_of(f.client.send({.path = "/nobucket/key"})) == "NoSuchBucket");
  CHECK(f.client.send({.method = "HEAD", .path = "/nobucket"}).status == 404);
  CHECK(f.client.send({.method = "HEAD", .path = "/test"}).status == 200);
  CHECK(f.client.send({.method = "DELETE", .path = "/test/none"}).status == 204);
}

TEST_CASE("conditions on reads and writes", "[server]") {
  ObjectsServer f;
  const std::string etag = f.put("k", "one").headers.at("etag");
  CHECK(f.get("k", {{"if-match", etag}}).status == 200);
  CHECK(f.get("k", {{"if-match", other_etag}}).status == 412);
  CHECK(f.get("k", {{"if-none-match", etag}}).status == 304);
  CHECK(f.put("k", "two", {{"if-none-match", "*"}}).status == 412);
  CHECK(f.put("k", "two", {{"if-match", other_etag}}).status == 412);
  CHECK(f.put("none", "two", {{"if-match", etag}}).status == 404);
  CHECK(f.server.object("test", "k") == "one");
  CHECK(f.put("k", "two", {{"if-match", etag}}).status == 200);
  CHECK(f.put("new", "1", {{"if-none-match", "*"}}).status == 200);
  CHECK(f.server.object("test", "k") == "two");
}

TEST_CASE("a wrong checksum is refused and nothing stored", "[server]") {
  ObjectsServer f;
  const std::string body = "some bytes";
  const auto sum = [&](DigestKind kind) { return base64(digest(kind, body)); };
  CHECK(f.put("a", body, {{"content-md5", sum(DigestKind::md5)}}).status == 200);
  CHECK(f.put("b", body, {{"x-amz-checksum-crc32c", sum(DigestKind::crc32c)}}).status == 200);
  CHECK(f.put("c", body, {{"x-amz-checksum-crc64nvme", sum(DigestKind::crc64nvme)}}).status == 200);
  const RawReply head = f.client.send(
      {.method = "HEAD", .path = "/test/b", .headers = {{"x-amz-checksum-mode", "ENABLED"}}});
  CHECK(head.headers.at("x-amz-checksum-crc32c") == sum(DigestKind::crc32c));
  CHECK(code_of(f.put("d", body + "!", {{"content-md5", sum(DigestKind::md5)}})) == "BadDigest");
  CHECK(code_of(f.put("d", body + "!", {{"x-amz-checksum-crc32c", sum(DigestKind::crc32c)}})) ==
        "BadDigest");
  CHECK(code_of(f.put("d", body + "!",
                      {{"x-amz-checksum-crc64nvme", sum(DigestKind::crc64nvme)}})) == "BadDigest");
  const RawReply wrong_hash = f.client.send(
      {.method = "PUT", .path = "/test/d", .payload_hash = hex(digest(DigestKind::sha256, "x"))},
      body);
  CHECK(code_of(wrong_hash) == "XAmzContentSHA256Mismatch");
  CHECK_FALSE(f.server.object("test", "d"));
}

TEST_CASE("bodies of many blocks arrive whole", "[server]") {
  ObjectsServer f;
  const std::string body = synthetic_bytes("any", 0, (size_t{3} << 20) + 12345);
  const RawReply stored =
      f.put("big", body, {{"x-amz-checksum-crc32c", base64(digest(DigestKind::crc32c, body))}});
  REQUIRE(stored.status == 200);
  CHECK(stored.headers.at("etag").size() == 34);
  CHECK(f.get("big").body == body);
  CHECK(f.get("big", {{"range", "bytes=1048570-1048580"}}).body == body.substr(1048570, 11));
}

TEST_CASE("synthetic objects are the same bytes however they are read", "[server]") {
  ObjectsServer f;
  f.server.put_synthetic("test", "s", uint64_t{1} << 40);
  const uint64_t offset = (uint64_t{1} << 39) + 4321;
  const RawReply got = f.get(
      "s", {{"range", "bytes=" + std::to_string(offset) + "-" + std::to_string(offset + 99999)}});
  CHECK(got.body == synthetic_bytes("s", offset, 100000));
  CHECK(synthetic_bytes("s", 0, 1000) != synthetic_bytes("s", 8 << 20, 1000));
  CHECK(synthetic_bytes("s", 0, 1000) != synthetic_bytes("t", 0, 1000));
}

TEST_CASE("discarded bodies keep their size", "[server]") {
  ObjectsServer f({.discard_bodies = true});
  CHECK(f.put("big", std::string(2 << 20, 'x')).status == 200);
  CHECK(f.put("small", "kept").status == 200);
  CHECK(f.get("big").body == std::string(2 << 20, '\0'));
  CHECK(f.get("small").body == "kept");
}

TEST_CASE("copies", "[server]") {
  ObjectsServer f;
  const std::string etag = f.put("src/a+b", "bytes", {{"x-amz-meta-uid", "1"}}).headers.at("etag");
  const auto copy = [&](std::map<std::string, std::string> headers) {
    headers["x-amz-copy-source"] = "/test/src/a%2Bb";
    return f.client.send({.method = "PUT", .path = "/test/dst", .headers = std::move(headers)});
  };
  const RawReply copied = copy({{"x-amz-copy-source-if-match", etag}});
  CHECK(copied.status == 200);
  CHECK(xml_text(copied.body, "ETag") == etag);
  CHECK(f.server.metadata("test", "dst")->at("uid") == "1");
  CHECK(copy({{"x-amz-metadata-directive", "REPLACE"}, {"x-amz-meta-gid", "2"}}).status == 200);
  CHECK(*f.server.metadata("test", "dst") == std::map<std::string, std::string>{{"gid", "2"}});
  CHECK(copy({{"x-amz-copy-source-if-match", other_etag}}).status == 412);
  const RawReply onto_itself = f.client.send(
      {.method = "PUT", .path = "/test/dst", .headers = {{"x-amz-copy-source", "test/dst"}}});
  CHECK(onto_itself.status == 400);
}

TEST_CASE("DeleteObjects needs a checksum and tells what it did", "[server]") {
  ObjectsServer f;
  f.server.put_object("test", "a&b", "1");
  const std::string body =
      "<Delete><Object><Key>a&amp;b</Key></Object><Object><Key>none</Key></Object></Delete>";
  SignedRequest request{.method = "POST", .path = "/test", .query = {{"delete", ""}}};
  CHECK(f.client.send(request, body).status == 400);
  request.headers["content-md5"] = base64(digest(DigestKind::md5, body));
  const RawReply reply = f.client.send(request, body);
  CHECK(reply.status == 200);
  CHECK(xml_elements(reply.body, "Deleted").size() == 2);
  CHECK(f.server.keys("test").empty());
  const std::string odd = "<Delete><Object><Key>a&#x1;</Key></Object></Delete>";
  request.headers["content-md5"] = base64(digest(DigestKind::md5, odd));
  CHECK(code_of(f.client.send(request, odd)) == "MalformedXML");
}

TEST_CASE("tags come with an object, are copied with it, and can be read and set", "[server]") {
  ObjectsServer f;
  f.put("k", "x", {{"x-amz-tagging", "a=b%20c&d="}, {"x-amz-website-redirect-location", "/there"}});
  const auto head = [&](const std::string& key) {
    return f.client.send({.method = "HEAD", .path = "/test/" + key}).headers;
  };
  const auto tags = [&](const std::string& key) {
    return xml_elements(f.client.send({.path = "/test/" + key, .query = {{"tagging", ""}}}).body,
                        "Tag");
  };
  CHECK(head("k").at("x-amz-tagging-count") == "2");
  CHECK(head("k").at("x-amz-website-redirect-location") == "/there");
  REQUIRE(tags("k").size() == 2);
  CHECK(tags("k")[0] == "<Key>a</Key><Value>b c</Value>");
  f.put("copy", "", {{"x-amz-copy-source", "/test/k"}, {"x-amz-metadata-directive", "REPLACE"}});
  CHECK(tags("copy").size() == 2);
  f.put("plain-copy", "", {{"x-amz-copy-source", "/test/k"}});
  CHECK(head("plain-copy").count("x-amz-website-redirect-location") == 0);
  f.put("other", "",
        {{"x-amz-copy-source", "/test/k"},
         {"x-amz-tagging-directive", "REPLACE"},
         {"x-amz-tagging", "e=f"}});
  CHECK(tags("other") == std::vector<std::string>{"<Key>e</Key><Value>f</Value>"});
  const std::string none = "<Tagging><TagSet></TagSet></Tagging>";
  CHECK(f.client.send({.method = "PUT", .path = "/test/k", .query = {{"tagging", ""}}}, none)
            .status == 200);
  CHECK(head("k").count("x-amz-tagging-count") == 0);
  CHECK(tags("k").empty());
}

TEST_CASE("requests that would mean something else are refused", "[server]") {
  ObjectsServer f;
  CHECK(f.client.send({.method = "PUT", .path = "/test/k", .query = {{"acl", ""}}}, "x").status ==
        501);
  CHECK(f.put("k", "x", {{"content-encoding", "aws-chunked"}}).status == 501);
  CHECK(code_of(f.put(std::string(1025, 'k'), "x")) == "KeyTooLongError");
  CHECK(code_of(f.get("\xFF")) == "InvalidURI");
  CHECK(code_of(f.put("k", "x", {{"x-amz-meta-a", std::string(2048, 'm')}})) == "MetadataTooLarge");
  f.client.credentials.secret_key = "wrong";
  CHECK(code_of(f.get("k")) == "SignatureDoesNotMatch");
  CHECK(f.server.stats().bad_signatures == 1);
  CHECK(f.server.keys("test").empty());
}

TEST_CASE("the bucket may be in the host name", "[server]") {
  ObjectsServer f;
  f.server.put_object("test", "dir/k", "1");
  CHECK(f.client.send({.path = "/dir/k", .headers = {{"host", "test.localhost:80"}}}).body == "1");
}

TEST_CASE("archived objects are refused until they are restored, and again afterwards",
          "[server]") {
  ObjectsServer f({.restore_time = std::chrono::milliseconds(300),
                   .restored_day = std::chrono::milliseconds(400)});
  const auto restore = [&](const std::string& key, const std::string& what) {
    return f.client.send({.method = "POST", .path = "/test/" + key, .query = {{"restore", ""}}},
                         "<RestoreRequest>" + what + "</RestoreRequest>");
  };
  const auto head = [&](const std::string& key) {
    return f.client.send({.method = "HEAD", .path = "/test/" + key}).headers;
  };
  const auto listed = [&] {
    return f.client
        .send({.path = "/test",
               .query = {{"list-type", "2"}},
               .headers = {{"x-amz-optional-object-attributes", "RestoreStatus"}}})
        .body;
  };
  f.put("cold", "frozen", {{"x-amz-storage-class", "GLACIER"}});
  CHECK(f.get("cold").status == 403);
  CHECK(code_of(f.get("cold")) == "InvalidObjectState");
  CHECK(code_of(restore("cold", "")) == "MalformedXML");
  CHECK(listed().find("<RestoreStatus>") == std::string::npos);
  CHECK(restore("cold", "<Days>1</Days>").status == 202);
  CHECK(code_of(restore("cold", "<Days>1</Days>")) == "RestoreAlreadyInProgress");
  CHECK(head("cold").at("x-amz-restore") == "ongoing-request=\"true\"");
  CHECK(listed().find("<IsRestoreInProgress>true<") != std::string::npos);
  while (f.get("cold").status != 200) {
  }
  CHECK(head("cold").at("x-amz-restore").starts_with("ongoing-request=\"false\", expiry-date=\""));
  CHECK(listed().find("<RestoreExpiryDate>") != std::string::npos);
  CHECK(restore("cold", "<Days>2</Days>").status == 200);
  while (f.get("cold").status == 200) {
  }
  CHECK(head("cold").count("x-amz-restore") == 0);

  f.server.set_storage_class("test", "cold", "INTELLIGENT_TIERING", "ARCHIVE_ACCESS");
  CHECK(head("cold").at("x-amz-archive-status") == "ARCHIVE_ACCESS");
  CHECK(f.get("cold").body.find("<AccessTier>ARCHIVE_ACCESS<") != std::string::npos);
  CHECK(code_of(restore("cold", "<Days>1</Days>")) == "MalformedXML");
  CHECK(restore("cold", "").status == 202);
  while (f.get("cold").status != 200) {
  }
  CHECK(head("cold").count("x-amz-archive-status") == 0);
  CHECK(code_of(restore("cold", "")) == "ObjectAlreadyInActiveTierError");
}

}  // namespace penstock::test
