// SPDX-License-Identifier: Apache-2.0
// How many round trips, one after the other, and how many bytes a small change of a large file
// costs.
#include "unit/data/write/write_fixture.h"

namespace penstock::test {
namespace {

/// Commits; how many times something was waited for.
uint32_t round_trips_of_commit(WriteFixture& fixture, FileWriter& file) {
  fixture.store.hold("");
  const auto committed = fixture.begin_commit(file);
  uint32_t round_trips = 0;
  fixture.run();
  while (!committed->has_value()) {
    REQUIRE(fixture.store.held() > 0);
    ++round_trips;
    fixture.store.release_all();
    fixture.store.hold("");
    fixture.run();
  }
  fixture.store.release_all();
  CHECK(committed->value());
  return round_trips;
}

uint64_t fetched(const MemoryStore& memory) {
  uint64_t bytes = 0;
  for (const LoggedRequest& request : memory.requests()) {
    if (request.operation == "Get") bytes += request.range->length;
  }
  return bytes;
}

TEST_CASE("an append to a file of 128 parts, and its fsync, takes four round trips") {
  WriteFixture fixture(64 * mib, WriteOptions().parts_in_flight);
  std::string bytes = pattern(128 * part - 100);
  fixture.memory.set("log", bytes);
  auto file = fixture.edit("log");
  for (int i = 0; i < 3; ++i) {
    fixture.memory.clear_requests();
    const std::string line = pattern(kib, static_cast<uint64_t>(i));
    CHECK(fixture.append(*file, line));
    bytes += line;
    CHECK(round_trips_of_commit(fixture, *file) <= 4);
    CHECK(fixture.stored("log") == bytes);
    CHECK(fixture.memory.count("UploadPart") <= 2);
    CHECK(fetched(fixture.memory) <= part);
  }
  fixture.close(file);
}

TEST_CASE("an edit in the middle fetches the rest of its part at once, and nothing else",
          "[one-thread]") {
  constexpr uint64_t large = 8 * mib;
  WriteFixture fixture(64 * mib, WriteOptions().parts_in_flight, large);
  std::string bytes = pattern(6 * large);
  fixture.memory.set("f", bytes);
  auto file = fixture.edit("f");
  const std::string edit = pattern(64 * kib, 2);
  const uint64_t offset = 2 * large + 3 * mib + 77;
  CHECK(fixture.write(*file, offset, edit));
  bytes.replace(offset, edit.size(), edit);
  CHECK(round_trips_of_commit(fixture, *file) <= 4);
  CHECK(fixture.stored("f") == bytes);
  CHECK(fixture.memory.count("UploadPart") == 1);
  CHECK(fixture.memory.count("UploadPartCopy") == 5);
  CHECK(fetched(fixture.memory) == large - edit.size());
  fixture.close(file);
}

}  // namespace
}  // namespace penstock::test
