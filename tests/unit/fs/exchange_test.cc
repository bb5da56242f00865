// SPDX-License-Identifier: Apache-2.0
// RENAME_EXCHANGE, and what of it a dead mount leaves.
#include "support/catch.h"
#include "unit/fs/world.h"

namespace penstock::test {
namespace {

struct Exchanging : World {
  explicit Exchanging(std::string prefix = "") : World({.ttl = milliseconds(10'000)}, prefix) {}

  Result<void> exchange(const std::string& one, const std::string& other) {
    return run<void>([&](Done<void> done) {
      file_system->exchange(root_inode, one, root_inode, other, std::move(done));
    });
  }
  std::string read(InodeId inode) {
    const Opened opened = run<Opened>([&](Done<Opened> done) {
                            file_system->open(inode, {.read = true}, std::move(done));
                          }).value();
    std::string bytes = read_handle(opened.handle);
    file_system->release(opened.handle);
    return bytes;
  }
  std::string read_handle(HandleId handle) {
    const Result<Slices> slices = run<Slices>([&](Done<Slices> done) {
      file_system->read(handle, {0, 1000}, {}, std::move(done));
    });
    if (!slices) return "error: " + slices.error().describe();
    std::string bytes;
    for (const auto& piece : slices->spans)
      bytes.append(reinterpret_cast<const char*>(piece.data()), piece.size());
    return bytes;
  }
};

TEST_CASE("two files exchange their names") {
  Exchanging world;
  world.memory.set("a", "first");
  world.memory.set("b", "second");
  const InodeId a = world.inode("a");
  const InodeId b = world.inode("b");
  REQUIRE(world.exchange("a", "b"));
  CHECK(world.memory.contents("a") == "second");
  CHECK(world.memory.contents("b") == "first");
  CHECK(world.memory.keys() == std::vector<std::string>{"a", "b"});
  CHECK(world.inode("a") == b);
  CHECK(world.inode("b") == a);
  CHECK(world.read(a) == "first");
  CHECK(world.read(b) == "second");
}

TEST_CASE("a file and a directory exchange their names, and what is open goes on") {
  Exchanging world("p/");
  world.memory.set("p/f", "file");
  world.memory.set("p/d/", "");
  world.memory.set("p/d/x", "below");
  const InodeId file = world.inode("f");
  const InodeId directory = world.inode("d");
  const InodeId below = world.lookup(directory, "x").value().attributes.inode;
  const HandleId open = world
                            .run<Opened>([&](Done<Opened> done) {
                              world.file_system->open(below, {.read = true}, std::move(done));
                            })
                            .value()
                            .handle;
  REQUIRE(world.exchange("f", "d"));
  CHECK(world.memory.keys() == std::vector<std::string>{"p/d", "p/f/", "p/f/x"});
  CHECK(world.read_handle(open) == "below");
  CHECK(world.inode("f") == directory);
  CHECK(world.inode("d") == file);
  CHECK(world.list(directory) == std::set<std::string>{"x"});
  CHECK(world.read(file) == "file");
  world.file_system->release(open);
}

TEST_CASE("two directories exchange their names; one inside the other cannot") {
  Exchanging world;
  for (const char* key : {"one/", "one/1", "two/", "two/2", "two/sub/3"})
    world.memory.set(key, key);
  REQUIRE(world.exchange("one", "two"));
  CHECK(world.memory.keys() ==
        std::vector<std::string>{"one/", "one/2", "one/sub/3", "two/", "two/1"});
  CHECK(world.memory.contents("one/sub/3") == "two/sub/3");
  CHECK(world.list(world.inode("one")) == std::set<std::string>{"2", "sub"});
  const Result<void> inside = world.run<void>([&](Done<void> done) {
    world.file_system->exchange(root_inode, "one", world.inode("one"), "sub", std::move(done));
  });
  REQUIRE_FALSE(inside);
  CHECK(inside.code() == Code::invalid_argument);
}

TEST_CASE("an exchange needs both names") {
  Exchanging world;
  world.memory.set("a", "first");
  const Result<void> result = world.exchange("a", "absent");
  REQUIRE_FALSE(result);
  CHECK(result.code() == Code::not_found);
  CHECK(world.memory.contents("a") == "first");
}

TEST_CASE("what is not stored yet is exchanged with its bytes") {
  Exchanging world;
  world.memory.set("b", "second");
  const Created created = world.create(root_inode, "a").value();
  const std::string bytes = "unsent";
  REQUIRE(world.run<void>([&](Done<void> done) {
    world.file_system->write(created.opened.handle, {},
                             std::as_bytes(std::span(bytes.data(), bytes.size())), std::move(done));
  }));
  REQUIRE(world.exchange("a", "b"));
  CHECK(world.memory.contents("b") == "unsent");
  CHECK(world.memory.contents("a") == "second");
  REQUIRE(world.write_and_close(created.opened.handle, "again!"));
  CHECK(world.memory.contents("b") == "again!");
}

TEST_CASE("what mounts keep for themselves is not to be seen, nor made") {
  Exchanging world("p/");
  world.memory.set("p/.penstock/renames/x", "text");
  world.memory.set("p/d/.penstock/y", "a file as any other");
  CHECK(world.list(root_inode) == std::set<std::string>{"d"});
  CHECK(world.lookup(root_inode, ".penstock").code() == Code::not_found);
  CHECK(world.create(root_inode, ".penstock").code() == Code::access_denied);
  CHECK(world.list(world.inode("d")) == std::set<std::string>{".penstock"});
}

TEST_CASE("of two nodes that rename to one name without replacing, one is refused") {
  Exchanging world;
  world.memory.set("a", "ours");
  REQUIRE(world.lookup(root_inode, "a"));
  REQUIRE(world.lookup(root_inode, "b").code() == Code::not_found);
  world.memory.set("b", "theirs");  // within the time that the absence is believed
  const Result<void> renamed = world.run<void>([&](Done<void> done) {
    world.file_system->rename(root_inode, "a", root_inode, "b", true, std::move(done));
  });
  REQUIRE_FALSE(renamed);
  CHECK(renamed.code() == Code::already_exists);
  CHECK(world.memory.contents("b") == "theirs");
  CHECK(world.memory.contents("a") == "ours");
}

}  // namespace
}  // namespace penstock::test
