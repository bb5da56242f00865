// SPDX-License-Identifier: Apache-2.0
#include "fs/names/compact_etag.h"

#include "support/catch.h"

namespace penstock {
namespace {

constexpr const char* sum = "0123456789abcdef00ff10204080c0e1";

TEST_CASE("ETags of the usual form come back from 18 bytes as they were given") {
  STATIC_REQUIRE(sizeof(CompactEtag) == 18);
  for (const std::string& etag :
       {std::string(), std::string(sum), std::string(sum) + "-1", std::string(sum) + "-10000"}) {
    CAPTURE(etag);
    const auto compact = CompactEtag::of(etag);
    REQUIRE(compact);
    CHECK(compact->text() == etag);
  }
  CHECK(CompactEtag() == *CompactEtag::of(""));
  CHECK_FALSE(*CompactEtag::of(sum) == *CompactEtag::of(std::string(sum) + "-1"));
  CHECK_FALSE(*CompactEtag::of("") == *CompactEtag::of("00000000000000000000000000000000"));
}

TEST_CASE("ETags of another form have no compact one") {
  const std::string text(sum);
  for (const std::string& etag :
       {std::string("f12"), text.substr(1), text + "0", text + "-", text + "-x", text + "-01",
        text + "-0", text + "-10001", text + "-99999999999", text + "-1 ", text + "- 1",
        text + "--1", "A" + text.substr(1), "g" + text.substr(1), '"' + text + '"'}) {
    CAPTURE(etag);
    CHECK_FALSE(CompactEtag::of(etag));
  }
}

}  // namespace
}  // namespace penstock
