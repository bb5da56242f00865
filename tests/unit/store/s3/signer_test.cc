// SPDX-License-Identifier: Apache-2.0
#include "store/s3/signer.h"

#include "store/s3/uri.h"
#include "support/catch.h"

namespace penstock {
namespace {

/// Of all examples of AWS's documentation: midnight, at which 24 May 2013 begins.
constexpr RequestSigner::Time midnight{std::chrono::seconds(1'369'353'600)};

Credentials example_keys(std::string session_token = {}) {
  return {.access_key = "AKIAIOSFODNN7EXAMPLE",
          .secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
          .session_token = std::move(session_token)};
}

std::string header_of(const SignableRequest& request, const std::string& wanted) {
  for (const auto& [name, value] : request.headers) {
    if (name == wanted) return value;
  }
  return "";
}

std::string signature_of(const SignableRequest& request) {
  const std::string value = header_of(request, "authorization");
  return value.substr(value.find("Signature=") + 10);
}

std::string signature(SignableRequest request) {
  request.headers.emplace_back("host", "examplebucket.s3.amazonaws.com");
  RequestSigner().sign(request, example_keys(), "us-east-1", midnight);
  return signature_of(request);
}

/// A GET without a range, signed by a signer that may have signed others before.
SignableRequest signed_get(RequestSigner& signer, const Credentials& keys,
                           const std::string& region, RequestSigner::Time now) {
  SignableRequest request{.method = "GET",
                          .path = "/test.txt",
                          .query = {},
                          .headers = {{"host", "examplebucket.s3.amazonaws.com"}},
                          .payload_hash = empty_payload};
  signer.sign(request, keys, region, now);
  return request;
}

TEST_CASE("the worked examples of AWS's documentation have the signatures that it gives") {
  CHECK(signature({.method = "GET",
                   .path = "/test.txt",
                   .query = {},
                   .headers = {{"range", "bytes=0-9"}},
                   .payload_hash = empty_payload}) ==
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  const std::string put_hash = sha256_hex("Welcome to Amazon S3.");
  CHECK(signature({.method = "PUT",
                   .path = "/test%24file.text",
                   .query = {},
                   .headers = {{"date", "Fri, 24 May 2013 00:00:00 GMT"},
                               {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                   .payload_hash = put_hash}) ==
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
  const std::string lifecycle = canonical_query({{"lifecycle", ""}});
  CHECK(signature({.method = "GET",
                   .path = "/",
                   .query = lifecycle,
                   .headers = {},
                   .payload_hash = empty_payload}) ==
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  const std::string list = canonical_query({{"prefix", "J"}, {"max-keys", "2"}});
  CHECK(signature({.method = "GET",
                   .path = "/",
                   .query = list,
                   .headers = {},
                   .payload_hash = empty_payload}) ==
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

// The signatures below were made by another program, of the rules in AWS's documentation.

TEST_CASE("a session token is sent and signed") {
  RequestSigner signer;
  const SignableRequest request =
      signed_get(signer, example_keys("a+token/=="), "us-east-1", midnight);
  CHECK(header_of(request, "x-amz-security-token") == "a+token/==");
  CHECK(header_of(request, "authorization")
            .find("SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,") !=
        std::string::npos);
  CHECK(signature_of(request) ==
        "617506bbc5ac7617cdb09d039b598e0731feb289c025e37c34920f5ccea7b661");
  CHECK(header_of(signed_get(signer, example_keys(), "us-east-1", midnight), "x-amz-security-token")
            .empty());
}

TEST_CASE("over midnight, requests are signed with the key of the new day") {
  RequestSigner signer;
  const RequestSigner::Time next = midnight + std::chrono::hours(24);
  const SignableRequest before =
      signed_get(signer, example_keys(), "us-east-1", next - std::chrono::seconds(1));
  CHECK(header_of(before, "x-amz-date") == "20130524T235959Z");
  CHECK(signature_of(before) == "1e98c5ba830fa9e8349232323c25ab634932415f7ca326ae10efc35f3c8990e1");
  const SignableRequest after = signed_get(signer, example_keys(), "us-east-1", next);
  CHECK(header_of(after, "x-amz-date") == "20130525T000000Z");
  CHECK(header_of(after, "authorization").find("/20130525/us-east-1/s3/aws4_request") !=
        std::string::npos);
  CHECK(signature_of(after) == "34e37fbebb1a8127e4d28b82fa70120d81581aa492bd956787ee1e5149a6d09b");
}

TEST_CASE("a key that is kept is that of one secret and one region") {
  RequestSigner signer;
  const auto with = [&](RequestSigner& by, const std::string& secret, const std::string& region) {
    Credentials keys = example_keys();
    keys.secret_key = secret;
    return signature_of(signed_get(by, keys, region, midnight));
  };
  for (const auto& [secret, region] : {std::pair("a", "us-east-1"), std::pair("b", "us-east-1"),
                                       std::pair("b", "eu-west-1"), std::pair("a", "eu-west-1")}) {
    RequestSigner fresh;
    CHECK(with(signer, secret, region) == with(fresh, secret, region));
  }
}

}  // namespace
}  // namespace penstock
