// SPDX-License-Identifier: Apache-2.0
// Promises and their uploads, step by step.
#include "data/write_back/write_back_engine.h"
#include "unit/data/write/write_fixture.h"
#include "unit/journal/journal_fixture.h"

namespace penstock::test {
namespace {

/// A journal on the disk, and the engine over it: what one mount has of its own.
struct Life {
  Life(WriteFixture& fixture, ObjectStore& store, const std::string& directory) {
    auto opened =
        Journal::open({.directory = directory, .identity = "memory", .prefix = "", .make_room = {}},
                      left, fixture.scheduler, Log::none());
    REQUIRE(opened);
    journal = std::move(*opened);
    WriteOptions options;
    options.single_put_size = part;
    direct = make_write_engine(
        {store, fixture.budget, fixture.pool, fixture.scheduler, Log::none(), fixture.uploads},
        options);
    copier = std::make_unique<ObjectCopier>(store, fixture.uploads);
    write_back = make_write_back_engine(
        {*direct, *journal, store, *copier, fixture.scheduler, Log::none()}, true);
  }

  Journal::Left left;
  std::unique_ptr<Journal> journal;
  std::unique_ptr<DirectWriteEngine> direct;
  std::unique_ptr<ObjectCopier> copier;
  std::unique_ptr<WriteBackEngine> write_back;
};

/// A mount over a store in memory. Nothing happens until run().
struct PromiseFixture : WriteFixture {
  Result<bool> persist(FileWriter& file, NextObject request = {}) {
    return finish<bool>(
        [&](Done<bool> done) { file.persist(std::move(request), std::move(done)); });
  }
  /// Of what was persisted.
  Pending<ObjectInfo> begin_commit(FileWriter& file) {
    return begin<ObjectInfo>([&](Done<ObjectInfo> done) { file.commit(std::move(done)); });
  }
  Result<ObjectInfo> commit(FileWriter& file) {
    return finish<ObjectInfo>([&](Done<ObjectInfo> done) { file.commit(std::move(done)); });
  }

  TempDir folder;
  Life life{*this, store, folder.path()};
  std::unique_ptr<WriteBackEngine>& write_back = life.write_back;
};

/// The mount that follows one that is killed now.
struct NextLife {
  NextLife(WriteFixture& fixture, FaultyStore& killed_store, const TempDir& killed)
      : store(fixture.memory) {
    killed_store.cut_off();
    std::filesystem::copy(killed.path(), folder.path(), std::filesystem::copy_options::recursive);
    life = std::make_unique<Life>(fixture, store, folder.path());
    restored = life->write_back->restore(std::move(life->left));
  }

