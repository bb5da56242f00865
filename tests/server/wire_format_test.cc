// SPDX-License-Identifier: Apache-2.0
#include "server/digest.h"
#include "server/sigv4.h"
#include "server/text.h"
#include "support/catch.h"

namespace penstock::test {
namespace {

// The worked example of AWS's documentation of Signature Version 4 for S3: "GET Object".
constexpr std::string_view documented_head =
    "GET /test.txt HTTP/1.1\r\n"
    "Host: examplebucket.s3.amazonaws.com\r\n"
    "Authorization: AWS4-HMAC-SHA256 "
    "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
    "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
    "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41\r\n"
    "Range: bytes=0-9\r\n"
    "x-amz-content-sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\r\n"
    "x-amz-date: 20130524T000000Z\r\n\r\n";

SigningRules documented_rules() {
  return {.access_key = "AKIAIOSFODNN7EXAMPLE",
          .secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
          .region = "us-east-1",
          .now = *parse_amz_date("20130524T000000Z")};
}

std::string refusal(const Request& request, const SigningRules& rules) {
  const std::optional<Response> response = check_signature(request, rules);
  return response ? xml_text(response->document, "Code") : "";
}

}  // namespace

TEST_CASE("the signature of AWS's worked example is right", "[server]") {
  const std::optional<Request> request = parse_head(documented_head);
  REQUIRE(request);
  CHECK(refusal(*request, documented_rules()).empty());
}

TEST_CASE("what differs from the signed request is refused", "[server]") {
  Request request = *parse_head(documented_head);
  SigningRules rules = documented_rules();
  SECTION("another header value") {
    request.headers["range"] = "bytes=0-10";
    CHECK(refusal(request, rules) == "SignatureDoesNotMatch");
  }
  SECTION("another path") {
    request.raw_path = "/test.tx%74t";
    CHECK(refusal(request, rules) == "SignatureDoesNotMatch");
  }
  SECTION("the same path in another spelling is the same") {
    request.raw_path = "/tes%74.txt";
    CHECK(refusal(request, rules).empty());
  }
  SECTION("another query") {
    request.query.emplace_back("a", "b");
    CHECK(refusal(request, rules) == "SignatureDoesNotMatch");
  }
  SECTION("another secret") {
    rules.secret_key = "wrong";
    CHECK(refusal(request, rules) == "SignatureDoesNotMatch");
  }
  SECTION("an unsigned x-amz header") {
    request.headers["x-amz-meta-mode"] = "33188";
    CHECK(refusal(request, rules) == "AccessDenied");
  }
  SECTION("another key") {
    rules.access_key = "other";
    CHECK(refusal(request, rules) == "InvalidAccessKeyId");
  }
  SECTION("a token that should be there") {
    rules.session_token = "token";
    CHECK(refusal(request, rules) == "InvalidAccessKeyId");
  }
  SECTION("16 minutes late") {
    rules.now += 16 * 60;
    CHECK(refusal(request, rules) == "RequestTimeTooSkewed");
  }
  SECTION("14 minutes late is well") {
    rules.now += 14 * 60;
    CHECK(refusal(request, rules).empty());
  }
  SECTION("no signature") {
    request.headers.erase("authorization");
    CHECK(refusal(request, rules) == "AccessDenied");
  }
  SECTION("another region, where that matters") {
    rules.region = "eu-central-1";
    CHECK(refusal(request, rules).empty());
    rules.redirect_regions = true;
    CHECK(refusal(request, rules) == "PermanentRedirect");
  }
}

TEST_CASE("digests give their known answers", "[server]") {
  const std::string text = "123456789";
  CHECK(hex(digest(DigestKind::crc32, text)) == "cbf43926");
  CHECK(hex(digest(DigestKind::crc32c, text)) == "e3069283");
  CHECK(hex(digest(DigestKind::crc64nvme, text)) == "ae8b14860a799888");
  CHECK(hex(digest(DigestKind::md5, text)) == "25f9e794323b453885f5181f1b624d0b");
}

TEST_CASE("digests of pieces are those of the whole", "[server]") {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += static_cast<char>(i * 7);
  for (const DigestKind kind : {DigestKind::md5, DigestKind::crc32, DigestKind::crc32c,
                                DigestKind::crc64nvme, DigestKind::fast}) {
    Digest pieces(kind);
    for (size_t at = 0, step = 1; at < text.size(); at += step, step = step % 37 + 1) {
      pieces.update(std::string_view(text).substr(at, step));
    }
    CHECK(hex(pieces.finish()) == hex(digest(kind, text)));
  }
  std::string other = text;
  other[500] = static_cast<char>(other[500] ^ 1);
  CHECK(digest(DigestKind::fast, other) != digest(DigestKind::fast, text));
}

TEST_CASE("text encodings", "[server]") {
  CHECK(base64("a") == "YQ==");
  CHECK(base64("abcd") == "YWJjZA==");
  CHECK(from_base64("YWJjZA==") == "abcd");
  CHECK_FALSE(from_base64("Y*"));
  CHECK(uri_encode("a b/c+\xC3\xA9~", true) == "a%20b/c%2B%C3%A9~");
  CHECK(uri_decode("a%20b%2Fc+d") == "a b/c+d");
  CHECK(uri_decode("a+b", true) == "a b");
  CHECK_FALSE(uri_decode("%4"));
  CHECK(xml_unescape("&lt;&amp;&#x1;&#233;&quot;") == "<&\x01\xC3\xA9\"");
  CHECK(xml_elements("<Part><PartNumber>1</PartNumber></Part><Part/>", "Part") ==
        std::vector<std::string>{"<PartNumber>1</PartNumber>", ""});
  CHECK(http_date(0) == "Thu, 01 Jan 1970 00:00:00 GMT");
  CHECK(parse_http_date(http_date(1234567890)) == 1234567890);
}

}  // namespace penstock::test
