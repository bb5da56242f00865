// SPDX-License-Identifier: Apache-2.0
#include "data/write/writer_contents.h"

#include "support/catch.h"
#include "unit/data/write/contents_fixture.h"

namespace penstock::test {
namespace {

TEST_CASE("what is written is in memory, and what is skipped is a hole", "[contents]") {
  ContentsFixture file;
  file.write(10, "abc");
  CHECK(file.contents->size() == 13);
  CHECK(file.is({0, 10}, Source::hole));
  CHECK(file.is({10, 3}, Source::memory));
  CHECK(file.in_memory({10, 3}) == "abc");
  CHECK(file.contents->seek(0, false) == 10);
  CHECK(file.contents->seek(10, true) == 13);
  CHECK_FALSE(file.contents->seek(13, true).has_value());
}

TEST_CASE("a file that is cut off keeps less of its base, also when it grows again", "[contents]") {
  ContentsFixture file;
  file.contents->start_from_base(5 * part);
  Deferred after;
  file.contents->resize(2 * part, after);
  file.contents->resize(4 * part, after);
  CHECK(file.contents->base_limit() == 2 * part);
  CHECK(file.is({0, 2 * part}, Source::base));
  CHECK(file.is({2 * part, 2 * part}, Source::hole));
  CHECK(file.contents->clip(4).length == part);
  CHECK(file.contents->clip(5).length == 0);
}

TEST_CASE("a hole gives memory back, but not that of the bytes behind it", "[contents]") {
  ContentsFixture file;
  const std::string bytes = pattern(3 * part);
  file.write(0, bytes);
  {
    Deferred after;
    // Up to the middle of the last block.
    CHECK(file.contents->make_hole({0, 2 * part + 100}, after));
  }
  CHECK(file.budget.used() < 2 * part);
  CHECK(file.in_memory({2 * part + 100, 50}) == bytes.substr(2 * part + 100, 50));
  Deferred after;
  CHECK_FALSE(file.contents->make_hole({0, part}, after));
}

TEST_CASE("what a job has written to the disk is had from there, and its memory is free",
          "[contents]") {
  ContentsFixture file;
  const std::string bytes = pattern(2 * part);
  file.write(0, bytes);
  const auto job = file.contents->job({part, part});
  REQUIRE(job->run(""));
  CHECK(file.is({part, part}, Source::memory));  // nobody has said so yet
  job->pieces.clear();
  REQUIRE(file.contents->current(*job));
  {
    Deferred after;
    file.contents->staged(*job, after);
  }
  CHECK(file.is({0, part}, Source::memory));
  CHECK(file.is({part, part}, Source::staged));
  CHECK(file.staged({part, part}) == bytes.substr(part));
  CHECK(file.budget.used() <= part + 4 * kib);
}

TEST_CASE("a job from before the object was stored is of no use any more", "[contents]") {
  ContentsFixture file;
  file.write(0, pattern(part));
  const auto job = file.contents->job({0, part});
  Deferred after;
  file.contents->became_object(after);
  CHECK_FALSE(file.contents->current(*job));
}

TEST_CASE("when the object is stored it has what the upload and the disk had", "[contents]") {
  ContentsFixture file;
  file.write(0, pattern(3 * part));
  Deferred after;
  const auto job = file.contents->job({0, part});
  REQUIRE(job->run(""));
  file.contents->staged(*job, after);
  file.contents->let_go({part, part}, Source::sent, after);
  file.contents->became_object(after);
  CHECK(file.is({0, 2 * part}, Source::base));
  CHECK(file.is({2 * part, part}, Source::memory));
  CHECK(file.contents->staging() == nullptr);
  CHECK(file.contents->base_limit() == 3 * part);
}

TEST_CASE("bytes of the base are fetched around what was written, a few blocks at a time",
          "[contents]") {
  ContentsFixture file;
  file.contents->start_from_base(4 * part);
  const uint64_t block = file.layout->block_size();
  file.write(0, "new");
  const ByteRange piece = file.contents->next_of_base({0, 4 * part}, 2);
  CHECK(piece.offset == 3);
  CHECK(piece.end() == std::min<uint64_t>(2 * block, 4 * part));
  const std::string base = pattern(piece.length);
  for (const bool failed : {true, false}) {
    Deferred after;
    auto memory =
        file.budget.try_reserve(MemoryBudget::Use::write, file.contents->memory_for(piece));
    REQUIRE(memory);
    const auto sink = file.contents->open_for(piece, std::move(*memory), after);
    CHECK(sink->write(piece.offset, std::as_bytes(std::span(base))));
    file.contents->arrived(piece, failed);
    CHECK(file.is(piece, failed ? Source::base : Source::memory));
  }
  CHECK(file.in_memory({0, 3}) == "new");
  CHECK(file.in_memory(piece) == base);
}

}  // namespace
}  // namespace penstock::test
