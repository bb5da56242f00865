// SPDX-License-Identifier: Apache-2.0
// Promises and their uploads, step by step.
#include "data/write_back/write_back_engine.h"
#include "unit/data/write/write_fixture.h"
#include "unit/journal/journal_fixture.h"

namespace penstock::test {
namespace {

/// The engine over a journal on the disk and a store in memory. Nothing happens until run().
struct PromiseFixture : WriteFixture {
  PromiseFixture() {
    auto opened = Journal::open(
        {.directory = folder.path(), .identity = "memory", .prefix = "", .make_room = {}}, left,
        scheduler, Log::none());
    REQUIRE(opened);
    journal = std::move(*opened);
    journal_uploads = std::make_unique<JournalUploads>(*journal);
    copier = std::make_unique<ObjectCopier>(store, *journal_uploads);
    write_back = make_write_back_engine(
        {*engine, *journal, *journal_uploads, store, *copier, scheduler, Log::none()}, true);
  }

  Result<void> persist(FileWriter& file, CommitRequest request = {}) {
    return finish<void>(
        [&](Done<void> done) { file.persist(std::move(request), std::move(done)); });
  }

  TempDir folder;
  Journal::Left left;
  std::unique_ptr<Journal> journal;
  std::unique_ptr<JournalUploads> journal_uploads;
  std::unique_ptr<ObjectCopier> copier;
  std::unique_ptr<WriteBackEngine> write_back;
};

TEST_CASE("a file that is renamed waits with its upload until the new name is promised") {
  PromiseFixture fixture;
  fixture.memory.set("x", "old");
  const ETag old = fixture.memory.info("x")->etag;
  auto file = fixture.write_back->open("x.new", std::nullopt, {});
  CHECK(fixture.write(*file, 0, "new"));
  CHECK(fixture.persist(*file, {.metadata = {}, .condition = {.if_none_match = true}}));
  // Its upload is about to begin when the name changes.
  const auto committed = fixture.begin_commit(*file);
  Deferred after;
  CHECK(file->rename("x", after));
  fixture.run();
  CHECK_FALSE(committed->has_value());
  CHECK(fixture.memory.count("Put") == 0);
  CHECK(fixture.finish<void>([&](Done<void> done) {
    file->persist_name({.metadata = {}, .condition = {.if_match = old}}, std::move(done));
  }));
  fixture.run();
  REQUIRE(committed->has_value());
  CHECK(*committed);
  CHECK(fixture.memory.count("Put") == 1);
  CHECK(fixture.stored("x") == "new");
  CHECK_FALSE(fixture.memory.info("x.new"));
  file.reset();
  fixture.run();
}

TEST_CASE("a deletion that comes while a renamed file waits is answered") {
  PromiseFixture fixture;
  auto file = fixture.write_back->open("x.new", std::nullopt, {});
  CHECK(fixture.write(*file, 0, "new"));
  CHECK(fixture.persist(*file));
  const auto committed = fixture.begin_commit(*file);
  Deferred after;
  CHECK(file->rename("x", after));
  fixture.run();
  const Result<bool> sent =
      fixture.finish<bool>([&](Done<bool> done) { file->hold(std::move(done)); });
  REQUIRE(sent);
  CHECK_FALSE(*sent);
  CHECK(fixture.finish<void>([&](Done<void> done) { file->disclaim(std::move(done)); }));
  REQUIRE(committed->has_value());
  CHECK((*committed)->code() == Code::cancelled);
  CHECK(fixture.memory.requests().empty());
  file.reset();
  fixture.run();
}

TEST_CASE("holes in an edited object are holes in the journal, and zeros in the bucket") {
  PromiseFixture fixture;
  std::string bytes = pattern(6 * part);
  fixture.memory.set("f", bytes);
  auto file = fixture.write_back->open("f", WriteBase{*fixture.memory.info("f")}, {});
  const auto zero = [&](ByteRange range, bool grows) {
    CHECK(
        fixture.finish<void>([&](Done<void> done) { file->zero(range, grows, std::move(done)); }));
    if (grows) bytes.resize(std::max<size_t>(bytes.size(), range.end()));
    bytes.replace(range.offset, range.length, range.length, '\0');
  };
  zero({part + 10, 2 * part}, false);
  CHECK(fixture.write(*file, 2 * part, "written"));
  bytes.replace(2 * part, 7, "written");
  zero({6 * part - 5, part}, true);
  CHECK(file->size() == bytes.size());
  CHECK(file->seek(0, true) == part + 10);
  CHECK(file->seek(part + 10, false) == 2 * part);
  CHECK(fixture.read(*file, 0, bytes.size()).value() == bytes);
  CHECK(fixture.persist(*file));
  CHECK(fixture.commit(*file));
  CHECK(fixture.stored("f") == bytes);
  CHECK(fixture.memory.count("UploadPartCopy") == 2);
  file.reset();
  fixture.run();
}

TEST_CASE("what is punched while its upload is under way belongs to the next one") {
  PromiseFixture fixture;
  const std::string bytes = pattern(3 * part);
  auto file = fixture.write_back->open("f", std::nullopt, {});
  CHECK(fixture.write(*file, 0, bytes));
  CHECK(fixture.persist(*file));
  fixture.store.hold("CompleteUpload");
  const auto committed = fixture.begin_commit(*file);
  fixture.run();
  CHECK(fixture.finish<void>([&](Done<void> done) {
    file->zero({part, part}, false, std::move(done));
  }));
  fixture.store.release_all();
  fixture.run();
  CHECK(committed->value());
  CHECK(fixture.stored("f") == bytes);
  CHECK(fixture.persist(*file));
  CHECK(fixture.commit(*file));
  CHECK(fixture.stored("f") == std::string(bytes).replace(part, part, part, '\0'));
  file.reset();
  fixture.run();
}

TEST_CASE("a promise of other metadata alone leaves later writes to the next promise") {
  PromiseFixture fixture;
  auto file = fixture.write_back->open("f", std::nullopt, {});
  CHECK(fixture.write(*file, 0, std::string(30, 'a')));
  CHECK(fixture.persist(*file, {.metadata = {{"mode", "1"}}}));
  fixture.store.hold("Put");
  const auto first = fixture.begin_commit(*file);
  fixture.run();
  CHECK(fixture.write(*file, 10, "NEW"));
  CHECK(fixture.finish<void>([&](Done<void> done) {
    file->persist_name({.metadata = {{"mode", "2"}}}, std::move(done));
  }));
  const auto second = fixture.begin_commit(*file);
  fixture.store.release_all();
  fixture.run();
  REQUIRE((first->has_value() && second->has_value()));
  CHECK(**second);
  CHECK(fixture.stored("f") == std::string(30, 'a'));
  CHECK(fixture.memory.info("f")->metadata->at("mode") == "2");
  const std::string expected = std::string(30, 'a').replace(10, 3, "NEW");
  CHECK(fixture.read(*file, 0, 30).value() == expected);
  CHECK(fixture.persist(*file, {.metadata = {{"mode", "2"}}}));
  CHECK(fixture.commit(*file));
  CHECK(fixture.stored("f") == expected);
  file.reset();
  fixture.run();
}

}  // namespace
}  // namespace penstock::test
