// SPDX-License-Identifier: Apache-2.0
// What is fetched so that the cache keeps it.
#include "support/sizes.h"
#include "unit/data/read/cached_fixture.h"

namespace penstock::test {
namespace {

TEST_CASE("random reads of objects of all sizes are kept by the cache") {
  const uint64_t size = GENERATE(as<uint64_t>{}, gib, 17 * gib, 1500 * gib);
  const uint64_t granule = GENERATE(4 * kib, 16 * kib, 20 * kib);
  CAPTURE(size, granule);
  CachedFixture fixture(size, {.random_granule = granule});
  const uint64_t offset = size / 2 + 12'345;
  auto reader = fixture.open();
  const auto reply = ReadFixture::read(*reader, offset, 4096);
  fixture.serve();
  CHECK(reply->is({offset, 4096}));
  const size_t gets = fixture.store.gets.size();
  CHECK(fixture.store.gets[0]->range.length <= 1 * mib);

  reader = fixture.open();
  const auto again = ReadFixture::read(*reader, offset, 4096);
  fixture.serve();
  CHECK(again->is({offset, 4096}));
  CHECK(fixture.store.gets.size() == gets);
}

}  // namespace
}  // namespace penstock::test
