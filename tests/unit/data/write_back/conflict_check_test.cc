// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/conflict_check.h"

#include "base/writer_mark.h"
#include "unit/data/write_back/core_fixture.h"

namespace penstock::test {
namespace {

using Finding = ConflictCheck::Finding;
using FindingKind = Finding::Kind;

Metadata marked(const std::string& mark) { return {{std::string(writer_mark), mark}}; }

struct ConflictFixture : CoreFixture {
  /// A promise of `bytes`, in the journal in two pieces.
  PromisePtr promise_of(const std::string& bytes) {
    ContentMap contents;
    const size_t half = bytes.size() / 2;
    contents.assign(0, piece(bytes.substr(0, half)), 1);
    contents.assign(half, piece(bytes.substr(half)), 1);
    return promise(std::move(contents));
  }
  static PromisePtr promise(ContentMap contents) {
    return std::make_shared<Promise>(Promise{
        .number = 1, .generation = 1, .contents = std::move(contents), .metadata = marked("m")});
  }
  Result<Finding> check(const PromisePtr& promised) {
    return finish<Finding>([&](Done<Finding> done) {
      ConflictCheck::begin(*core, "k", promised, Error(Code::changed, "another version"),
                           std::move(done));
    });
  }
};

TEST_CASE("an object with the file's mark is its own, whatever its bytes are") {
  ConflictFixture fixture;
  fixture.memory.set("k", "of an earlier promise", marked("m"));
  const auto finding = fixture.check(fixture.promise_of("of this one"));
  REQUIRE(finding);
  CHECK(finding->kind == FindingKind::ours);
  CHECK(finding->object.key == "k");
  CHECK(finding->object.etag == fixture.memory.info("k")->etag);
  CHECK(fixture.memory.count("Get") == 0);
}

TEST_CASE("an object without the file's mark is told by its bytes") {
  ConflictFixture fixture;
  std::string bytes = pattern(9 * mib + 5);  // more than are compared in one go
  const PromisePtr promised = fixture.promise_of(bytes);
  SECTION("which are the same") {
    fixture.memory.set("k", bytes, marked("another"));
    const auto finding = fixture.check(promised);
    REQUIRE(finding);
    CHECK(finding->kind == FindingKind::same);
    CHECK(finding->object.etag == fixture.memory.info("k")->etag);
  }
  SECTION("of which the last differs") {
    bytes.back() ^= 1;
    fixture.memory.set("k", bytes);
    CHECK(fixture.check(promised).value().kind == FindingKind::theirs);
  }
  SECTION("of which there are more: none is read") {
    fixture.memory.set("k", bytes + "x");
    CHECK(fixture.check(promised).value().kind == FindingKind::theirs);
    CHECK(fixture.memory.count("Get") == 0);
  }
  SECTION("and is theirs where it changes meanwhile") {
    fixture.memory.set("k", bytes);
    fixture.store.hold("Get");
    const auto finding = fixture.begin<Finding>([&](Done<Finding> done) {
      ConflictCheck::begin(*fixture.core, "k", promised, Error(Code::changed, ""), std::move(done));
    });
    fixture.run();
    fixture.memory.set("k", pattern(bytes.size(), 2));
    fixture.store.release_all();
    fixture.run();
    CHECK(finding->value().value().kind == FindingKind::theirs);
  }
}

TEST_CASE("holes of a promise are zeros of the object") {
  ConflictFixture fixture;
  ContentMap contents;
  contents.assign(0, fixture.piece("begin"), 1);
  contents.resize(20, 1);
  const PromisePtr promised = ConflictFixture::promise(contents);
  fixture.memory.set("k", "begin" + std::string(15, '\0'));
  CHECK(fixture.check(promised).value().kind == FindingKind::same);
  fixture.memory.set("k", "begin" + std::string(14, '\0') + "x");
  CHECK(fixture.check(promised).value().kind == FindingKind::theirs);
}

TEST_CASE("an edit of bytes that are gone is a conflict, also with an object of the same size") {
  ConflictFixture fixture;
  ContentMap contents(10);
  contents.assign(0, fixture.piece("new"), 1);
  const PromisePtr promised = ConflictFixture::promise(contents);
  fixture.memory.set("k", "new4567890");
  CHECK(fixture.check(promised).value().kind == FindingKind::theirs);
  CHECK(
      fixture.finish<void>([&](Done<void> done) { fixture.memory.remove("k", std::move(done)); }));
  CHECK(fixture.check(promised).value().kind == FindingKind::theirs);
  // A whole new file can be stored where nothing is.
  CHECK(fixture.check(fixture.promise_of("whole")).value().kind == FindingKind::gone);
}

TEST_CASE("where the store does not answer, it is not known what is there") {
  ConflictFixture fixture;
  fixture.memory.set("k", "bytes");
  const PromisePtr promised = fixture.promise_of("bytes");
  for (const std::string operation : {"Head", "Get"}) {
    fixture.store.add({.operation = operation, .key = {}, .times = 1});
    CHECK(fixture.check(promised).code() == Code::unavailable);
    fixture.store.clear_faults();
  }
  CHECK(fixture.check(promised).value().kind == FindingKind::same);
}

TEST_CASE("bytes that have no other place get a key of their own beside the one they were for") {
  const std::string first = conflict_key("dir/f");
  CHECK(first.starts_with("dir/f.conflict-"));
  CHECK(first != conflict_key("dir/f"));
}

}  // namespace
}  // namespace penstock::test
