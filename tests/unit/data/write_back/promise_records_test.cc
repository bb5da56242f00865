// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/promise_records.h"

#include "data/write_back/pending_metadata.h"
#include "unit/data/write_back/core_fixture.h"

namespace penstock::test {
namespace {

/// What the journal knows of one file, without the file around it.
struct RecordedFile : LockedFile, PromiseRecords::Listener {
  RecordedFile(CoreFixture& the_fixture, const std::string& key)
      : fixture(the_fixture),
        number(fixture.journal->new_file()),
        object(key, std::nullopt),
        records(*fixture.core, *this, number, promises, object, *this) {}
  virtual ~RecordedFile() = default;

  std::shared_ptr<void> keep() override { return {std::shared_ptr<void>(), this}; }
  void recorded(const Result<void>& kept, Deferred&) override { heard.push_back(kept.has_value()); }

  /// Calls the records as the file does.
  template <typename Work>
  Result<void> in(Work&& work) {
    return fixture.finish<void>(
        [&](Done<void> done) { run([&](Deferred& after) { work(std::move(done), after); }); });
  }
  /// Promises `bytes`.
  Result<void> promise(std::string_view bytes) {
    contents.store(0, fixture.piece(bytes));
    promises.promise(contents, object.marked({}));
    return in([&](Done<void> done, Deferred&) { records.record(std::move(done)); });
  }

  CoreFixture& fixture;
  const uint64_t number;
  PendingObject object;
  PendingContents contents{0, true};
  Promises promises;
  PromiseRecords records;
  std::vector<bool> heard;
};

/// What a later mount finds of the file with that number.
std::optional<JournalState> left_of(CoreFixture& fixture, uint64_t number) {
  Journal::Left left = fixture.left_behind();
  for (JournalState& state : left.files)
    if (state.file == number) return std::move(state);
  return std::nullopt;
}

TEST_CASE("a recorded promise is durable, and is what a later mount finds") {
  CoreFixture fixture;
  RecordedFile file(fixture, "k");
  file.object.expect({.version = "old"});
  CHECK(file.promise("bytes"));
  CHECK(file.promises.durable_owes());
  CHECK(file.heard == std::vector{true});
  auto state = left_of(fixture, file.number);
  REQUIRE(state);
  CHECK(state->key == "k");
  CHECK(state->size == 5);
  CHECK(state->replaces == ETag("old"));
  CHECK(mark_of(state->metadata) == file.object.mark());
  CHECK_FALSE(doomed(*state));
  CHECK(file.in([&](Done<void> done, Deferred&) { file.records.forget(std::move(done)); }));
  CHECK_FALSE(left_of(fixture, file.number));
}

TEST_CASE("what the journal does not take is not durable, and the file hears of it") {
  CoreFixture fixture;
  RecordedFile file(fixture, "k");
  file.contents.store(0, fixture.piece("bytes"));
  file.promises.promise(file.contents, {});
  fixture.full(true);
  CHECK(file.in([&](Done<void> done, Deferred&) { file.records.record(std::move(done)); }).code() ==
        Code::no_space);
  CHECK(file.heard == std::vector{false});
  CHECK_FALSE(file.promises.pending());
}

TEST_CASE("a file that is doomed is found so, until it is spared") {
  CoreFixture fixture;
  RecordedFile file(fixture, "k");
  CHECK(file.promise("bytes"));
  CHECK(file.in([&](Done<void> done, Deferred&) { file.records.doom(std::move(done)); }));
  auto state = left_of(fixture, file.number);
  REQUIRE(state);
  CHECK(doomed(*state));
  file.run([&](Deferred&) { file.records.spare(); });
  state = left_of(fixture, file.number);
  REQUIRE(state);
  CHECK_FALSE(doomed(*state));
}

TEST_CASE("a file that owes nothing is forgotten when it is doomed") {
  CoreFixture fixture;
  RecordedFile file(fixture, "k");
  CHECK(file.promise("bytes"));
  file.promises.stored(*file.promises.last());
  CHECK(file.in([&](Done<void> done, Deferred&) { file.records.doom(std::move(done)); }));
  CHECK_FALSE(left_of(fixture, file.number));
}

TEST_CASE("a file stays in the journal until the one that takes its name is promised") {
  CoreFixture fixture;
  RecordedFile old(fixture, "k");
  CHECK(old.promise("old"));
  RecordedFile heir(fixture, "k");
  heir.records.inherit(old.records.bequeath());
  CHECK(heir.records.outlives());
  SECTION("also where its own name is given up meanwhile") {
    CHECK(old.in(
        [&](Done<void> done, Deferred& after) { old.records.disclaim(std::move(done), after); }));
    CHECK_FALSE(old.promises.owes());
  }
  CHECK(left_of(fixture, old.number));
  CHECK(heir.promise("new"));
  CHECK_FALSE(heir.records.outlives());
  CHECK_FALSE(left_of(fixture, old.number));
  CHECK(left_of(fixture, heir.number));
}

TEST_CASE("a name that goes takes with it all files that had it") {
  CoreFixture fixture;
  RecordedFile old(fixture, "k");
  CHECK(old.promise("old"));
  RecordedFile middle(fixture, "k");
  middle.records.inherit(old.records.bequeath());
  RecordedFile last(fixture, "k");
  last.records.inherit(middle.records.bequeath());
  CHECK(left_of(fixture, old.number));
  CHECK(last.in(
      [&](Done<void> done, Deferred& after) { last.records.disclaim(std::move(done), after); }));
  CHECK_FALSE(left_of(fixture, old.number));
}

TEST_CASE("a state that was given to the journal before a name was taken over forgets nobody") {
  CoreFixture fixture;
  RecordedFile old(fixture, "k");
  CHECK(old.promise("old"));
  RecordedFile heir(fixture, "heir");
  heir.contents.store(0, fixture.piece("new"));
  heir.promises.promise(heir.contents, {});
  const auto recording = fixture.begin<void>(
      [&](Done<void> done) { heir.run([&](Deferred&) { heir.records.record(std::move(done)); }); });
  heir.records.inherit(old.records.bequeath());
  fixture.run();
  CHECK(recording->has_value());
  CHECK(heir.records.outlives());
  CHECK(left_of(fixture, old.number));
}

}  // namespace
}  // namespace penstock::test
