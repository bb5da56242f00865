// SPDX-License-Identifier: Apache-2.0
// Large objects of which the store says, late, that bytes of them came wrong.
#include "support/catch.h"
#include "unit/data/read/cached_fixture.h"

namespace penstock {
namespace {

using namespace penstock::test;

const Error wrong(Code::corrupt, "not the bytes of the checksum");

uint64_t cached(CachedFixture& fixture, ObjectReader& reader) {
  uint64_t present = UINT64_MAX;
  reader.cache_share(
      [&](const Result<CacheShare>& share) { present = share->present + share->coming; });
  fixture.scheduler->run();
  return present;
}

/// Reads the first 2 MiB well; then nobody waits for anything.
std::shared_ptr<ObjectReader> begun(CachedFixture& fixture) {
  std::shared_ptr<ObjectReader> reader = fixture.open();
  const auto reply = ReadFixture::read(*reader, 0, 2 * mib);
  fixture.serve();
  REQUIRE(reply->is({0, 2 * mib}));
  return reader;
}

/// Fails the first get that is in flight.
void fail_one(CachedFixture& fixture) {
  for (size_t i = 0; i < fixture.store.gets.size(); ++i) {
    if (!fixture.store.gets[i]->finished) return fixture.store.fail(i, wrong);
  }
  FAIL("nothing is in flight");
}

TEST_CASE("What came of a version is distrusted once a get of it was wrong") {
  CachedFixture fixture(64 * mib);
  const std::shared_ptr<ObjectReader> reader = begun(fixture);
  REQUIRE(cached(fixture, *reader) >= 2 * mib);
  const auto far = ReadFixture::read(*reader, 40 * mib, mib);
  const auto other = ReadFixture::read(*reader, 50 * mib, mib);
  fixture.scheduler->run();
  fail_one(fixture);
  fixture.scheduler->run();
  CHECK(far->code() == Code::corrupt);
  CHECK(other->code() == Code::corrupt);
  CHECK(fixture.store.in_flight() <= 1);

  SECTION("its reader reads no more") {
    const size_t asked = fixture.store.gets.size();
    for (const uint64_t offset : {0 * mib, mib, 40 * mib, 60 * mib}) {
      const auto reply = ReadFixture::read(*reader, offset, 4096);
      fixture.scheduler->run();
      REQUIRE(reply->arrived());
      CHECK(reply->code() == Code::corrupt);
    }
    CHECK(fixture.store.gets.size() == asked);
  }
  SECTION("the cache has forgotten it, also for who opens it now") {
    CHECK(cached(fixture, *reader) == 0);
    const std::shared_ptr<ObjectReader> second = fixture.open();
    const size_t asked = fixture.store.gets.size();
    const auto reply = ReadFixture::read(*second, 0, mib);
    fixture.serve();
    CHECK(reply->is({0, mib}));
    CHECK(fixture.store.gets.size() > asked);
  }
}

TEST_CASE("What is written to the cache while its object is distrusted is not there afterwards") {
  CachedFixture fixture(64 * mib);
  std::shared_ptr<ObjectReader> reader = fixture.open();
  const auto reply = ReadFixture::read(*reader, 0, mib);
  const auto far = ReadFixture::read(*reader, 40 * mib, mib);
  fixture.scheduler->run();
  // Bytes have come, and wait for the cache's disk.
  for (size_t i = 0; i < fixture.store.gets.size(); ++i)
    if (fixture.store.gets[i]->range.offset < 40 * mib) fixture.store.serve(i);
  REQUIRE(reply->is({0, mib}));
  fail_one(fixture);
  fixture.scheduler->run();
  CHECK(far->code() == Code::corrupt);
  CHECK(cached(fixture, *reader) == 0);
  reader.reset();
  fixture.scheduler->run();
  reader = fixture.open();
  const size_t asked = fixture.store.gets.size();
  const auto again = ReadFixture::read(*reader, 0, mib);
  fixture.serve();
  CHECK(again->is({0, mib}));
  CHECK(fixture.store.gets.size() > asked);
  CHECK(cached(fixture, *reader) >= mib);  // Kept again: nobody has the old file open.
}

TEST_CASE("A small object that came wrong is fetched again by its next read") {
  CachedFixture fixture(100'000);
  const std::shared_ptr<ObjectReader> reader = fixture.open();
  const auto reply = ReadFixture::read(*reader, 0, 1000);
  fixture.scheduler->run();
  fail_one(fixture);
  CHECK(reply->code() == Code::corrupt);
  const auto again = ReadFixture::read(*reader, 0, 1000);
  fixture.serve();
  CHECK(again->is({0, 1000}));
}

}  // namespace
}  // namespace penstock
