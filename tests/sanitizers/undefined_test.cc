// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "sanitizers/faults.h"

namespace penstock::test {
namespace {

TEST_CASE("overflow a signed number", "[.]") {
  volatile int number = std::numeric_limits<int>::max();
  number = number + 1;
}

TEST_CASE("shift by too much", "[.]") {
  volatile int bits = 64;
  [[maybe_unused]] const volatile int shifted = 1 << bits;
}

TEST_CASE("UndefinedBehaviorSanitizer is on") {
  must_be_caught("overflow a signed number", "runtime error: signed integer overflow");
  must_be_caught("shift by too much", "runtime error: shift exponent 64 is too large");
}

}  // namespace
}  // namespace penstock::test
