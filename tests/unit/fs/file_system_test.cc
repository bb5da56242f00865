// SPDX-License-Identifier: Apache-2.0
// The file system over a store in memory, whose every answer the test lets through: what is asked,
// how often, and what an answer that comes late may change.
#include <set>

#include "support/catch.h"
#include "unit/fs/world.h"

namespace penstock {
namespace {

using std::chrono::milliseconds;
using test::World;

TEST_CASE("a listing answers for all its names, also for those that do not exist") {
  World world;
  for (int i = 0; i < 20; ++i) world.memory.set("d/f" + std::to_string(i), "x");
  const InodeId directory = world.inode("d");
  CHECK(world.list(directory).size() == 20);
  world.memory.clear_requests();
  for (int i = 0; i < 20; ++i) CHECK(world.lookup(directory, "f" + std::to_string(i)));
  CHECK(world.lookup(directory, "absent").code() == Code::not_found);
  CHECK(world.memory.requests().empty());
}

TEST_CASE("a lone lookup is one round trip of two requests, a second one lists the directory") {
  World world;
  for (int i = 0; i < 20; ++i) world.memory.set("d/f" + std::to_string(i), "x");
  const InodeId directory = world.inode("d");
  world.memory.clear_requests();
  CHECK(world.lookup(directory, "f1"));
  CHECK(world.memory.count("Head") == 1);
  CHECK(world.memory.count("List") == 1);
  for (int i = 2; i < 20; ++i) CHECK(world.lookup(directory, "f" + std::to_string(i)));
  // The listing brings two more, to see whether these files carry attributes.
  CHECK(world.memory.count("Head") == 3);
  CHECK(world.memory.count("List") == 2);
}

TEST_CASE(
    "in a directory of many pages names are asked for one by one, and the rest is not listed") {
  World world;
  for (int i = 0; i < 2500; ++i) world.memory.set("d/f" + std::to_string(i), "x");
  const InodeId directory = world.inode("d");
  for (int i = 0; i < 2500; i += 100) CHECK(world.lookup(directory, "f" + std::to_string(i)));
  CHECK(world.lookup(directory, "f7x").code() == Code::not_found);
  CHECK(world.memory.count("List") < 40);
  CHECK(world.list(directory).size() == 2500);
}

TEST_CASE("a name deleted here while a listing was under way does not come back with it") {
  World world;
  world.memory.set("d/a", "x");
  world.memory.set("d/b", "x");
  const InodeId directory = world.inode("d");
  CHECK(world.list(directory).size() == 2);
  world.scheduler.advance(milliseconds(20'000));  // the listing is old now
  // The answer is made, then held back while the file is deleted.
  world.store.hold("List");
  std::optional<Result<Entry>> late;
  world.file_system->lookup(directory, "b", [&](Result<Entry> entry) { late = std::move(entry); });
  std::optional<Result<void>> deleted;
  CHECK(world.store.held("List") == 1);
  world.file_system->unlink(directory, "a",
                            [&](Result<void> result) { deleted = std::move(result); });
  world.store.release_all();
  world.scheduler.advance(milliseconds(10));
  REQUIRE(deleted);
  CHECK(*deleted);
  CHECK(world.list(directory) == std::set<std::string>{"b"});
  if (late && *late) world.file_system->forget((*late)->attributes.inode, 1);
}

TEST_CASE("a file created here is listed before it is in the store") {
  World world;
  world.memory.set("d/a", "x");
  const InodeId directory = world.inode("d");
  const Result<Created> created = world.create(directory, "new");
  REQUIRE(created);
  CHECK(world.list(directory) == std::set<std::string>{"a", "new"});
  CHECK_FALSE(world.memory.contents("d/new"));
  CHECK(world.write_and_close(created->opened.handle, "bytes"));
  CHECK(world.memory.contents("d/new") == "bytes");
  world.scheduler.advance(milliseconds(20'000));
  CHECK(world.list(directory) == std::set<std::string>{"a", "new"});
}

TEST_CASE("what others delete and add is seen when the listing is old") {
  World world({.ttl = milliseconds(1000)});
  world.memory.set("d/a", "x");
  const InodeId directory = world.inode("d");
  CHECK(world.list(directory) == std::set<std::string>{"a"});
  world.memory.erase("d/a");
  world.memory.set("d/b", "x");
  CHECK(world.list(directory) == std::set<std::string>{"a"});
  world.scheduler.advance(milliseconds(1500));
  CHECK(world.list(directory) == std::set<std::string>{"b"});
  CHECK(world.lookup(directory, "a").code() == Code::not_found);
}

TEST_CASE("a failed listing fails, it does not end early") {
  World world;
  for (int i = 0; i < 1500; ++i) world.memory.set("d/f" + std::to_string(i), "x");
  const InodeId directory = world.inode("d");
  world.store.add({.operation = "List", .nth = 2, .error = Error(Code::access_denied)});
  const HandleId handle = world
                              .run<HandleId>([&](auto done) {
                                world.file_system->open_directory(directory, std::move(done));
                              })
                              .value();
  uint64_t cookie = 0;
  std::optional<Code> error;
  for (int i = 0; i < 100 && !error; ++i) {
    const auto entries = world.run<std::vector<DirectoryEntry>>([&](auto done) {
      world.file_system->read_directory({.handle = handle, .cookie = cookie, .max_entries = 300},
                                        std::move(done));
    });
    if (!entries) {
      error = entries.code();
    } else {
      REQUIRE_FALSE(entries->empty());
      cookie = entries->back().next_cookie;
    }
  }
  CHECK(error == Code::access_denied);
  world.file_system->release_directory(handle);
}

TEST_CASE("a commit that failed after close is tried again until it succeeds") {
  World world;
  const Result<Created> created = world.create(root_inode, "f");
  REQUIRE(created);
  world.store.add({.operation = "Put", .times = 3, .error = Error(Code::access_denied)});
  CHECK(world.write_and_close(created->opened.handle, "bytes").code() == Code::access_denied);
  CHECK_FALSE(world.memory.contents("f"));
  world.scheduler.advance(std::chrono::seconds(120));
  CHECK(world.memory.contents("f") == "bytes");
}

TEST_CASE("truncate is in the store when it returns, unless somebody is still writing") {
  World world;
  const Result<Created> created = world.create(root_inode, "f");
  REQUIRE(created);
  const HandleId handle = created->opened.handle;
  const InodeId inode = created->entry.attributes.inode;
  const auto write = [&](const std::string& bytes) {
    REQUIRE(world.run<void>([&](Done<void> done) {
      world.file_system->write(handle, {.offset = 0},
                               std::as_bytes(std::span(bytes.data(), bytes.size())),
                               std::move(done));
    }));
  };
  const auto truncate = [&](uint64_t size) {
    REQUIRE(world.run<Attributes>([&](Done<Attributes> done) {
      world.file_system->setattr(inode, {.size = size}, std::move(done));
    }));
  };
  const auto flush = [&] {
    REQUIRE(world.run<void>(
        [&](Done<void> done) { world.file_system->flush(handle, {}, std::move(done)); }));
  };
  write("0123456789");
  truncate(8);
  CHECK_FALSE(world.memory.contents("f"));
  flush();
  CHECK(world.memory.contents("f") == "01234567");
  // Closed, but the kernel has not released it yet.
  truncate(6);
  CHECK(world.memory.contents("f") == "012345");
  write("abc");  // by another descriptor of the same handle
  truncate(4);
  CHECK(world.memory.contents("f") == "012345");
  flush();
  CHECK(world.memory.contents("f") == "abc3");
  world.file_system->release(handle);
}

TEST_CASE("shutdown reports what could not be stored, at the latest when its time is up") {
  World world;
  const Result<Created> created = world.create(root_inode, "f");
  REQUIRE(created);
  const std::string bytes = "x";
  REQUIRE(world.run<void>([&](Done<void> done) {
    world.file_system->write(created->opened.handle, {.offset = 0},
                             std::as_bytes(std::span(bytes.data(), 1)), std::move(done));
  }));
  std::optional<std::vector<std::string>> unsaved;
  SECTION("it is stored in time") {
    world.file_system->shutdown(milliseconds(500), [&](auto paths) { unsaved = std::move(paths); });
    world.scheduler.advance(milliseconds(10));
    REQUIRE(unsaved);
    CHECK(unsaved->empty());
    CHECK(world.memory.contents("f") == "x");
  }
  SECTION("the store refuses") {
    world.store.add({.operation = "Put", .times = 100, .error = Error(Code::access_denied)});
    world.file_system->shutdown(milliseconds(500), [&](auto paths) { unsaved = std::move(paths); });
    world.scheduler.advance(milliseconds(10));
    REQUIRE(unsaved);
    CHECK(*unsaved == std::vector<std::string>{"f"});
  }
  SECTION("the store does not answer") {
    world.store.hold("Put");
    world.file_system->shutdown(milliseconds(500), [&](auto paths) { unsaved = std::move(paths); });
    world.scheduler.advance(milliseconds(499));
    CHECK_FALSE(unsaved);
    world.scheduler.advance(milliseconds(2));
    REQUIRE(unsaved);
    CHECK(*unsaved == std::vector<std::string>{"f"});
    world.store.release_all();
  }
  CHECK(world.create(root_inode, "g").code() == Code::read_only);
  world.file_system->release(created->opened.handle);
  world.scheduler.advance(milliseconds(1000));
}

TEST_CASE("a directory that appears under a file's name hides it, and the other way round") {
  World world({.ttl = milliseconds(0)});
  world.memory.set("n", "file");
  CHECK(world.lookup(root_inode, "n")->attributes.type == FileType::file);
  world.memory.set("n/inside", "x");
  CHECK(world.lookup(root_inode, "n")->attributes.type == FileType::directory);
  world.memory.erase("n/inside");
  // A listing still holds the directory's place; the one after it shows the file.
  world.list(root_inode);
  CHECK(world.lookup(root_inode, "n")->attributes.type == FileType::file);
}

}  // namespace
}  // namespace penstock
