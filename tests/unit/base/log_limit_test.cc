// SPDX-License-Identifier: Apache-2.0
#include "base/log_limit.h"

#include "support/catch.h"

namespace penstock {
namespace {

TEST_CASE("of a kind of message as many are let through as a person can read") {
  LogLimit limit;
  LogLimit::Clock::time_point now = LogLimit::Clock::now();
  for (int i = 0; i < LogLimit::at_once; ++i) CHECK(limit.admit(now) == 0U);
  CHECK_FALSE(limit.admit(now));
  CHECK_FALSE(limit.admit(now));
  now += LogLimit::each;
  CHECK(limit.admit(now) == 2U);
  CHECK_FALSE(limit.admit(now));
  now += std::chrono::hours(1);
  for (int i = 0; i < LogLimit::at_once; ++i) CHECK(limit.admit(now).has_value());
  CHECK_FALSE(limit.admit(now));
}

}  // namespace
}  // namespace penstock
