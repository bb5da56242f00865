// SPDX-License-Identifier: Apache-2.0
#include "base/gate.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

using namespace penstock;

TEST_CASE("a gate that closes lets those out who are inside, and nobody in") {
  Gate gate;
  std::optional<Gate::Pass> inside = gate.pass_if_open();
  REQUIRE(inside.has_value());
  std::atomic<bool> left = false;
  std::jthread leaver([&] {
    // It has begun to close once it refuses.
    while (gate.pass_if_open()) std::this_thread::yield();
    left = true;
    inside.reset();
  });
  gate.close();
  CHECK(left);
  CHECK_FALSE(gate.pass_if_open().has_value());
}
