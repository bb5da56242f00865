// SPDX-License-Identifier: Apache-2.0
// Uploads that have begun before the run that goes on with them, one that grows with its file
// first.
#include "data/write_back/begun_uploads.h"

#include "unit/data/write_back/core_fixture.h"

namespace penstock::test {
namespace {

/// A new file that is written piece by piece.
struct GrowingFixture : CoreFixture {
  /// Writes at `offset`, in the order in which PendingChanges tells it.
  void write(uint64_t offset, uint64_t length) {
    begun.changing(offset, offset + length);
    contents.assign(offset, piece(std::string_view(bytes).substr(offset, length)), 1);
    begun.feed(object, contents, {offset, length});
    run();
  }
  PromisePtr promise() const {
    return std::make_shared<Promise>(
        Promise{.number = 1, .generation = 1, .contents = contents, .metadata = {}});
  }
  size_t parts_sent() { return memory.count("UploadPart"); }
  /// Whether the store has an upload that a later mount would go on with.
  bool owned() {
    for (const auto& [id, file] : upload_owners())
      if (file == number) return true;
    return false;
  }
  Result<ObjectInfo> finish_with(const BegunUploads::Begun& taken) {
    if (!taken.fed) taken.upload->feed_contents(contents, taken.sent, false);
    return finish<ObjectInfo>(
        [&](Done<ObjectInfo> done) { taken.upload->finish({}, std::move(done)); });
  }

  const uint64_t number = journal->new_file();
  const std::string bytes = pattern(6 * part);
  std::shared_ptr<JournalUploads> of_file =
      std::make_shared<JournalUploads>(*journal, number, std::nullopt);
  PendingObject object{"k", std::nullopt};
  ContentMap contents;
  BegunUploads begun{*core, of_file, {}, std::nullopt, false};
};

TEST_CASE("a file that is written in order is sent while it grows, but for its first part") {
  GrowingFixture fixture;
  fixture.write(0, 3 * part - 1);
  CHECK_FALSE(fixture.begun.any());
  fixture.write(3 * part - 1, 2 * part);
  CHECK(fixture.begun.any());
  CHECK(fixture.parts_sent() == 3);  // the second to the fourth
  CHECK(fixture.owned());
  fixture.write(10, 5);  // as formats do
  const auto taken = fixture.begun.take(fixture.promise(), "k");
  REQUIRE(taken);
  CHECK_FALSE(fixture.begun.any());
  REQUIRE(taken->sent.size() == 1);
  CHECK(taken->sent[0].offset == part);
  CHECK(fixture.finish_with(*taken));
  CHECK((fixture.stored("k") == fixture.bytes.substr(0, 5 * part - 1)));
}

TEST_CASE("what is written ahead of a gap is sent when the gap is filled") {
  GrowingFixture fixture;
  fixture.write(0, 3 * part);
  fixture.write(4 * part, part);
  CHECK(fixture.parts_sent() <= 2);
  fixture.write(3 * part, part);
  const auto taken = fixture.begun.take(fixture.promise(), "k");
  REQUIRE(taken);
  CHECK(taken->sent[0].end() == 5 * part);
  CHECK(fixture.finish_with(*taken));
  CHECK((fixture.stored("k") == fixture.bytes.substr(0, 5 * part)));
}

TEST_CASE("a growing upload whose bytes are rewritten is given up, and none begins again") {
  GrowingFixture fixture;
  fixture.write(0, 4 * part);
  CHECK(fixture.owned());
  SECTION("by a write") { fixture.write(part, 1); }
  SECTION("by a size") { fixture.begun.changing(2 * part, UINT64_MAX); }
  SECTION("because its name goes") {
    Deferred after;
    fixture.begun.drop(after);
  }
  SECTION("because the promise is smaller") {
    fixture.contents.resize(2 * part, 1);
    CHECK_FALSE(fixture.begun.take(fixture.promise(), "k"));
  }
  fixture.run();
  CHECK_FALSE(fixture.begun.any());
  CHECK_FALSE(fixture.owned());
  CHECK(fixture.memory.unfinished_uploads().empty());
  fixture.write(4 * part, part);
  CHECK_FALSE(fixture.begun.any());
}

TEST_CASE("a file under a temporary name, and a restored one, are not sent while they grow") {
  GrowingFixture fixture;
  SECTION("temporary") { fixture.object.rename("k.part"); }
  SECTION("restored") {
    BegunUploads restored(*fixture.core, fixture.of_file, {}, std::nullopt, true);
    fixture.contents.assign(0, fixture.piece(fixture.bytes), 1);
    restored.feed(fixture.object, fixture.contents, {0, fixture.bytes.size()});
    CHECK_FALSE(restored.any());
    return;
  }
  fixture.write(0, 5 * part);
  CHECK_FALSE(fixture.begun.any());
}

TEST_CASE("a try that failed is gone on with by the next of the same promise and key") {
  GrowingFixture fixture;
  fixture.write(0, 4 * part);
  const PromisePtr promise = fixture.promise();
  auto first = fixture.begun.take(promise, "k");
  REQUIRE(first);
  fixture.begun.keep({promise, "k", first->upload});
  CHECK(fixture.begun.any());
  SECTION("which has been fed all") {
    const auto again = fixture.begun.take(promise, "k");
    REQUIRE(again);
    CHECK(again->upload == first->upload);
    CHECK(again->fed);
    again->upload->cancel();
    CHECK_FALSE(fixture.begun.any());
    return;
  }
  SECTION("but of no other promise") { CHECK_FALSE(fixture.begun.take(fixture.promise(), "k")); }
  SECTION("under no other key") { CHECK_FALSE(fixture.begun.take(promise, "k.conflict")); }
  SECTION("and not where bytes of it were written over") {
    fixture.begun.changing(3 * part, 3 * part + 1);
    CHECK_FALSE(fixture.begun.take(promise, "k"));
  }
  SECTION("nor where its name goes") {
    Deferred after;
    fixture.begun.drop(after);
  }
  first.reset();
  fixture.run();
  CHECK_FALSE(fixture.begun.any());
  CHECK_FALSE(fixture.owned());
  CHECK(fixture.memory.unfinished_uploads().empty());
}

TEST_CASE("bytes behind a failed try's promise leave its parts to it") {
  GrowingFixture fixture;
  fixture.write(0, 4 * part);
  const PromisePtr promise = fixture.promise();
  const auto first = fixture.begun.take(promise, "k");
  REQUIRE(first);
  fixture.begun.keep({promise, "k", first->upload});
  fixture.begun.changing(4 * part, 5 * part);
  CHECK(fixture.begun.take(promise, "k"));
  first->upload->cancel();
}

TEST_CASE("a file that is given up has begun nothing any more, and cancels what it had") {
  GrowingFixture fixture;
  fixture.write(0, 4 * part);
  const auto uploads = fixture.begun.close();
  REQUIRE(uploads.size() == 1);
  CHECK_FALSE(fixture.begun.any());
  uploads[0]->cancel();
  fixture.run();
  CHECK(fixture.memory.unfinished_uploads().empty());
}

}  // namespace
}  // namespace penstock::test
