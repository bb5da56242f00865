// SPDX-License-Identifier: Apache-2.0
#include "data/write/part_memory.h"

#include "support/catch.h"
#include "unit/data/write/contents_fixture.h"

namespace penstock::test {
namespace {

/// A file of `count` parts, all in memory; eight of them may be kept.
struct PartMemoryFixture : ContentsFixture {
  explicit PartMemoryFixture(uint32_t the_count = 12)
      : count(the_count), bytes(pattern(the_count * part)) {
    WriteOptions options;
    options.single_put_size = part;
    core.emplace(WriteEngineParts{store, budget, pool, scheduler, Log::none(), uploads}, options);
    memory_of_parts.emplace(*core, *contents, parts, true);
    write(0, bytes);
  }
  void store_part(uint32_t number) {
    parts.stored(number, {.number = number, .etag = ETag("e"), .size = part});
  }
  void settle(uint32_t number, bool awaited = false, PartMemory::Phase phase = {}) {
    Deferred after;
    store_part(number);
    memory_of_parts->settle(number, awaited, phase, after);
  }
  bool has(uint32_t number, Source source) const { return is(layout->range(number), source); }

  const uint32_t count;
  const std::string bytes;
  PartTable parts;
  std::optional<WriteCore> core;
  std::optional<PartMemory> memory_of_parts;
};

TEST_CASE("stored parts are kept while there is room; then the oldest but the first goes to disk",
          "[parts]") {
  PartMemoryFixture file;
  for (uint32_t number = 1; number <= 8; ++number) file.settle(number);
  CHECK(file.memory_of_parts->next_move(false) == nullptr);
  file.settle(9);
  const auto job = file.memory_of_parts->next_move(false);
  REQUIRE(job != nullptr);
  CHECK(job->range.offset == part);  // the second part: headers are in the first
  CHECK(file.memory_of_parts->writes({part + 1, 1}));
  CHECK_FALSE(file.memory_of_parts->writes({0, part}));
  CHECK(file.memory_of_parts->next_move(false) == nullptr);  // one at a time
  REQUIRE(job->run(""));
  job->pieces.clear();
  Deferred after;
  CHECK_FALSE(file.memory_of_parts->moved(*job, true, false, after));
  CHECK(file.has(2, Source::staged));
  CHECK(file.has(1, Source::memory));
  CHECK(file.has(9, Source::memory));
  CHECK(file.staged({part, part}) == file.bytes.substr(part, part));
}

TEST_CASE("where the disk fails the part is had from the upload alone, and no other is tried",
          "[parts]") {
  PartMemoryFixture file;
  for (uint32_t number = 1; number <= 9; ++number) file.settle(number);
  const auto job = file.memory_of_parts->next_move(false);
  REQUIRE(job != nullptr);
  Deferred after;
  CHECK(file.memory_of_parts->moved(*job, false, false, after));
  CHECK(file.has(2, Source::sent));
  file.settle(10);
  CHECK(file.memory_of_parts->next_move(false) == nullptr);
  CHECK(file.has(3, Source::sent));
}

TEST_CASE("a part that has changed since is not moved", "[parts]") {
  PartMemoryFixture file;
  for (uint32_t number = 1; number <= 9; ++number) file.settle(number);
  file.parts.touch(2);
  CHECK(file.memory_of_parts->next_move(false) == nullptr);
  CHECK(file.has(2, Source::memory));
}

TEST_CASE("a part that a waiting change touches is kept beyond the allowance", "[parts]") {
  PartMemoryFixture file;
  for (uint32_t number = 1; number <= 8; ++number) file.settle(number);
  file.settle(9, true);
  CHECK(file.memory_of_parts->next_move(false) == nullptr);
  CHECK(file.has(9, Source::memory));
}

TEST_CASE(
    "during a commit nothing is moved to the disk, for the object will have it; but what "
    "somebody reads is",
    "[parts]") {
  PartMemoryFixture file;
  const bool read = GENERATE(false, true);
  if (read) file.memory_of_parts->expect_reads();
  for (uint32_t number = 1; number <= 9; ++number)
    file.settle(number, false, {.committing = true, .abandoned = false});
  const auto job = file.memory_of_parts->next_move(false);
  CHECK((job != nullptr) == read);
  CHECK(file.has(2, read ? Source::memory : Source::sent));
  if (!read) return;
  Deferred after;
  file.memory_of_parts->moved(*job, false, true, after);
}

TEST_CASE("memory that is short takes the idle part with the most bytes in it", "[parts]") {
  PartMemoryFixture file(3);
  {
    Deferred after;
    file.contents->make_hole({0, part / 2}, after);
  }
  file.parts.touch(1);
  file.parts.touch(2);
  file.store_part(3);
  CHECK(file.memory_of_parts->spillable({}) == part + part / 2);
  CHECK(file.memory_of_parts->spillable({.committing = true, .abandoned = false}) == 0);
  const auto job = file.memory_of_parts->next_spill({});
  REQUIRE(job != nullptr);
  CHECK(job->range.offset == part);
  CHECK(file.memory_of_parts->spilling());
  CHECK(file.memory_of_parts->next_spill({}) == nullptr);
  REQUIRE(job->run(""));
  job->pieces.clear();
  Deferred after;
  file.memory_of_parts->spilled(*job, true, false, after);
  CHECK(file.has(2, Source::staged));
  CHECK(file.memory_of_parts->idle());
}

}  // namespace
}  // namespace penstock::test
