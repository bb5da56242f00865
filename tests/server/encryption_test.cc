// SPDX-License-Identifier: Apache-2.0
// Encryption and policies of buckets, on the wire.
#include "server/raw_client.h"
#include "server/test_server.h"
#include "support/catch.h"

namespace penstock::test {
namespace {

using Headers = std::map<std::string, std::string>;

const std::string sse = "x-amz-server-side-encryption";

/// 32 times 'k', and its MD5, in base64.
Headers with_key(const std::string& prefix = sse) {
  return {{prefix + "-customer-algorithm", "AES256"},
          {prefix + "-customer-key", "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="},
          {prefix + "-customer-key-md5", "mT2HRsMGJ5IX5C+0rreZ8Q=="}};
}

struct Ground {
  explicit Ground(ServerOptions options = {}) : server(std::move(options)) {}

  RawReply send(const std::string& method, Headers headers, const std::string& key = "object") {
    const std::string body = method == "PUT" ? "bytes" : "";
    return client.send({.method = method, .path = "/test/" + key, .headers = std::move(headers)},
                       body);
  }

  TestServer server;
  RawClient client{server.port()};
};

}  // namespace

TEST_CASE("encryption that is asked for is told, makes ETags opaque, and is of no read") {
  Ground ground;
  CHECK(ground.send("PUT", {}).headers["etag"] == "\"4b3a6218bb3e3a7303e8a171a60fcf92\"");
  RawReply put = ground.send("PUT", {{sse, "AES256"}});
  CHECK(put.headers["etag"] == "\"4b3a6218bb3e3a7303e8a171a60fcf92\"");
  CHECK(put.headers[sse] == "AES256");
  put = ground.send("PUT", {{sse, "aws:kms"}});
  CHECK(put.headers["etag"] != "\"4b3a6218bb3e3a7303e8a171a60fcf92\"");
  RawReply get = ground.send("GET", {});
  CHECK(get.headers[sse] == "aws:kms");
  CHECK(get.headers["etag"] == put.headers["etag"]);
  CHECK(ground.send("GET", {{sse, "aws:kms"}}).status == 400);
}

TEST_CASE("who has no key, or another one, does not read what is encrypted with one") {
  Ground ground;
  REQUIRE(ground.send("PUT", with_key()).status == 200);
  CHECK(ground.send("GET", with_key()).body == "bytes");
  CHECK(ground.send("HEAD", {}).status == 400);
  CHECK(ground.send("GET", {}).body.find("a form of Server Side Encryption") != std::string::npos);
  Headers damaged = with_key();
  damaged[sse + "-customer-key-md5"] = "AAAAAAAAAAAAAAAAAAAAAA==";
  CHECK(ground.send("GET", damaged).status == 400);
  Headers copy = with_key();
  copy["x-amz-copy-source"] = "test/object";
  CHECK(ground.send("PUT", copy, "copy").status == 400);
  copy.merge(with_key("x-amz-copy-source-server-side-encryption"));
  CHECK(ground.send("PUT", copy, "copy").status == 200);
  REQUIRE(ground.send("PUT", {}, "plain").status == 200);
  CHECK(ground.send("GET", with_key(), "plain").status == 400);
}

TEST_CASE("a policy denies what comes without the headers that it demands") {
  Ground ground({.required_of_writes = {{sse, "AES256"}}});
  CHECK(ground.send("PUT", {}).status == 403);
  CHECK(ground.send("PUT", {{sse, "aws:kms"}}).status == 403);
  CHECK(ground.send("PUT", {{sse, "AES256"}}).status == 200);
  CHECK(ground.send("GET", {}).status == 200);
}

}  // namespace penstock::test
