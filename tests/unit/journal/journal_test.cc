// SPDX-License-Identifier: Apache-2.0
// What was recorded is there again.
#include "unit/journal/journal_fixture.h"

namespace penstock {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)
using Kind = JournalRange::Kind;

JournalState rich_state(TestJournal& journal, uint64_t file) {
  const auto first = journal->append(random_bytes(5000, 1));
  const auto second = journal->append(random_bytes(300, 2));
  REQUIRE((first && second));
  JournalState state{.file = file, .key = "p/a key", .size = 10'000};
  state.ranges = {
      {.kind = Kind::base, .offset = 0, .length = 1000},
      {.kind = Kind::piece, .offset = 1000, .length = 2000, .piece = *first},
      {.kind = Kind::piece, .offset = 3000, .length = 300, .piece = *second},
      {.kind = Kind::piece, .offset = 3300, .length = 2700, .piece = *first, .skip = 2300},
      {.kind = Kind::hole, .offset = 6000, .length = 4000}};
  state.metadata = {{"mode", "33188"}, {"empty", ""}};
  state.base =
      ObjectInfo{.key = "p/base", .size = 1500, .etag = "e1", .metadata = Metadata{{"uid", "7"}}};
  state.replaces = "e0";
  state.since_ns = -5;
  return state;
}

void check_same(const JournalState& a, const JournalState& b) {
  CHECK(a.file == b.file);
  CHECK(a.key == b.key);
  CHECK(a.size == b.size);
  CHECK(a.metadata == b.metadata);
  CHECK(a.replaces == b.replaces);
  CHECK(a.since_ns == b.since_ns);
  REQUIRE(a.base.has_value() == b.base.has_value());
  if (a.base) {
    CHECK(a.base->key == b.base->key);
    CHECK(a.base->size == b.base->size);
    CHECK(a.base->etag == b.base->etag);
    CHECK(a.base->metadata == b.base->metadata);
  }
  REQUIRE(a.ranges.size() == b.ranges.size());
  for (size_t i = 0; i < a.ranges.size(); ++i) {
    CHECK(a.ranges[i].kind == b.ranges[i].kind);
    CHECK(a.ranges[i].offset == b.ranges[i].offset);
    CHECK(a.ranges[i].length == b.ranges[i].length);
    CHECK(a.ranges[i].skip == b.ranges[i].skip);
  }
}

TEST_CASE("a state is there again after the mount died, with all that it says") {
  const TempDir directory;
  JournalState state;
  Bytes bytes;
  {
    TestJournal journal(directory.path());
    REQUIRE(journal.opened);
    CHECK(journal.left.files.empty());
    state = rich_state(journal, journal->new_file());
    bytes = content(*journal, state);
    REQUIRE(journal.record(state));
    journal->upload_began({.file = state.file, .key = "p/a key", .upload_id = "u1"});
    journal->upload_began({.file = state.file, .key = "p/a key", .upload_id = "u2"});
    journal->upload_ended("u1");
  }
  for (int i = 0; i < 2; ++i) {
    TestJournal again(directory.path());
    REQUIRE(again.opened);
    REQUIRE(again.left.files.size() == 1);
    CHECK(again.left.damaged.empty());
    check_same(again.left.files[0], state);
    CHECK(content(*again, again.left.files[0]) == bytes);
    REQUIRE(again.left.uploads.size() == 1);
    CHECK(again.left.uploads[0].upload_id == "u2");
    CHECK(again.left.uploads[0].file == state.file);
    CHECK(again->new_file() > state.file);
    CHECK(again->stats().files == 1);
    CHECK(again->stats().bytes == 5000);
  }
}

TEST_CASE("an upload that is nobody's any more is remembered as such") {
  const TempDir directory;
  {
    TestJournal journal(directory.path());
    journal->upload_began({.file = 7, .key = "p/one", .upload_id = "u1"});
    journal->upload_began({.file = 0, .key = "p/one", .upload_id = "u1"});
    journal->upload_began({.file = 0, .key = "p/two", .upload_id = "u2"});
    REQUIRE(store(journal, 1, "p/one", random_bytes(50, 1)));
  }
  TestJournal again(directory.path());
  REQUIRE(again.left.uploads.size() == 3);
  CHECK(again.left.uploads[1].upload_id == "u1");
  CHECK(again.left.uploads[1].file == 0);
  CHECK(again.left.uploads[2].upload_id == "u2");
}

TEST_CASE("the last state of a file counts, and a forgotten one does not") {
  const TempDir directory;
  const Bytes newer = random_bytes(100, 3);
  {
    TestJournal journal(directory.path());
    REQUIRE(store(journal, 1, "p/one", random_bytes(50, 1)));
    REQUIRE(store(journal, 2, "p/two", random_bytes(60, 2)));
    REQUIRE(store(journal, 3, "p/three", random_bytes(70, 2)));
    REQUIRE(store(journal, 1, "p/one renamed", newer));
    REQUIRE(journal.forget(2));
  }
  TestJournal again(directory.path());
  REQUIRE(again.left.files.size() == 2);
  CHECK(again.left.files[0].key == "p/three");
  CHECK(again.left.files[1].key == "p/one renamed");
  CHECK(content(*again, again.left.files[1]) == newer);
}

TEST_CASE("a journal in which nothing is pending leaves nothing behind") {
  const TempDir directory;
  {
    TestJournal journal(directory.path());
    REQUIRE(store(journal, 1, "p/one", random_bytes(50, 1)));
    CHECK(journal->stats().segments == 1);
    REQUIRE(journal.forget(1));
    CHECK(journal->stats().segments == 0);
    CHECK(journal->stats().files == 0);
  }
  CHECK(std::filesystem::is_empty(directory.path()));
}

}  // namespace
}  // namespace penstock
