// SPDX-License-Identifier: Apache-2.0
#include "data/read/shed_order.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "support/catch.h"

namespace penstock {
namespace {

using Level = Shedder::Level;

/// Has some bytes of each kind, and counts how often it is asked.
class FakeReader final : public Shedder {
 public:
  FakeReader(uint64_t idle_bytes, uint64_t ahead_bytes) : idle(idle_bytes), ahead(ahead_bytes) {}

  uint64_t shed(uint64_t wanted, Level level) override {
    ++asked;
    uint64_t& kept = level == Level::idle ? idle : ahead;
    const uint64_t freed = std::min(kept, wanted);
    kept -= freed;
    if (after_shed) after_shed();
    return freed;
  }
  void sweep(Scheduler::Time) override { ++swept; }

  uint64_t idle;
  uint64_t ahead;
  int asked = 0;
  int swept = 0;
  std::function<void()> after_shed;
};

struct World {
  /// So many readers, used in this order.
  World(size_t count, uint64_t idle, uint64_t ahead) {
    for (size_t i = 0; i < count; ++i) {
      readers.push_back(std::make_shared<FakeReader>(idle, ahead));
      order.add(readers.back());
      order.used(*readers.back());
    }
  }
  int asked() const {
    int sum = 0;
    for (const auto& reader : readers) sum += reader->asked;
    return sum;
  }

  ShedOrder order;
  std::vector<std::shared_ptr<FakeReader>> readers;
};

TEST_CASE("who was used longest ago gives up memory first, what is idle before what is ahead") {
  World world(3, 10, 10);
  world.order.used(*world.readers[0]);
  world.order.reclaim(15);
  CHECK(world.readers[1]->idle == 0);
  CHECK(world.readers[2]->idle == 5);
  CHECK(world.readers[0]->idle == 10);
  world.order.reclaim(20);
  CHECK(world.readers[2]->idle == 0);
  CHECK(world.readers[0]->idle == 0);
  CHECK(world.readers[1]->ahead == 5);
  CHECK(world.readers[2]->ahead == 10);
}

TEST_CASE("an answered read under pressure asks few readers, however many there are") {
  constexpr int count = 1000;
  World world(count, 1, 0);
  world.order.reclaim(UINT64_MAX);
  CHECK(world.asked() == 2 * count);
  for (int i = 0; i < count; ++i) {
    FakeReader& reader = *world.readers[static_cast<size_t>(i)];
    reader.idle = i % 2;
    world.order.used(reader);
    world.order.reclaim(1);
  }
  // Of two in a row the first has nothing, of neither kind.
  CHECK(world.asked() <= 2 * count + 3 * count);
  const int before = world.asked();
  for (int i = 0; i < count; ++i) world.order.reclaim(100);
  CHECK(world.asked() - before <= 2 * count);
}

TEST_CASE("a use while a reader is asked is not forgotten") {
  World world(1, 0, 0);
  FakeReader& reader = *world.readers[0];
  reader.after_shed = [&] {
    reader.after_shed = nullptr;
    reader.idle = 1;
    world.order.used(reader);
  };
  world.order.reclaim(1);
  CHECK(reader.idle == 0);
}

TEST_CASE("what time has made idle is found after a sweep") {
  World world(2, 0, 0);
  world.order.reclaim(1);
  world.readers[0]->idle = 1;
  world.order.reclaim(1);
  CHECK(world.readers[0]->idle == 1);
  CHECK(world.order.sweep({}));
  CHECK(world.readers[1]->swept == 1);
  world.order.reclaim(1);
  CHECK(world.readers[0]->idle == 0);
}

TEST_CASE("a reader that is closed is not asked") {
  World world(2, 5, 5);
  world.order.remove(*world.readers[0]);
  world.order.used(*world.readers[0]);
  world.order.reclaim(100);
  CHECK(world.readers[0]->asked == 0);
  CHECK(world.readers[1]->ahead == 0);
  world.order.remove(*world.readers[1]);
  CHECK_FALSE(world.order.sweep({}));
}

}  // namespace
}  // namespace penstock
