// SPDX-License-Identifier: Apache-2.0
// What is sent when, while nothing goes wrong.
#include <cstring>

#include "unit/data/write/write_fixture.h"

namespace penstock::test {
namespace {

TEST_CASE("a small file is one PUT, with its metadata, when it is committed") {
  WriteFixture fixture;
  auto file = fixture.create("a");
  CHECK(file->dirty());
  CHECK(fixture.write(*file, 0, "hello"));
  CHECK(fixture.append(*file, " world").value() == 5);
  CHECK(fixture.memory.requests().empty());
  CHECK(fixture.commit(*file, {.metadata = {{"mode", "33188"}}})->size == 11);
  CHECK_FALSE(file->dirty());
  CHECK(fixture.stored("a") == "hello world");
  CHECK(fixture.memory.info("a")->metadata == Metadata{{"mode", "33188"}});
  CHECK(fixture.memory.requests().size() == 1);
  // Nothing changed: no request.
  CHECK(fixture.commit(*file, {.metadata = {{"mode", "33188"}}}));
  CHECK(fixture.memory.requests().size() == 1);
  fixture.close(file);
}

TEST_CASE("an empty file is stored, and so is one that was truncated to nothing") {
  WriteFixture fixture;
  auto file = fixture.create("empty");
  CHECK(fixture.commit(*file));
  CHECK(fixture.stored("empty").empty());
  CHECK(fixture.write(*file, 0, pattern(3 * part)));
  CHECK(fixture.truncate(*file, 0));
  CHECK(fixture.commit(*file));
  CHECK(fixture.stored("empty").empty());
  fixture.close(file);
}

TEST_CASE("parts are sent while the file is written, each once it is behind the writer") {
  WriteFixture fixture;
  const std::string bytes = pattern(5 * part + 100);
  auto file = fixture.create("big");
  CHECK(fixture.write(*file, 0, std::string_view(bytes).substr(0, part)));
  CHECK(fixture.memory.requests().empty());  // it may yet be a file of one PUT
  CHECK(fixture.write(*file, part, std::string_view(bytes).substr(part, 2 * part)));
  CHECK(fixture.memory.count("CreateUpload") == 1);
  CHECK(fixture.memory.count("UploadPart") == 2);
  CHECK_FALSE(fixture.memory.info("big"));
  CHECK(fixture.write(*file, 3 * part, std::string_view(bytes).substr(3 * part)));
  CHECK(fixture.memory.count("UploadPart") == 5);
  CHECK(fixture.commit(*file)->size == bytes.size());
  CHECK(fixture.memory.count("UploadPart") == 6);
  CHECK(fixture.stored("big") == bytes);
  fixture.close(file);
}

TEST_CASE("a header that is written last costs no second upload of the rest") {
  WriteFixture fixture;
  std::string bytes = pattern(4 * part);
  auto file = fixture.create("h");
  CHECK(fixture.write(*file, 0, bytes));
  CHECK(fixture.write(*file, 0, "HEADER"));
  bytes.replace(0, 6, "HEADER");
  CHECK(fixture.commit(*file));
  CHECK(fixture.stored("h") == bytes);
  CHECK(fixture.memory.count("UploadPart") <= 5);
  fixture.close(file);
}

TEST_CASE("whole blocks are taken without copying, unless part of the block is there already") {
  WriteFixture fixture;
  const uint64_t block_size = fixture.engine->block_size();
  std::string bytes = pattern(3 * block_size);
  const auto file = fixture.engine->begin("b", std::nullopt, {}, std::make_shared<OpenUploads>());
  const auto write_block = [&](uint64_t index) {
    const std::shared_ptr<Buffer> block = fixture.engine->new_block();
    REQUIRE(block->size() == block_size);
    std::memcpy(block->data(), bytes.data() + index * block_size, block_size);
    CHECK(fixture.finish<void>(
        [&](Done<void> done) { file->write_block(index * block_size, block, std::move(done)); }));
    return std::weak_ptr<Buffer>(block);
  };
  CHECK(fixture.write(*file, block_size + 3, "x"));
  CHECK_FALSE(write_block(0).expired());
  CHECK(write_block(1).expired());
  CHECK_FALSE(write_block(2).expired());
  CHECK(fixture.budget.used() == 3 * block_size);
  CHECK(fixture.write(*file, 2 * block_size + 5, "over"));
  bytes.replace(2 * block_size + 5, 4, "over");
  CHECK(fixture.read(*file, 0, bytes.size()).value() == bytes);
  CHECK(fixture.commit(*file)->size == bytes.size());
  CHECK(fixture.stored("b") == bytes);
}

TEST_CASE("a block that is written during a commit waits for it, and is the file's then") {
  WriteFixture fixture;
  const auto file = fixture.engine->begin("b", std::nullopt, {}, std::make_shared<OpenUploads>());
  CHECK(fixture.write(*file, 0, "first"));
  const auto committed = fixture.begin_commit(*file);
  std::shared_ptr<Buffer> block = fixture.engine->new_block();
  const std::weak_ptr<Buffer> kept = block;
  const std::string bytes = pattern(block->size());
  std::memcpy(block->data(), bytes.data(), bytes.size());
  const auto written = fixture.begin<void>(
      [&](Done<void> done) { file->write_block(bytes.size(), std::move(block), std::move(done)); });
  CHECK_FALSE(written->has_value());
  fixture.run();
  REQUIRE(committed->has_value());
  CHECK((**committed)->size == 5);
  REQUIRE(written->has_value());
  CHECK(**written);
  CHECK_FALSE(kept.expired());
  CHECK(fixture.commit(*file)->size == 2 * bytes.size());
  CHECK(fixture.stored("b") == "first" + std::string(bytes.size() - 5, '\0') + bytes);
}

TEST_CASE("commits that wait for another are all answered, also those that find nothing to do") {
  WriteFixture fixture;
  auto file = fixture.create("c");
  CHECK(fixture.write(*file, 0, "bytes"));
  // Other metadata: not answered by the first one.
  std::vector<WriteFixture::Pending<ObjectInfo>> commits;
  for (const char* mode : {"1", "2", "2", "2", "2"})
    commits.push_back(fixture.begin_commit(*file, {.metadata = {{"mode", mode}}}));
  fixture.run();
  for (const auto& commit : commits) {
    REQUIRE(commit->has_value());
    CHECK(*commit);
  }
  CHECK(fixture.memory.info("c")->metadata == Metadata{{"mode", "2"}});
  fixture.close(file);
}

TEST_CASE("holes are zeros") {
  WriteFixture fixture;
  auto file = fixture.create("sparse");
  CHECK(fixture.write(*file, 3 * part + 7, "x"));
  CHECK(fixture.read(*file, 3 * part, 100).value() == std::string(7, '\0') + "x");
  CHECK(fixture.commit(*file));
  CHECK(fixture.stored("sparse") == std::string(3 * part + 7, '\0') + "x");
  CHECK(fixture.truncate(*file, 4 * part));
  CHECK(fixture.commit(*file));
  CHECK(fixture.stored("sparse").size() == 4 * part);
  fixture.close(file);
}

TEST_CASE("of an edited object what stays is copied inside the store") {
  WriteFixture fixture;
  std::string bytes = pattern(6 * part);
  fixture.memory.set("e", bytes);
  auto file = fixture.edit("e");
  CHECK_FALSE(file->dirty());
  CHECK(file->size() == bytes.size());
  CHECK(fixture.write(*file, 2 * part + 5, "changed"));
  bytes.replace(2 * part + 5, 7, "changed");
  CHECK(fixture.read(*file, 2 * part, 20).value() == bytes.substr(2 * part, 20));
  CHECK(fixture.commit(*file));
  CHECK(fixture.stored("e") == bytes);
  CHECK(fixture.memory.count("UploadPartCopy") == 5);
  CHECK(fixture.memory.count("UploadPart") == 1);
  fixture.close(file);
}

TEST_CASE("an append to an object goes on where it ends") {
  WriteFixture fixture;
  std::string bytes = pattern(2 * part + 10);
  fixture.memory.set("log", bytes);
  auto file = fixture.edit("log");
  for (int i = 0; i < 3; ++i) {
    CHECK(fixture.append(*file, "line").value() == bytes.size());
    bytes += "line";
    CHECK(fixture.commit(*file));
    CHECK(fixture.stored("log") == bytes);
  }
  fixture.close(file);
}

TEST_CASE("what is written during a commit belongs to the next one") {
  WriteFixture fixture;
  auto file = fixture.create("c");
  CHECK(fixture.write(*file, 0, "first"));
  fixture.store.hold("Put");
  const auto first = fixture.begin_commit(*file);
  fixture.run();
  const auto write = fixture.begin_write(*file, 0, "later");
  const auto second = fixture.begin_commit(*file, {.metadata = {{"a", "b"}}});
  fixture.run();
  CHECK_FALSE(first->has_value());
  CHECK_FALSE(write->has_value());
  fixture.store.release_one("Put");
  fixture.run();
  REQUIRE(first->has_value());
  CHECK(fixture.stored("c") == "first");
  fixture.store.release_all();
  fixture.run();
  REQUIRE(write->has_value());
  REQUIRE(second->has_value());
  CHECK(fixture.commit(*file, {.metadata = {{"a", "b"}}}));
  CHECK(fixture.stored("c") == "later");
  CHECK(fixture.memory.info("c")->metadata == Metadata{{"a", "b"}});
  fixture.close(file);
}

TEST_CASE("a file takes another name until the first part is sent") {
  WriteFixture fixture;
  Deferred after;
  auto file = fixture.create("x.tmp");
  CHECK(fixture.write(*file, 0, "small"));
  CHECK(file->rename({.key = "x"}, nullptr, after));
  CHECK(fixture.commit(*file));
  CHECK(fixture.stored("x") == "small");
  CHECK_FALSE(fixture.memory.info("x.tmp"));
  CHECK_FALSE(file->rename({.key = "y"}, nullptr, after));
  fixture.close(file);

  auto big = fixture.create("y.tmp");
  CHECK(fixture.write(*big, 0, pattern(3 * part)));
  CHECK_FALSE(big->rename({.key = "y"}, nullptr, after));
  fixture.close(big);  // given up: its upload is aborted
}

TEST_CASE("a file that is given up leaves nothing behind") {
  WriteFixture fixture;
  auto file = fixture.create("gone");
  CHECK(fixture.write(*file, 0, pattern(4 * part)));
  CHECK(fixture.memory.unfinished_uploads().size() == 1);
  CHECK(fixture.uploads.ids.size() == 1);
  bool ended = false;
  file->abandon([&] { ended = true; });
  fixture.run();
  CHECK(ended);
  CHECK(fixture.write(*file, 0, "x").code() == Code::cancelled);
  CHECK(fixture.commit(*file).code() == Code::cancelled);
  CHECK_FALSE(fixture.memory.info("gone"));
  fixture.close(file);
}

TEST_CASE("an exclusive file does not replace what somebody else stored first") {
  WriteFixture fixture;
  auto file = fixture.create_exclusively("lock");
  CHECK(fixture.write(*file, 0, "mine"));
  fixture.memory.set("lock", "theirs");
  CHECK(fixture.commit(*file).code() == Code::already_exists);
  CHECK(fixture.stored("lock") == "theirs");
  CHECK(file->dirty());
  fixture.close(file);
}

TEST_CASE("a file whose object was removed is stored again only where its name is free") {
  WriteFixture fixture;
  fixture.memory.set("f", "old");
  auto file = fixture.edit("f");
  CHECK(fixture.truncate(*file, 0));
  CHECK(fixture.write(*file, 0, "mine"));
  const NextObject again{.metadata = {}, .before = {.version = {}, .removed = true}};
  fixture.memory.set("f", "theirs");
  CHECK(fixture.commit(*file, again).code() == Code::already_exists);
  CHECK(fixture.stored("f") == "theirs");
  fixture.memory.erase("f");
  CHECK(fixture.commit(*file, again));
  CHECK(fixture.stored("f") == "mine");
  fixture.close(file);
}

TEST_CASE("an exclusive file that is read before it is stored replaces nothing") {
  WriteFixture fixture;
  auto file = fixture.create_exclusively("large");
  const std::string bytes = pattern(20 * part);
  CHECK(fixture.write(*file, 0, bytes));
  fixture.memory.set("large", "theirs");
  CHECK(fixture.read(*file, 5 * part, 20).value() == bytes.substr(5 * part, 20));
  CHECK(fixture.commit(*file).code() == Code::already_exists);
  CHECK(fixture.stored("large") == "theirs");
  fixture.close(file);
}

TEST_CASE("what is truncated to nothing is written anew, also where it was empty") {
  WriteFixture fixture;
  fixture.memory.set("e", "");
  auto file = fixture.edit("e");
  fixture.memory.set("e", "of another node");
  CHECK(fixture.truncate(*file, 0));
  const std::string bytes = GENERATE("", "two");
  CHECK(fixture.write(*file, 0, bytes));
  CHECK(fixture.commit(*file));
  CHECK(fixture.stored("e") == bytes);
  fixture.close(file);
}

TEST_CASE("an update does not replace a version that nobody here has seen") {
  WriteFixture fixture;
  for (const uint64_t size : {100 + part / 2, 3 * part}) {
    const std::string bytes = pattern(size);
    fixture.memory.set("u", bytes);
    auto file = fixture.edit("u");
    CHECK(fixture.write(*file, 1, "x"));
    fixture.memory.set("u", "newer");
    CHECK(fixture.commit(*file).code() == Code::changed);
    CHECK(fixture.stored("u") == "newer");
    fixture.close(file);
  }
}

TEST_CASE("a write past the largest object is refused and changes nothing") {
  WriteFixture fixture;
  auto file = fixture.create("huge");
  CHECK(fixture.write(*file, fixture.memory.limits().max_object_size, "x").code() ==
        Code::too_large);
  CHECK(fixture.write(*file, UINT64_MAX - 1, "xyz").code() == Code::too_large);
  CHECK(file->size() == 0);
  fixture.close(file);
}

TEST_CASE("who lets go of a file may hold a lock: its upload is aborted without that") {
  WriteFixture fixture;
  auto file = fixture.create("f");
  CHECK(fixture.write(*file, 0, pattern(3 * part)));
  CHECK(fixture.memory.unfinished_uploads().size() == 1);
  auto clean = fixture.create("g");
  Mutex tree;
  {
    const MutexLock lock(tree);
    file.reset();
    clean.reset();
  }
  fixture.run();
  CHECK(fixture.memory.unfinished_uploads().empty());
  CHECK(fixture.budget.used() == 0);
}

}  // namespace
}  // namespace penstock::test