  FaultyStore store;
  TempDir folder;
  std::unique_ptr<Life> life;
  std::vector<RestoredFile> restored;
};

TEST_CASE("a file that is renamed waits with its upload until the new name is promised") {
  PromiseFixture fixture;
  fixture.memory.set("x", "old");
  const ETag old = fixture.memory.info("x")->etag;
  auto file = fixture.write_back->open({.key = "x.new"}, std::nullopt, {});
  CHECK(fixture.write(*file, 0, "new"));
  CHECK(fixture.persist(*file));
  // Its upload is about to begin when the name changes.
  const auto committed = fixture.begin_commit(*file);
  Deferred after;
  CHECK(file->rename({.key = "x"}, nullptr, after));
  fixture.run();
  CHECK_FALSE(committed->has_value());
  CHECK(fixture.memory.count("Put") == 0);
  CHECK(fixture.finish<void>([&](Done<void> done) {
    file->persist_name({.metadata = {}, .before = {.version = old}}, std::move(done));
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
  auto file = fixture.write_back->open({.key = "x.new"}, std::nullopt, {});
  CHECK(fixture.write(*file, 0, "new"));
  CHECK(fixture.persist(*file));
  const auto committed = fixture.begin_commit(*file);
  Deferred after;
  CHECK(file->rename({.key = "x"}, nullptr, after));
  fixture.run();
  CHECK(fixture.finish<Held>([&](Done<Held> done) { file->hold(std::move(done)); }).value() ==
        Held::unsent);
  CHECK(fixture.finish<void>([&](Done<void> done) { file->disclaim(std::move(done)); }));
  REQUIRE(committed->has_value());
  CHECK((*committed)->code() == Code::cancelled);
  CHECK(fixture.memory.requests().empty());
  file.reset();
  fixture.run();
}

TEST_CASE("a promise keeps the contents, and is owed until they are in the bucket") {
  PromiseFixture fixture;
  auto file = fixture.write_back->open({.key = "f"}, std::nullopt, {});
  CHECK(fixture.write(*file, 0, "one"));
  CHECK(file->owed() == 0);
  CHECK(fixture.persist(*file).value());
  const uint64_t first = file->owed();
  CHECK(first > 0);
  CHECK(fixture.write(*file, 0, "two"));
  CHECK(file->owed() == first);
  CHECK(fixture.persist(*file).value());
  CHECK(file->owed() > first);
  CHECK(fixture.commit(*file));
  CHECK(file->owed() == 0);
  CHECK_FALSE(file->pending());
  CHECK_FALSE(file->dirty());
  CHECK(fixture.stored("f") == "two");
  file.reset();
  fixture.run();
}

TEST_CASE("a held file says whether an object may be under its key") {
  PromiseFixture fixture;
  auto file = fixture.write_back->open({.key = "f"}, std::nullopt, {});
  CHECK(fixture.write(*file, 0, "one"));
  CHECK(fixture.persist(*file));
  const auto hold = [&] {
    return fixture.finish<Held>([&](Done<Held> done) { file->hold(std::move(done)); }).value();
  };
  CHECK(hold() == Held::unsent);
  // No upload begins until the release.
  const auto committed = fixture.begin_commit(*file);
  fixture.run();
  CHECK_FALSE(committed->has_value());
  file->release();
  fixture.run();
  REQUIRE(committed->has_value());
  CHECK(*committed);
  CHECK(hold() == Held::maybe_sent);
  file.reset();
  fixture.run();
}

TEST_CASE("a file that takes the name of a promised one has its mark, and its promise meanwhile") {
  PromiseFixture fixture;
  auto old = fixture.write_back->open({.key = "f"}, std::nullopt, {});
  CHECK(fixture.write(*old, 0, "old"));
  CHECK(fixture.persist(*old));
  auto heir = fixture.write_back->open({.key = "f.new"}, std::nullopt, {});
  CHECK(fixture.write(*heir, 0, "heir"));
  Deferred after;
  REQUIRE(heir->rename({.key = "f"}, old.get(), after));
  // The machine dies before anything of the heir is promised.
  CHECK(fixture.finish<void>([&](Done<void> done) { old->disclaim(std::move(done)); }));
  NextLife second(fixture, fixture.store, fixture.folder);
  REQUIRE(second.restored.size() == 1);
  CHECK(second.restored[0].key == "f");
  FileWriter& file = *second.restored[0].writer;
  CHECK(fixture.read(file, 0, 10).value() == "old");
  second.restored.clear();
  old.reset();
  heir.reset();
  fixture.run();
}

TEST_CASE("what the store alone keeps is neither promised nor held, and replaces no promise") {
  PromiseFixture fixture;
  auto file = fixture.create("f.new");
  CHECK(fixture.write(*file, 0, "bytes"));
  CHECK_FALSE(fixture.persist(*file, {.metadata = {{"mode", "1"}}}).value());
  CHECK(file->owed() == 0);
  CHECK(file->dirty());
  CHECK(file->bequeath().mark.empty());
  CHECK(fixture.finish<Held>([&](Done<Held> done) { file->hold(std::move(done)); }).value() ==
        Held::no);
  auto old = fixture.write_back->open({.key = "f"}, std::nullopt, {});
  CHECK(fixture.write(*old, 0, "old"));
  Deferred after;
  SECTION("which there is") {
    CHECK(fixture.persist(*old));
    CHECK_FALSE(file->rename({.key = "f"}, old.get(), after));
    CHECK(fixture.commit(*file));
    CHECK(fixture.stored("f.new") == "bytes");
  }
  SECTION("which there is not") {
    CHECK(file->rename({.key = "f"}, old.get(), after));
    // As it was asked for by persist.
    CHECK(fixture.commit(*file)->metadata == Metadata{{"mode", "1"}});
    CHECK(fixture.stored("f") == "bytes");
  }
  file.reset();
  old.reset();
  fixture.run();
}

TEST_CASE("holes in an edited object are holes in the journal, and zeros in the bucket") {
  PromiseFixture fixture;
  std::string bytes = pattern(6 * part);
  fixture.memory.set("f", bytes);
  auto file = fixture.write_back->open({.key = "f"}, WriteBase{*fixture.memory.info("f")}, {});
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
  auto file = fixture.write_back->open({.key = "f"}, std::nullopt, {});
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
  auto file = fixture.write_back->open({.key = "f"}, std::nullopt, {});
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

TEST_CASE(
    "an upload that a dead mount left is nobody's once its bytes are changed, asked for or not") {
  PromiseFixture fixture;
  std::string bytes = pattern(2 * part + 100);
  auto first = fixture.write_back->open({.key = "f"}, std::nullopt, {});
  CHECK(fixture.write(*first, 0, bytes));
  CHECK(fixture.persist(*first));
  fixture.store.hold("CompleteUpload");
  const auto never = fixture.begin_commit(*first);
  fixture.run();

  NextLife second(fixture, fixture.store, fixture.folder);
  REQUIRE(second.restored.size() == 1);
  FileWriter& file = *second.restored[0].writer;
  // The second mount asks which parts there are, and a program writes before the store answers.
  second.store.hold("ListParts");
  const auto neither = fixture.begin_commit(file);
  fixture.run();
  CHECK(second.store.held("ListParts") == 1);
  CHECK(fixture.write(file, 10, "NEW"));
  bytes.replace(10, 3, "NEW");
  CHECK(fixture.persist(file));

  NextLife third(fixture, second.store, second.folder);
  REQUIRE(third.restored.size() == 1);
  CHECK(fixture.commit(*third.restored[0].writer));
  CHECK(fixture.stored("f").substr(0, 20) == bytes.substr(0, 20));
  CHECK((fixture.stored("f") == bytes));
}

TEST_CASE("a promised file whose last owner holds a lock answers who waits for it without that") {
  PromiseFixture fixture;
  auto file = fixture.write_back->open({.key = "f"}, std::nullopt, {});
  CHECK(fixture.write(*file, 0, pattern(4 * part)));
  CHECK(fixture.persist(*file));
  fixture.store.hold("UploadPart");
  const auto committed = fixture.begin_commit(*file);
  fixture.run();
  auto other = fixture.write_back->open({.key = "g"}, std::nullopt, {});
  CHECK(fixture.write(*other, 0, pattern(4 * part)));
  Mutex tree;
  {
    const MutexLock lock(tree);
    file.reset();
    other.reset();
  }
  fixture.store.release_all();
  fixture.run();
  CHECK(committed->has_value());
  CHECK(fixture.memory.unfinished_uploads().empty());
  CHECK(fixture.budget.used() == 0);
}

}  // namespace
}  // namespace penstock::test
