// SPDX-License-Identifier: Apache-2.0
// Attributes of stored files that change while the files are open, and at the same time.
#include "support/catch.h"
#include "unit/fs/world.h"

namespace penstock::test {
namespace {

/// "a", stored, open for writing. Its store gives each version an ETag of its own.
struct OpenForWriting : World {
  OpenForWriting() {
    memory.set("a", "stored bytes");
    inode = World::inode("a");
    handle = run<Opened>([&](Done<Opened> done) {
               file_system->open(inode, {.read = true, .write = true}, std::move(done));
             })
                 .value()
                 .handle;
  }

  void change_mode(uint32_t mode, std::optional<Result<Attributes>>& answer) {
    file_system->setattr(inode, {.mode = mode},
                         [&answer](Result<Attributes> result) { answer = std::move(result); });
  }
  Result<void> write(const std::string& bytes) {
    return run<void>([&](Done<void> done) {
      file_system->write(handle, {.offset = 0},
                         std::as_bytes(std::span(bytes.data(), bytes.size())), std::move(done));
    });
  }
  void flush(std::optional<Result<void>>& answer) {
    file_system->flush(handle, {}, [&answer](Result<void> result) { answer = std::move(result); });
  }
  /// A change of the mode that the store refuses.
  Result<Attributes> refused_change() {
    store.add({.operation = "Copy", .error = Error(Code::access_denied, "no")});
    std::optional<Result<Attributes>> changed;
    change_mode(0600, changed);
    pass_time();
    REQUIRE(changed);
    return *changed;
  }
  void pass_time() {
    for (int i = 0; i < 20; ++i) scheduler.advance(milliseconds(1));
  }
  std::string stored_mode() { return memory.info("a")->metadata->at("mode"); }

