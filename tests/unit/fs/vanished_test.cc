// SPDX-License-Identifier: Apache-2.0
// Files and directories that another client of the bucket removes or replaces while a kernel refers
// to them.
#include "support/catch.h"
#include "unit/fs/shared_world.h"

namespace penstock::test {
namespace {

TEST_CASE("a directory that another client removed is not the root for who is still in it") {
  SharedWorld world;
  world.memory.set("d/f", "x");
  world.memory.set("d/sub/f", "x");
  world.memory.set("top", "precious");
  world.memory.set("other", "precious");
  const InodeId d = world.held(root_inode, "d");
  const InodeId sub = world.held(d, "sub");
  // A handle from before.
  const HandleId handle = world
                              .run<HandleId>([&](Done<HandleId> done) {
                                world.file_system->open_directory(d, std::move(done));
                              })
                              .value();
  CHECK(world.list(d) == std::set<std::string>{"f", "sub"});
  world.memory.erase("d/f");
  world.memory.erase("d/sub/f");
  CHECK(world.look(root_inode) == std::set<std::string>{"other", "top"});

  const InodeId at = GENERATE_COPY(d, sub);
  CHECK(world.open_directory(at) == Code::changed);
  CHECK(world.lookup(at, "top").code() == Code::changed);
  CHECK(world.unlink(at, "top").code() == Code::changed);
  CHECK(world.rename(at, "top", root_inode, "moved").code() == Code::changed);
  CHECK(world.rename(root_inode, "top", at, "moved").code() == Code::changed);
  CHECK(world.rmdir(at, "d").code() == Code::changed);
  CHECK(world.create(at, "new").code() == Code::changed);
  CHECK(world.mkdir(at, "new").code() == Code::changed);
  CHECK(world.mknod(at, "new").code() == Code::changed);
  CHECK(world.getattr(at));  // who is in it leaves it
  CHECK(world.setattr(at, {.mode = 0700}).code() == Code::changed);
  CHECK(world.set_xattr(at).code() == Code::changed);
  const auto read = world.run<std::vector<DirectoryEntry>>([&](auto done) {
    world.file_system->read_directory({.handle = handle, .cookie = 0, .max_entries = 100},
                                      std::move(done));
  });
  CHECK(read.code() == Code::changed);
  world.file_system->release_directory(handle);
  CHECK(world.memory.keys() == std::vector<std::string>{"other", "top"});
}

TEST_CASE("a file that the kernel has not seen yet does not get the name of the one it has seen") {
  SharedWorld world;
  world.memory.set("f", "old");
  world.memory.set("g", "old");
  world.held(root_inode, "f");
  world.held(root_inode, "g");
  world.memory.set("f", "newer");
  world.look(root_inode);
  // The kernel, whose file under the name is the old one still, would have that one as "moved".
  CHECK(world.rename(root_inode, "f", root_inode, "moved").code() == Code::changed);
  const auto exchanged = [&] {
    return world.run<void>([&](Done<void> done) {
      world.file_system->exchange(root_inode, "f", root_inode, "g", std::move(done));
    });
  };
  CHECK(exchanged().code() == Code::changed);
  CHECK(world.memory.contents("f") == "newer");
  world.held(root_inode, "f");
  REQUIRE(world.rename(root_inode, "f", root_inode, "moved"));
  CHECK(world.memory.contents("moved") == "newer");
}

TEST_CASE("a write to a file that another client removed is an error, or stored") {
  SharedWorld world;
  world.memory.set("f", "x");
  world.memory.set("other", "x");
  const InodeId f = world.held(root_inode, "f");
  world.memory.erase("f");
  CHECK(world.look(root_inode) == std::set<std::string>{"other"});

  SECTION("opened by the old number") {
    CHECK(world.open(f, {.write = true, .truncate = true}).code() == Code::changed);
    CHECK(world.open(f, {.write = true}).code() == Code::changed);
    CHECK(world.open(f, {.read = true}).code() == Code::changed);
    CHECK(world.setattr(f, {.size = 0}).code() == Code::changed);
    CHECK(world.setattr(f, {.size = 3}).code() == Code::changed);
    CHECK(world.memory.keys() == std::vector<std::string>{"other"});
  }
  SECTION("made anew, as a kernel does that has looked the name up again") {
    const Result<Created> made = world.create(root_inode, "f");
    REQUIRE(made);
    REQUIRE(world.write_and_close(made->opened.handle, "new"));
    CHECK(world.memory.contents("f") == "new");
  }
}

TEST_CASE("attributes of a file that another client removed are not set without being stored") {
  SharedWorld world;
  world.memory.set("f", "x");
  world.memory.set("other", "x");
  const InodeId f = world.held(root_inode, "f");
  REQUIRE(world.getattr(f));
  world.memory.erase("f");
  CHECK(world.look(root_inode) == std::set<std::string>{"other"});
  CHECK(world.setattr(f, {.mode = 0600}).code() == Code::changed);
  CHECK(world.setattr(f, {.mtime_ns = 1}).code() == Code::changed);
  CHECK(world.set_xattr(f).code() == Code::changed);
  CHECK(world.getattr(f).code() == Code::changed);
}

TEST_CASE("what the store refuses to change since it has another version is there, not absent") {
  SharedWorld world;
  for (const char* name : {"a", "f", "z"}) world.memory.set(name, "old");
  CHECK(world.list(root_inode) == std::set<std::string>{"a", "f", "z"});
  const InodeId f = world.held(root_inode, "f");
  REQUIRE(world.setattr(f, {.mode = 0640}));
  // A program reads the names, and has come to the first one.
  const HandleId walk = world
                            .run<HandleId>([&](Done<HandleId> done) {
                              world.file_system->open_directory(root_inode, std::move(done));
                            })
                            .value();
  const auto read = [&](uint64_t cookie, size_t most) {
    return world
        .run<std::vector<DirectoryEntry>>([&](auto done) {
          world.file_system->read_directory({.handle = walk, .cookie = cookie, .max_entries = most},
                                            std::move(done));
        })
        .value();
  };
  const std::vector<DirectoryEntry> first = read(0, 3);
  REQUIRE(first.back().name == "a");

  world.memory.set("f", "longer-now");
  CHECK(world.setattr(f, {.mode = 0600}).code() == Code::changed);
  const std::vector<DirectoryEntry> rest = read(first.back().next_cookie, 10);
  REQUIRE(rest.size() == 2);
  CHECK(rest.front().name == "f");
  world.file_system->release_directory(walk);
  CHECK(world.lookup(root_inode, "f"));
  CHECK(world.list(root_inode) == std::set<std::string>{"a", "f", "z"});
}

TEST_CASE("who changes attributes of an object that has gone looks the name up again") {
  SharedWorld world;
  world.memory.set("f", "x", {{"mode", "33188"}});
  world.memory.set("other", "x");
  const InodeId f = world.held(root_inode, "f");
  const bool known = GENERATE(true, false);
  if (known) REQUIRE(world.setattr(f, {.mode = 0640}));
  world.memory.erase("f");
  CHECK(world.setattr(f, {.mode = 0600}).code() == Code::changed);
  CHECK(world.lookup(root_inode, "f").code() == Code::not_found);
  CHECK_FALSE(world.memory.contents("f"));
}

TEST_CASE("a directory is there though something in it goes while it is renamed") {
  SharedWorld world;
  world.memory.set("d/f", "x");
  world.memory.set("d/g", "x");
  const InodeId d = world.held(root_inode, "d");
  CHECK(world.list(d) == std::set<std::string>{"f", "g"});
  world.store.hold("Copy");
  std::optional<Result<void>> renamed;
  world.file_system->rename(root_inode, "d", root_inode, "e", false,
                            [&](Result<void> result) { renamed = std::move(result); });
  for (int i = 0; i < 100 && world.store.held("Copy") < 2; ++i)
    world.scheduler.advance(milliseconds(1));
  REQUIRE(world.store.held("Copy") == 2);
  world.memory.erase("d/f");
  world.store.release_all();
  for (int i = 0; i < 100 && !renamed; ++i) world.scheduler.advance(milliseconds(1));
  REQUIRE(renamed);
  CHECK(renamed->code() == Code::changed);
  CHECK(world.rename(root_inode, "d", root_inode, "e"));
  CHECK(world.memory.contents("e/g") == "x");
  CHECK_FALSE(world.memory.contents("d/g"));
}

TEST_CASE("what others removed before its directory was renamed is stored under neither name") {
  SharedWorld world;
  world.memory.set("d/f", "old");
  world.memory.set("d/g", "x");
  const InodeId d = world.held(root_inode, "d");
  const InodeId f = world.held(d, "f");
  const Result<HandleId> handle = world.open(f, {.write = true});
  REQUIRE(handle);
  world.memory.erase("d/f");
  REQUIRE(world.rename(root_inode, "d", root_inode, "e"));
  CHECK(world.open(f, {.write = true, .truncate = true}).code() == Code::changed);
  CHECK(world.write_and_close(*handle, "new").code() == Code::changed);
  CHECK(world.memory.keys() == std::vector<std::string>{"e/g"});
  // Whoever names it finds nothing, and makes it anew.
  CHECK(world.lookup(d, "f").code() == Code::not_found);
  const Result<Created> made = world.create(d, "f");
  REQUIRE(made);
  REQUIRE(world.write_and_close(made->opened.handle, "newer"));
  CHECK(world.memory.contents("e/f") == "newer");
}

TEST_CASE("a link to what another client made first does not say that the new name exists") {
  SharedWorld world;
  const Result<Created> made = world.run<Created>([&](Done<Created> done) {
    world.file_system->create(root_inode, "f", 0644, {.write = true}, true, {}, std::move(done));
  });
  REQUIRE(made);
  world.memory.set("f", "theirs");
  const Result<Entry> linked = world.run<Entry>([&](Done<Entry> done) {
    world.file_system->link(made->entry.attributes.inode, root_inode, "g", std::move(done));
  });
  CHECK(linked.code() == Code::changed);
  CHECK(world.memory.keys() == std::vector<std::string>{"f"});
  world.file_system->release(made->opened.handle);
}

TEST_CASE("a directory of which nothing is there any more cannot be renamed") {
  SharedWorld world;
  world.memory.set("d/f", "x");
  world.memory.set("other", "x");
  const InodeId d = world.held(root_inode, "d");
  CHECK(world.list(d) == std::set<std::string>{"f"});
  // Nothing about it is asked for beside the rename itself.
  CHECK(world.list(root_inode) == std::set<std::string>{"d", "other"});
  world.memory.erase("d/f");
  CHECK(world.rename(root_inode, "d", root_inode, "e").code() == Code::not_found);
  CHECK(world.lookup(root_inode, "e").code() == Code::not_found);
  CHECK(world.memory.keys() == std::vector<std::string>{"other"});
}

TEST_CASE("a file that another client removed is stored where its name is free, or kept") {
  SharedWorld world;
  world.memory.set("f", "old");
  world.memory.set("other", "x");
  const InodeId f = world.held(root_inode, "f");
  const HandleId handle = world.open(f, {.write = true, .truncate = true}).value();
  REQUIRE(world.write(handle, "new"));
  world.memory.erase("f");
  CHECK(world.look(root_inode) == std::set<std::string>{"f", "other"});
  REQUIRE(world.flush(handle));
  CHECK(world.memory.contents("f") == "new");
  world.file_system->release(handle);
}

TEST_CASE("nothing can be made in a directory that this mount removed") {
  SharedWorld world;
  world.memory.set("d/", "");
  const InodeId d = world.held(root_inode, "d");
  REQUIRE(world.rmdir(root_inode, "d"));
  CHECK(world.create(d, "new").code() == Code::not_found);
  CHECK(world.mkdir(d, "new").code() == Code::not_found);
  CHECK(world.mknod(d, "new").code() == Code::not_found);
  CHECK(world.lookup(d, "new").code() == Code::not_found);
  CHECK(world.getattr(d).value().links == 0);
  CHECK(world.memory.keys().empty());
}

TEST_CASE("who has open what another version was renamed in place of cannot edit that one") {
  SharedWorld world;
  world.memory.set("d/f", "the bytes that were there");
  const InodeId directory = world.held(root_inode, "d");
  const InodeId file = world.held(directory, "f");
  const HandleId handle = world.open(file, {.read = true, .write = true}).value();
  world.memory.set("d/f", "theirs");
  if (GENERATE(true, false)) {
    REQUIRE(world.rename(root_inode, "d", root_inode, "e"));
  } else {
    world.memory.set("e/g", "x");
    world.held(root_inode, "e");
    REQUIRE(world.run<void>([&](Done<void> done) {
      world.file_system->exchange(root_inode, "d", root_inode, "e", std::move(done));
    }));
  }
  CHECK(world
            .run<void>([&](Done<void> done) {
              world.file_system->write(handle, {.offset = 10}, std::as_bytes(std::span("edit", 4)),
                                       std::move(done));
            })
            .code() == Code::changed);
  CHECK(world.flush(handle));
  world.file_system->release(handle);
  world.scheduler.advance(milliseconds(10));
  CHECK(world.memory.contents("e/f") == "theirs");
  CHECK(world.lookup(world.held(root_inode, "e"), "f")->attributes.size == 6);
}

}  // namespace
}  // namespace penstock::test
