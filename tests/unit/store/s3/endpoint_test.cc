// SPDX-License-Identifier: Apache-2.0
#include "store/s3/endpoint.h"

#include "support/catch.h"

namespace penstock {
namespace {

std::string origin_of(const Endpoint::Choice& choice) {
  const Result<Endpoint> endpoint = Endpoint::choose(choice);
  return endpoint ? endpoint->origin() : std::string(endpoint.error().message());
}

bool says(const Endpoint::Choice& choice, const std::string& part) {
  const std::string told = origin_of(choice);
  CAPTURE(told);
  return told.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("AWS's servers with IPv6, with FIPS cryptography and close by are those of the region") {
  const std::string region = "eu-west-1";
  CHECK(origin_of({.bucket = "buck", .url = {}, .region = region, .dual_stack = true}) ==
        "https://buck.s3.dualstack.eu-west-1.amazonaws.com");
  CHECK(origin_of({.bucket = "buck", .url = {}, .region = "us-west-2", .fips = true}) ==
        "https://buck.s3-fips.us-west-2.amazonaws.com");
  CHECK(
      origin_of(
          {.bucket = "buck", .url = {}, .region = "us-west-2", .dual_stack = true, .fips = true}) ==
      "https://buck.s3-fips.dualstack.us-west-2.amazonaws.com");
  CHECK(origin_of({.bucket = "buck", .url = {}, .region = region, .accelerate = true}) ==
        "https://buck.s3-accelerate.amazonaws.com");
  CHECK(origin_of({.bucket = "buck",
                   .url = {},
                   .region = region,
                   .dual_stack = true,
                   .accelerate = true}) == "https://buck.s3-accelerate.dualstack.amazonaws.com");
  CHECK(origin_of({.bucket = "buck", .url = {}, .region = "cn-north-1", .dual_stack = true}) ==
        "https://buck.s3.dualstack.cn-north-1.amazonaws.com.cn");
}

TEST_CASE("a bucket that turns out to be in another region is looked for on servers of that kind") {
  const auto moved = [](Endpoint::Choice choice) {
    const Endpoint there = Endpoint::choose(choice)->in_region("eu-west-1");
    CHECK(there.region() == "eu-west-1");
    return there.origin();
  };
  CHECK(moved({.bucket = "buck", .url = {}, .region = {}, .dual_stack = true}) ==
        "https://buck.s3.dualstack.eu-west-1.amazonaws.com");
  CHECK(moved({.bucket = "buck", .url = {}, .region = {}, .accelerate = true}) ==
        "https://buck.s3-accelerate.amazonaws.com");
}

TEST_CASE("servers that AWS does not have are refused with a reason") {
  CHECK(says({.bucket = "buck", .url = "http://host:9000", .region = {}, .dual_stack = true},
             "--dual-stack chooses among AWS's servers, but the endpoint http://host:9000"));
  CHECK(says({.bucket = "buck", .url = "http://host:9000", .region = {}, .fips = true}, "--fips"));
  CHECK(says({.bucket = "buck", .url = "http://host:9000", .region = {}, .accelerate = true},
             "--accelerate chooses"));
  CHECK(says({.bucket = "buck", .url = {}, .region = {}, .fips = true, .accelerate = true},
             "exclude one another"));
  CHECK(
      says({.bucket = "buck", .url = {}, .region = "cn-north-1", .fips = true}, "no such servers"));
  CHECK(says({.bucket = "buck", .url = {}, .region = "cn-north-1", .accelerate = true},
             "no such servers"));
  CHECK(says({.bucket = "b.uck", .url = {}, .region = {}, .accelerate = true}, "has dots"));
  CHECK(says({.bucket = "buck",
              .url = {},
              .region = {},
              .path_style = StoreOptions::PathStyle::always,
              .accelerate = true},
             "not --path-style=always"));
}

TEST_CASE("a bucket is named in the host of AWS's servers, and in the path of others") {
  const auto automatic = [](const std::string& url, const std::string& bucket) {
    return Endpoint::choose({.bucket = bucket, .url = url, .region = {}});
  };
  CHECK(automatic("", "buck")->host() == "buck.s3.us-east-1.amazonaws.com");
  CHECK(automatic("", "buck")->path("a b/c") == "/a%20b/c");
  CHECK(automatic("http://host:9000/base/", "buck")->host() == "host:9000");
  CHECK(automatic("http://host:9000/base/", "buck")->path("k") == "/base/buck/k");
  CHECK(automatic("http://host:9000", "buck")->path("") == "/buck");
  // Its certificates would not fit.
  CHECK(automatic("", "b.uck")->host() == "s3.us-east-1.amazonaws.com");
  CHECK(automatic("", "b.uck")->path("k") == "/b.uck/k");
  CHECK(automatic("HTTPS://Host:443", "buck")->base_url() == "https://host");
  CHECK(automatic("http://host:443", "buck")->base_url() == "http://host:443");
  CHECK(automatic("https://s3.eu-west-1.amazonaws.com", "buck")->region() == "eu-west-1");
  CHECK(automatic("https://s3.cn-north-1.amazonaws.com.cn", "buck")->region() == "cn-north-1");
  CHECK(automatic("https://minio.example", "buck")->region() == "us-east-1");
}

TEST_CASE("what can be no endpoint, bucket or region is refused") {
  for (const char* url : {"host", "ftp://host", "http://", "http://u@host", "http://host?q",
                          "http://host#f", "http://ho st"})
    CHECK(Endpoint::choose({.bucket = "buck", .url = url, .region = {}}).code() ==
          Code::invalid_argument);
  for (const char* bucket : {"", "a/b", "a?b", "a b"})
    CHECK(Endpoint::choose({.bucket = bucket, .url = {}, .region = {}}).code() ==
          Code::invalid_argument);
  CHECK(Endpoint::choose({.bucket = "buck", .url = {}, .region = "eu west"}).code() ==
        Code::invalid_argument);
}

TEST_CASE("a redirect is followed to another host and region, but not out of encryption") {
  const Endpoint here = *Endpoint::choose({.bucket = "buck", .url = {}, .region = {}});
  const auto named = here.at_location("https://buck.s3.eu-west-1.amazonaws.com/key?a=b");
  REQUIRE(named);
  CHECK(named->host() == "buck.s3.eu-west-1.amazonaws.com");
  CHECK(named->region() == "eu-west-1");
  CHECK(named->path("k") == "/k");
  const auto in_path = here.at_location("https://s3.eu-west-1.amazonaws.com/buck/key");
  REQUIRE(in_path);
  CHECK(in_path->host() == "s3.eu-west-1.amazonaws.com");
  CHECK(in_path->path("k") == "/buck/k");
  CHECK(here.at_location("http://buck.s3.eu-west-1.amazonaws.com/").code() ==
        Code::invalid_argument);
  CHECK(here.at_location("/elsewhere").code() == Code::invalid_argument);
  CHECK(here.at_host("s3.eu-north-1.amazonaws.com")->region() == "eu-north-1");
  // A name that cannot be a region leads nowhere.
  CHECK(here.in_region("eu/../west").region() == here.region());
  const Endpoint other =
      *Endpoint::choose({.bucket = "buck", .url = "http://host:9000", .region = {}});
  CHECK(other.in_region("eu-west-1").host() == "host:9000");
  CHECK(other.in_region("eu-west-1").region() == "eu-west-1");
}

}  // namespace penstock
