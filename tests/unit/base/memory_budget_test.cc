// SPDX-License-Identifier: Apache-2.0
#include "base/memory_budget.h"

#include "support/catch.h"
#include "support/sizes.h"

namespace penstock {
namespace {

using test::mib;
using Use = MemoryBudget::Use;

TEST_CASE("read-ahead gets three quarters and never waits") {
  MemoryBudget budget(64 * mib);
  auto most = budget.try_reserve(Use::read_ahead, 48 * mib);
  REQUIRE(most);
  CHECK_FALSE(budget.try_reserve(Use::read_ahead, 1));
  CHECK(budget.used() == 48 * mib);
  most->release();
  CHECK(budget.used() == 0);
}

TEST_CASE("a writer waits until memory comes back, in order") {
  MemoryBudget budget(64 * mib);
  Reservation held = *budget.try_reserve(Use::write, 56 * mib);
  std::vector<int> order;
  std::vector<Reservation> got;
  budget.reserve(Use::write, 8 * mib,
                 [&](Reservation r) { order.push_back(1), got.push_back(std::move(r)); });
  budget.reserve(Use::write, 1 * mib,
                 [&](Reservation r) { order.push_back(2), got.push_back(std::move(r)); });
  CHECK(order.empty());
  CHECK(budget.under_pressure());
  held.split(8 * mib).release();
  CHECK(order == std::vector<int>{1});
  held.release();
  CHECK(order == std::vector<int>{1, 2});
  CHECK(budget.used() == 9 * mib);
}

TEST_CASE("demand overdraws by a sixteenth and comes before writers") {
  MemoryBudget budget(64 * mib);
  std::vector<int> order;
  Reservation dirty = *budget.try_reserve(Use::write, 56 * mib);
  Reservation ahead = *budget.try_reserve(Use::read_ahead, 8 * mib);
  CHECK(budget.try_reserve(Use::demand, 4 * mib));
  budget.reserve(Use::write, 8 * mib, [&](Reservation) { order.push_back(1); });
  budget.reserve(Use::demand, 8 * mib, [&](Reservation) { order.push_back(2); });
  CHECK(order.empty());
  ahead.release();
  CHECK(order == std::vector<int>{2});
  dirty.release();
  CHECK(order == std::vector<int>{2, 1});
}

TEST_CASE("reclaimers are asked before anyone waits") {
  MemoryBudget budget(16 * mib);
  Reservation idle = *budget.try_reserve(Use::read_ahead, 12 * mib);
  auto reclaimer = std::make_shared<MemoryBudget::Reclaimer>([&](uint64_t) { idle.release(); });
  budget.add_reclaimer(reclaimer);
  bool granted = false;
  budget.reserve(Use::write, 14 * mib, [&](Reservation) { granted = true; });
  CHECK(granted);
  budget.remove_reclaimer(reclaimer);
}

TEST_CASE("one request over its share is granted when it is alone") {
  MemoryBudget budget(16 * mib);
  bool granted = false;
  budget.reserve(Use::write, 15 * mib, [&](Reservation r) { granted = r.bytes() == 15 * mib; });
  CHECK(granted);
}

}  // namespace
}  // namespace penstock
