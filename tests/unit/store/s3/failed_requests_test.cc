// SPDX-License-Identifier: Apache-2.0
#include "store/s3/failed_requests.h"

#include "support/catch.h"

namespace penstock {
namespace {

TEST_CASE("each failure of a key is good for one fresh connection") {
  FailedRequests failed;
  CHECK_FALSE(failed.take("a"));
  failed.failed("a");
  failed.failed("a");
  CHECK_FALSE(failed.take("b"));
  CHECK(failed.take("a"));
  CHECK(failed.take("a"));
  CHECK_FALSE(failed.take("a"));
}

TEST_CASE("a request that ran out of time gets twice as much until it is answered") {
  FailedRequests failed;
  CHECK_FALSE(failed.any_slow());
  // Several at a time that had the same.
  for (int i = 0; i < 3; ++i) failed.timed_out("GET list", 0);
  CHECK(failed.any_slow());
  CHECK(failed.doublings("GET list") == 1);
  CHECK(failed.doublings("GET k") == 0);
  failed.timed_out("GET list", 1);
  failed.timed_out("GET list", 0);
  CHECK(failed.doublings("GET list") == 2);
  for (uint32_t i = 0; i < 100; ++i) failed.timed_out("GET list", failed.doublings("GET list"));
  CHECK(failed.doublings("GET list") == FailedRequests::most_doublings);
  failed.answered("GET list");
  CHECK_FALSE(failed.any_slow());
}

}  // namespace
}  // namespace penstock
