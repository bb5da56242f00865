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

TEST_CASE("what arrives in any pieces is kept with its checksums") {
  const uint64_t size = GENERATE(as<uint64_t>{}, 300 * kib + 1, 5 * mib + 100, 17 * gib);
  const uint64_t step = GENERATE(as<uint64_t>{}, 1000, 16 * kib, 300 * kib + 7);
  CAPTURE(size, step);
  CachedFixture fixture(size);
  const uint64_t offset = size / 3;
  auto reader = fixture.open();
  const auto reply = ReadFixture::read(*reader, offset, 128 * kib);
  fixture.serve(step);
  CHECK(reply->is({offset, 128 * kib}));
  reader.reset();
  const size_t gets = fixture.store.gets.size();
  CHECK(fixture.cache->verify([](const auto&) { return true; }).damaged_chunks == 0);
  CHECK(fixture.cache->stats().stored > 0);
  reader = fixture.open();
  const auto again = ReadFixture::read(*reader, offset, 128 * kib);
  fixture.serve(step);
  CHECK(again->is({offset, 128 * kib}));
  CHECK(fixture.store.gets.size() == gets);
}

}  // namespace
}  // namespace penstock::test
