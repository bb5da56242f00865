// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/pending_contents.h"

#include "support/catch.h"
#include "unit/data/write_back/piece_of.h"

namespace penstock::test {
namespace {

using RangeKind = JournalRange::Kind;

TEST_CASE("a new file is changed from the start, an edit and a restored file are not") {
  CHECK(PendingContents(0, true).changed());
  const PendingContents edit(10, false);
  CHECK_FALSE(edit.changed());
  CHECK(edit.size() == 10);
  CHECK(edit.map().only_base());
  const PendingContents restored(
      {{.kind = RangeKind::hole, .offset = 0, .length = 5},
       {.kind = RangeKind::piece, .offset = 5, .length = 5, .piece = piece_of(5)}});
  CHECK_FALSE(restored.changed());
  CHECK(restored.size() == 10);
  CHECK(restored.promised() == 1);
}

TEST_CASE("bytes that are collected count for the size before the journal has them") {
  PendingContents contents(10, false);
  contents.collected(15);
  CHECK(contents.size() == 15);
  CHECK(contents.changed());
  CHECK(contents.map().size() == 10);
  contents.collected(12);
  CHECK(contents.size() == 15);
  contents.store(10, piece_of(5));
  CHECK(contents.map().size() == 15);
  CHECK(contents.size() == 15);
}

TEST_CASE("each change belongs to the generation that the next promise closes") {
  PendingContents contents(0, true);
  contents.store(0, piece_of(10));
  CHECK(contents.promised() == 0);
  CHECK(contents.promise() == 1);
  CHECK(contents.promised() == 1);
  CHECK_FALSE(contents.changed());
  SECTION("written bytes") { contents.store(0, piece_of(4)); }
  SECTION("a hole") { contents.punch({0, 4}); }
  SECTION("another size") {
    contents.resize(0);
    contents.resize(4);
  }
  CHECK(contents.changed());
  // What the first promise had is in the object; what came later is not.
  contents.settle(1);
  const auto ranges = contents.map().ranges({0, 4});
  REQUIRE(ranges.size() == 1);
  CHECK(ranges[0].kind != RangeKind::base);
  CHECK(contents.promise() == 2);
  contents.settle(2);
  CHECK(contents.map().only_base());
}

TEST_CASE("a file that is deleted has no changes, and keeps its bytes") {
  PendingContents contents(0, true);
  contents.store(0, piece_of(10));
  contents.disclaim();
  CHECK_FALSE(contents.changed());
  CHECK(contents.size() == 10);
  CHECK(contents.any({0, 1}));
}

TEST_CASE("the end of a file is a hole, and holes are looked for only where the map is whole") {
  PendingContents contents(0, true);
  contents.store(0, piece_of(4));
  contents.resize(10);
  contents.store(8, piece_of(2));
  CHECK(contents.seek(0, true, true) == 4);
  CHECK(contents.seek(4, false, true) == 8);
  CHECK(contents.seek(8, true, true) == 10);
  CHECK_FALSE(contents.seek(10, true, true));
  CHECK_FALSE(contents.seek(10, false, true));
  CHECK(contents.seek(4, false, false) == 4);
  CHECK(contents.seek(4, true, false) == 10);
  CHECK_FALSE(contents.seek(10, false, false));
  CHECK(contents.any({0, 10}));
  CHECK_FALSE(contents.any({4, 4}));
  CHECK(contents.any({4, 5}));
  CHECK_FALSE(contents.any({4, 0}));
}

}  // namespace
}  // namespace penstock::test
