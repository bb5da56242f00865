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

}  // namespace penstock
