// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/earlier_upload.h"

#include "unit/data/write_back/core_fixture.h"

namespace penstock::test {
namespace {

/// A store with an upload of one whole part that a dead mount has left to a file.
struct EarlierFixture : CoreFixture {
  EarlierFixture() {
    const auto id = finish<std::string>(
        [&](Done<std::string> done) { memory.create_upload({.key = "k"}, std::move(done)); });
    left = {.file = 7, .key = "k", .upload_id = id.value(), .metadata = {{"mode", "1"}}};
    REQUIRE(finish<CompletedPart>([&](Done<CompletedPart> done) {
      memory.upload_part(
          {.key = "k", .upload_id = left.upload_id, .number = 1, .body = Body::of(pattern(part))},
          std::move(done));
    }));
    journal->upload_began(left);
    of_file = std::make_shared<JournalUploads>(*journal, left.file, left);
  }

  Result<std::optional<LeftUpload>> ask() {
    return finish<std::optional<LeftUpload>>([&](Done<std::optional<LeftUpload>> done) {
      EarlierUpload::ask(*core, of_file, left, std::move(done));
    });
  }
  /// Whose the upload is for a later mount; absent: it is said to have ended.
  std::optional<uint64_t> owner() {
    const auto owners = upload_owners();
    const auto found = owners.find(left.upload_id);
    return found == owners.end() ? std::nullopt : std::optional(found->second);
  }

  JournalUpload left;
  std::shared_ptr<JournalUploads> of_file;
};

TEST_CASE(
    "an earlier upload is asked for its parts, which belong to the file until it is given up") {
  EarlierFixture fixture;
  EarlierUpload earlier(*fixture.core, fixture.of_file, fixture.left);
  REQUIRE(earlier.take());
  const auto parts = fixture.ask();
  REQUIRE((parts && *parts));
  CHECK((*parts)->id == fixture.left.upload_id);
  CHECK((*parts)->metadata.at("mode") == "1");
  REQUIRE((*parts)->parts.size() == 1);
  CHECK((*parts)->parts[0].size == part);
  CHECK(fixture.owner() == 7);
  // Whoever took it has it: there is nothing left to give up.
  earlier.give_up();
  fixture.run();
  CHECK(fixture.memory.unfinished_uploads().size() == 1);
  CHECK_FALSE(earlier.take());
  earlier.put_back(fixture.left);
  earlier.give_up();
  CHECK_FALSE(earlier.take());
  fixture.run();
  CHECK(fixture.memory.unfinished_uploads().empty());
  CHECK_FALSE(fixture.owner());
}

TEST_CASE("an earlier upload that is given up is nobody's before the store has aborted it") {
  EarlierFixture fixture;
  EarlierUpload earlier(*fixture.core, fixture.of_file, fixture.left);
  SECTION("while the request is under way") {
    fixture.store.hold("AbortUpload");
    earlier.give_up();
    CHECK(fixture.store.held("AbortUpload") == 0);  // requests go out without the file's lock
    CHECK(fixture.owner() == 0);
    CHECK(fixture.store.held("AbortUpload") == 1);
    fixture.store.release_all();
    CHECK_FALSE(fixture.owner());
  }
  SECTION("and where the request fails") {
    fixture.store.add({.operation = "AbortUpload", .key = {}, .times = 1});
    earlier.give_up();
    CHECK(fixture.owner() == 0);
  }
}

TEST_CASE("an earlier upload that the store does not have any more has ended") {
  EarlierFixture fixture;
  CHECK(fixture.finish<void>([&](Done<void> done) {
    fixture.memory.abort_upload("k", fixture.left.upload_id, std::move(done));
  }));
  const auto parts = fixture.ask();
  REQUIRE(parts);
  CHECK_FALSE(*parts);
  CHECK_FALSE(fixture.owner());
}

TEST_CASE("where the store does not say which parts there are, the upload stays the file's") {
  EarlierFixture fixture;
  fixture.store.add({.operation = "ListParts", .key = {}, .times = 1});
  CHECK(fixture.ask().code() == Code::unavailable);
  CHECK(fixture.owner() == 7);
}

}  // namespace
}  // namespace penstock::test
