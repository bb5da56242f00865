// SPDX-License-Identifier: Apache-2.0
#include "data/write/writer_object.h"

#include "data/write/writer_phase.h"
#include "support/catch.h"

namespace penstock::test {
namespace {

ObjectInfo version(const std::string& key, const std::string& etag) {
  ObjectInfo info;
  info.key = key;
  info.etag = etag;
  return info;
}

bool free_only(const Precondition& condition) { return condition.if_none_match; }
bool none(const Precondition& condition) {
  return !condition.if_none_match && condition.if_match.empty();
}

TEST_CASE("an edit replaces its base alone, under its own key", "[object]") {
  WriterObject object({.key = "f"}, version("f", "e1"), {});
  CHECK(object.condition({}, "f").if_match == "e1");
  CHECK(none(object.condition({}, "other")));
  object.base_moved("f", "e2");
  CHECK(object.condition({}, "f").if_match == "e2");
}

TEST_CASE("what was truncated to nothing replaces whatever is there", "[object]") {
  WriterObject object({.key = "f"}, version("f", "e1"), {});
  object.replaces_base();
  CHECK(none(object.condition({}, "f")));
}

TEST_CASE("what is asked for, and exclusive, holds until this writer has stored once", "[object]") {
  WriterObject object({.key = "f"}, std::nullopt, {});
  CHECK(none(object.condition({}, "f")));
  object.rename({.key = "f", .exclusive = true});
  CHECK(free_only(object.condition({}, "f")));
  const Precondition asked{.if_match = "x", .if_none_match = false};
  CHECK(object.condition(asked, "f").if_match == "x");
  CHECK(none(object.condition(Precondition{}, "f")));
  object.stored(version("f", "e1"), 3, {});
  CHECK(object.condition(asked, "f").if_match == "e1");
}

TEST_CASE("it is dirty until somebody outside knows of what is stored", "[object]") {
  WriterObject object({.key = "f"}, std::nullopt, {});
  CHECK(object.dirty());
  CHECK(object.wants_commit({}));
  object.stored(version("f", "e1"), 3, {});
  CHECK_FALSE(object.contents_dirty());
  CHECK(object.dirty());
  CHECK_FALSE(object.wants_commit({}));
  object.reported();
  CHECK_FALSE(object.dirty());
}

TEST_CASE("other metadata than the stored ones want a commit", "[object]") {
  WriterObject object({.key = "f"}, std::nullopt, {});
  object.stored(version("f", "e1"), 3, {{"a", "1"}});
  object.reported();
  CHECK_FALSE(object.wants_commit({{"a", "1"}}));
  CHECK(object.wants_commit({{"a", "2"}}));
  CHECK(object.metadata() == Metadata{{"a", "2"}});
  CHECK_FALSE(object.contents_dirty());
  object.described(version("f", "e2"), {{"a", "2"}});
  CHECK(object.base()->etag == "e2");
  CHECK_FALSE(object.wants_commit({{"a", "2"}}));
}

TEST_CASE("a commit is done when each of its parts is stored, also those that went twice",
          "[object]") {
  WriterPhase phase;
  phase.begin_commit();
  phase.plan();
  phase.part_open();
  phase.add_part(2);
  CHECK(phase.next_part() == 2);
  CHECK_FALSE(phase.all_stored());
  phase.prepare_next();
  phase.part_stored(false);
  CHECK(phase.part_unsent(2));
  CHECK_FALSE(phase.all_stored());
  phase.prepare_next();
  phase.part_stored(true);
  CHECK(phase.all_stored());
  CHECK(phase.base_seen());
}

TEST_CASE("the first error of a commit stays, and goes with it; that a file is given up stays",
          "[object]") {
  WriterPhase phase;
  CHECK_FALSE(phase.part_unsent(1));
  phase.begin_commit();
  phase.fail(Error(Code::changed));
  phase.fail(Error(Code::unavailable));
  CHECK(phase.error()->code() == Code::changed);
  phase.abandon();
  phase.end_commit();
  CHECK_FALSE(phase.error());
  CHECK_FALSE(phase.committing());
  CHECK(phase.abandoned());
}

}  // namespace
}  // namespace penstock::test
