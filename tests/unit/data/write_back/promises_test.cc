// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/promises.h"

#include "support/catch.h"
#include "unit/data/write_back/piece_of.h"

namespace penstock::test {
namespace {

/// A new file of ten bytes, with what it promised.
struct PromisesFixture {
  PromisesFixture() { contents.store(0, piece_of(10)); }

  /// Promises what is there; what it returns is on its way to the journal.
  PromisePtr promise(const std::string& mode = "1") {
    promises.promise(contents, {{"mode", mode}});
    return promises.recording();
  }
  /// The same, which the journal has at once.
  PromisePtr durable(const std::string& mode = "1") {
    PromisePtr made = promise(mode);
    promises.recorded(made, true);
    return made;
  }

  PendingContents contents{0, true};
  Promises promises;
};

TEST_CASE("a promise is owed from when it is made, and goes to the bucket when it is durable") {
  PromisesFixture fixture;
  Promises& promises = fixture.promises;
  CHECK_FALSE(promises.owes());
  const PromisePtr made = fixture.promise();
  CHECK(promises.owes());
  CHECK(promises.pending());
  CHECK_FALSE(promises.durable_owes());
  CHECK(promises.since_ns() > 0);
  promises.recorded(made, true);
  CHECK(promises.durable() == made);
  CHECK(promises.durable_owes());
  CHECK_FALSE(promises.stored(*made));
  CHECK_FALSE(promises.owes());
  CHECK_FALSE(promises.durable_owes());
  CHECK_FALSE(promises.pending());
  CHECK(promises.count() == 1);
}

TEST_CASE("what the journal did not take is owed, and is to be promised again") {
  PromisesFixture fixture;
  fixture.promises.recorded(fixture.promise(), false);
  CHECK(fixture.promises.owes());
  CHECK_FALSE(fixture.promises.pending());
  CHECK_FALSE(fixture.promises.durable_owes());
}

TEST_CASE("the journal's answers may come in another order than its states were given") {
  PromisesFixture fixture;
  const PromisePtr first = fixture.promise("1");
  fixture.contents.store(0, piece_of(4));
  const PromisePtr second = fixture.promise("2");
  fixture.promises.recorded(second, true);
  fixture.promises.recorded(first, true);
  CHECK(fixture.promises.durable() == second);
}

TEST_CASE("a promise that is in the bucket leaves a later one owed, over that object") {
  PromisesFixture fixture;
  Promises& promises = fixture.promises;
  const PromisePtr first = fixture.durable();
  fixture.contents.store(0, piece_of(4));
  const int64_t since = promises.since_ns();
  SECTION("which is durable too") {
    const PromisePtr second = fixture.durable();
    CHECK(promises.since_ns() == since);
    CHECK(promises.stored(*first));
    CHECK(promises.durable_owes());
    CHECK(promises.durable() == promises.last());
    CHECK(promises.durable()->number == second->number);
    CHECK(promises.durable()->contents.needs_base());
    CHECK_FALSE(second->contents.needs_base());
  }
  SECTION("which the journal does not have yet, and will have over the new base") {
    const PromisePtr second = fixture.promise();
    CHECK(promises.stored(*first));
    CHECK_FALSE(promises.durable_owes());
    CHECK(promises.pending());
    promises.recorded(second, true);
    CHECK(promises.durable() == promises.last());
    CHECK(promises.durable()->contents.needs_base());
  }
  SECTION("beside a third, on its way: the durable one is over that object as well") {
    const PromisePtr second = fixture.durable();
    fixture.contents.store(0, piece_of(2));
    fixture.promise();
    CHECK(promises.stored(*first));
    CHECK(promises.durable()->number == second->number);
    CHECK(promises.durable()->contents.needs_base());
  }
}

TEST_CASE("an answer of the journal that comes after the upload makes nothing owed again") {
  PromisesFixture fixture;
  const PromisePtr made = fixture.durable();
  fixture.promises.recording();
  CHECK_FALSE(fixture.promises.stored(*made));
  fixture.promises.recorded(made, true);
  CHECK_FALSE(fixture.promises.durable_owes());
}

TEST_CASE("other metadata are promised of the contents that are promised, not of later writes") {
  PromisesFixture fixture;
  const PromisePtr first = fixture.durable("1");
  fixture.contents.resize(20);
  fixture.promises.describe(fixture.contents, {{"mode", "2"}});
  const PromisePtr second = fixture.promises.last();
  CHECK(second->number == first->number + 1);
  CHECK(second->generation == first->generation);
  CHECK(second->contents.size() == 10);
  CHECK(second->metadata.at("mode") == "2");
  CHECK(fixture.contents.changed());
}

TEST_CASE("where nothing is owed, other metadata are of the file as it was promised last") {
  PromisesFixture fixture;
  const PromisePtr first = fixture.durable("1");
  fixture.promises.stored(*first);
  fixture.contents.settle(first->generation);
  fixture.promises.describe(fixture.contents, {{"mode", "2"}});
  CHECK(fixture.promises.owes());
  CHECK(fixture.promises.last()->generation == first->generation);
  CHECK(fixture.promises.last()->contents.only_base());
}

TEST_CASE("what a dead mount had promised is durable; what is disclaimed is not owed") {
  ContentMap contents;
  contents.assign(0, piece_of(3), 1);
  Promises promises(contents, {}, 77);
  CHECK(promises.durable_owes());
  CHECK(promises.since_ns() == 77);
  CHECK(promises.count() == 1);
  const PromisePtr left = promises.recording();
  promises.disclaim();
  CHECK_FALSE(promises.owes());
  promises.recorded(left, true);
  CHECK_FALSE(promises.durable_owes());
  CHECK_FALSE(promises.pending());
}

}  // namespace
}  // namespace penstock::test
