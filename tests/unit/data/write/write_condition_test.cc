// SPDX-License-Identifier: Apache-2.0
#include "data/write/write_condition.h"

#include "support/catch.h"

namespace penstock::test {
namespace {

using Way = WriteCondition::Way;

bool none(const Precondition& condition) {
  return !condition.if_none_match && condition.if_match.empty();
}
bool free_only(const Precondition& condition) {
  return condition.if_none_match && condition.if_match.empty();
}
bool only(const Precondition& condition, const ETag& version) {
  return !condition.if_none_match && condition.if_match == version;
}

TEST_CASE("of a new file that is stored at close the last close wins") {
  WriteCondition condition(Way::at_close);
  CHECK(none(condition.next(nullptr)));
  condition.expect({.version = "seen"});
  CHECK(none(condition.next(nullptr)));
}

TEST_CASE("of a new file that was promised what was seen is replaced, or nothing") {
  WriteCondition condition(Way::promised);
  CHECK(free_only(condition.next(nullptr)));
  condition.expect({.version = "seen"});
  CHECK(only(condition.next(nullptr), "seen"));
  CHECK(condition.replaces() == "seen");
  condition.expect({});
  CHECK(free_only(condition.next(nullptr)));
}

TEST_CASE("an edit, and whatever follows a file's own version, replaces that alone") {
  const ETag base = "base";
  const Way way = GENERATE(Way::at_close, Way::promised);
  WriteCondition condition(way);
  condition.expect({.version = "seen"});
  CHECK(only(condition.next(&base), "base"));
  condition.stored();
  CHECK(condition.has_stored());
  CHECK(only(condition.next(&base), "base"));
}

TEST_CASE("an exclusive file is stored first where nothing is, and has its name from then on") {
  const ETag own = "own";
  WriteCondition condition(Way::at_close, true);
  CHECK(free_only(condition.next(nullptr)));
  CHECK(free_only(condition.next(&own)));
  SECTION("stored") {
    condition.stored();
    CHECK(only(condition.next(&own), "own"));
  }
  SECTION("renamed over something") {
    condition.renamed(false);
    CHECK(none(condition.next(nullptr)));
  }
}

TEST_CASE("a file whose object was removed takes a free name alone, whatever it knew before") {
  const ETag base = "base";
  WriteCondition at_close(Way::at_close);
  at_close.expect({.version = "base", .removed = true});
  CHECK(free_only(at_close.next(&base)));
  CHECK(free_only(at_close.next(nullptr)));
  WriteCondition promised(Way::promised);
  promised.expect({.version = "base", .removed = true});
  CHECK(free_only(promised.next(nullptr)));
  CHECK(promised.replaces().empty());
  // Whether the bytes that it lacks are gone, too, tells the refusal.
  CHECK(only(promised.next(&base), "base"));
}

TEST_CASE("what is known later says nothing of the versions after the first") {
  WriteCondition condition(Way::promised);
  condition.expect({.version = "seen"});
  SECTION("stored") {
    condition.stored();
    condition.expect({.version = "late"});
    CHECK(condition.replaces() == "seen");
  }
  SECTION("gone") {
    condition.gone();
    condition.expect({.version = "late"});
    CHECK(free_only(condition.next(nullptr)));
  }
}

TEST_CASE("an object beside the file's replaces nothing") {
  CHECK(free_only(WriteCondition::beside()));
}

}  // namespace
}  // namespace penstock::test