  InodeId inode = 0;
  HandleId handle = 0;
};

TEST_CASE("what is written after a change of attributes is an edit of the changed object") {
  OpenForWriting world;
  std::optional<Result<Attributes>> changed;
  world.change_mode(0600, changed);
  world.pass_time();
  REQUIRE(changed);
  REQUIRE(*changed);
  REQUIRE(world.write("edited"));
  std::optional<Result<void>> flushed;
  world.flush(flushed);
  world.pass_time();
  REQUIRE(flushed);
  CHECK(*flushed);
  CHECK(world.memory.contents("a") == "edited bytes");
  CHECK(world.stored_mode() == "33152");  // S_IFREG | 0600
}

TEST_CASE("changes at one time become one copy after the other, and contents wait for them") {
  OpenForWriting world;
  world.store.hold("Copy");
  std::optional<Result<Attributes>> first;
  std::optional<Result<Attributes>> second;
  std::optional<Result<Attributes>> third;
  std::optional<Result<void>> flushed;
  world.change_mode(0600, first);
  world.change_mode(0640, second);
  world.change_mode(0644, third);
  CHECK(world.store.held("Copy") == 1);
  REQUIRE(world.write("edited"));
  world.flush(flushed);
  world.pass_time();
  CHECK_FALSE(first);
  CHECK_FALSE(flushed);
  CHECK(world.memory.contents("a") == "stored bytes");
  world.store.release_all();
  world.pass_time();
  for (const auto* answer : {&first, &second, &third}) {
    REQUIRE(*answer);
    CHECK(**answer);
  }
  REQUIRE(flushed);
  CHECK(*flushed);
  CHECK(world.memory.contents("a") == "edited bytes");
  CHECK(world.stored_mode() == "33188");  // S_IFREG | 0644
}

TEST_CASE("a change that fails is told, and goes with the next commit") {
  OpenForWriting world;
  CHECK(world.refused_change().code() == Code::access_denied);
  REQUIRE(world.write("edited"));
  std::optional<Result<void>> flushed;
  world.flush(flushed);
  world.pass_time();
  REQUIRE(flushed);
  CHECK(*flushed);
  CHECK(world.memory.contents("a") == "edited bytes");
  CHECK(world.stored_mode() == "33152");
}

TEST_CASE("a change that fails is not made to the object that another node has put there") {
  OpenForWriting world;
  CHECK(world.refused_change().code() == Code::access_denied);
  const Metadata theirs = {{"mode", "33188"}, {"user.x", "y"}};
  world.memory.set("a", "of another", theirs);
  world.scheduler.advance(milliseconds(11'000));
  world.list(root_inode);
  std::optional<Result<void>> flushed;
  world.flush(flushed);
  world.pass_time();
  REQUIRE(flushed);
  CHECK(*flushed);
  CHECK(world.memory.info("a")->metadata == theirs);
  CHECK(world.lookup(root_inode, "a")->attributes.mode == 0644);
}

TEST_CASE("a change that was refused is stored when the program asks for it again") {
  World world;
  world.memory.set("a", "stored bytes");
  world.memory.set("d/", "");
  const bool directory = GENERATE(false, true);
  const InodeId inode = world.inode(directory ? "d" : "a");
  const auto change_mode = [&] {
    return world.run<Attributes>([&](Done<Attributes> done) {
      world.file_system->setattr(inode, {.mode = 0700}, std::move(done));
    });
  };
  world.store.add(
      {.operation = directory ? "Put" : "Copy", .error = Error(Code::access_denied, "no")});
  CHECK(change_mode().code() == Code::access_denied);
  CHECK(change_mode());
  const Metadata stored = *world.memory.info(directory ? "d/" : "a")->metadata;
  CHECK(stored.at("mode") == (directory ? "16832" : "33216"));  // S_IFDIR, S_IFREG | 0700
}

TEST_CASE("what is looked up during a change of attributes does not undo it") {
  World world;
  world.memory.set("a", "bytes", {{"mode", "33188"}});
  const InodeId inode = world.inode("a");
  world.store.hold("Copy");
  std::optional<Result<Attributes>> changed;
  world.file_system->setattr(inode, {.mode = 0600},
                             [&](Result<Attributes> result) { changed = std::move(result); });
  world.scheduler.advance(milliseconds(11'000));
  REQUIRE_FALSE(changed);
  CHECK(world.lookup(root_inode, "a"));
  world.store.release_all();
  for (int i = 0; i < 20; ++i) world.scheduler.advance(milliseconds(1));
  REQUIRE(changed);
  REQUIRE(*changed);
  CHECK((*changed)->mode == 0600);
  CHECK(world.lookup(root_inode, "a")->attributes.mode == 0600);
}

TEST_CASE("who opens and reads an object does not wait for the end of a change of its attributes") {
  World world;
  world.memory.set("a", "bytes", {{"mode", "33188"}});
  const InodeId inode = world.inode("a");
  const auto open = [&](OpenFlags flags) {
    return world
        .run<Opened>(
            [&](Done<Opened> done) { world.file_system->open(inode, flags, std::move(done)); })
        .value()
        .handle;
  };
  const HandleId handle = open({.read = true});
  world.store.hold("Copy");
  std::optional<Result<Attributes>> changed;
  world.file_system->setattr(inode, {.mode = 0600},
                             [&](Result<Attributes> result) { changed = std::move(result); });
  world.scheduler.advance(milliseconds(1));
  // As the store has it when only the answer to the copy is missing.
  world.memory.set("a", "bytes", {{"mode", "33152"}});
  const auto slices = world.run<Slices>([&](Done<Slices> done) {
    world.file_system->read(handle, {0, 100}, {}, std::move(done));
  });
  REQUIRE(slices);
  CHECK(slices->size() == 5);
  CHECK(open({.write = true}) != 0);
  CHECK_FALSE(changed);
  world.store.release_all();
  for (int i = 0; i < 20; ++i) world.scheduler.advance(milliseconds(1));
  REQUIRE(changed);
}

TEST_CASE("who has a file open is told of it, whatever has its name by then") {
  World world;
  world.memory.set("a", "1");
  const InodeId inode = world.inode("a");
  REQUIRE(world.run<Opened>(
      [&](Done<Opened> done) { world.file_system->open(inode, {.read = true}, std::move(done)); }));
  const bool deleted = GENERATE(true, false);
  CAPTURE(deleted);
  deleted ? world.memory.erase("a") : static_cast<void>(world.memory.set("a", "longer"));
  for (int i = 0; i < 2; ++i) {
    world.scheduler.advance(milliseconds(11'000));
    const auto attributes = world.run<Attributes>(
        [&](Done<Attributes> done) { world.file_system->getattr(inode, std::move(done)); });
    REQUIRE(attributes);
    CHECK(attributes->size == 1);
  }
  CHECK(world.lookup(root_inode, "a").has_value() == !deleted);
}

TEST_CASE("a read that waits while the file becomes another version is answered from that one") {
  OpenForWriting world;
  world.store.hold("Get");
  std::optional<Result<Slices>> first;
  std::optional<Result<Slices>> second;
  const auto read = [&world](std::optional<Result<Slices>>& answer) {
    world.file_system->read(world.handle, {0, 100}, {},
                            [&answer](Result<Slices> slices) { answer = std::move(slices); });
  };
  read(first);
  std::optional<Result<Attributes>> changed;
  world.change_mode(0600, changed);
  world.pass_time();
  REQUIRE(changed);
  read(second);  // lets go of the version that the first one waits for
  world.store.release_all();
  for (int i = 0; i < 50; ++i) world.pass_time();
  for (auto* answer : {&first, &second}) {
    REQUIRE(*answer);
    REQUIRE(**answer);
    REQUIRE((*answer)->value().spans.size() == 1);
    CHECK((*answer)->value().spans[0].size() == 12);
  }
}

TEST_CASE("a read that meets the version of a commit under way waits for the commit's end") {
  OpenForWriting world;
  world.store.hold("Copy");
  std::optional<Result<Attributes>> changed;
  world.change_mode(0600, changed);
  world.pass_time();
  REQUIRE(world.store.held("Copy") == 1);
  // As if the copy had its effect, and its answer took long.
  world.memory.set("a", "stored bytes");
  std::optional<Result<Slices>> read;
  world.file_system->read(world.handle, {0, 12}, {},
                          [&](Result<Slices> result) { read = std::move(result); });
  world.scheduler.advance(std::chrono::seconds(30));
  CHECK_FALSE(read);
  world.store.release_all();
  world.pass_time();
  CHECK(read);
}

}  // namespace
}  // namespace penstock::test
