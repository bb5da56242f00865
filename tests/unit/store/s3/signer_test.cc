// SPDX-License-Identifier: Apache-2.0
#include "store/s3/signer.h"

#include "store/s3/uri.h"
#include "support/catch.h"

namespace penstock {
namespace {

/// The request signed at midnight of 24 May 2013, as in all examples of AWS's documentation.
std::string signature(SignableRequest request) {
  const Credentials keys{.access_key = "AKIAIOSFODNN7EXAMPLE",
                         .secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                         .session_token = {}};
  request.headers.emplace_back("host", "examplebucket.s3.amazonaws.com");
  RequestSigner().sign(request, keys, "us-east-1",
                       RequestSigner::Time(std::chrono::seconds(1'369'353'600)));
  for (const auto& [name, value] : request.headers) {
    if (name == "authorization") return value.substr(value.find("Signature=") + 10);
  }
  return "";
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

}  // namespace
}  // namespace penstock
