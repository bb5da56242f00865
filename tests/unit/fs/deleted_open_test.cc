// SPDX-License-Identifier: Apache-2.0
// Files that lose their name while they are open.
#include "support/catch.h"
#include "unit/fs/world.h"

namespace penstock::test {
namespace {

struct OpenStored : World {
  explicit OpenStored(OpenFlags flags = {.read = true}) {
    memory.set("a", "stored bytes");
    inode = World::inode("a");
    handle = open(flags);
  }

  HandleId open(OpenFlags flags) {
    return run<Opened>([&](Done<Opened> done) { file_system->open(inode, flags, std::move(done)); })
        .value()
        .handle;
  }
  Result<std::string> read() {
    const Result<Slices> slices = run<Slices>([&](Done<Slices> done) {
      file_system->read(handle, {0, 1000}, {}, std::move(done));
    });
    if (!slices) return slices.error();
    std::string bytes;
    for (const auto& span : slices->spans)
      bytes.append(reinterpret_cast<const char*>(span.data()), span.size());
    return bytes;
  }
  Result<void> write(uint64_t offset, const std::string& bytes) {
    return run<void>([&](Done<void> done) {
      file_system->write(handle, {.offset = offset},
                         std::as_bytes(std::span(bytes.data(), bytes.size())), std::move(done));
    });
  }
  Result<void> flush() {
    return run<void>([&](Done<void> done) { file_system->flush(handle, {}, std::move(done)); });
  }
  Result<void> unlink(const std::string& name) {
    return run<void>(
        [&](Done<void> done) { file_system->unlink(root_inode, name, std::move(done)); });
  }
  Result<void> rename(const std::string& from, const std::string& to) {
    return run<void>([&](Done<void> done) {
      file_system->rename(root_inode, from, root_inode, to, false, std::move(done));
    });
  }
  void close() {
    file_system->release(handle);
    for (int i = 0; i < 20; ++i) scheduler.advance(milliseconds(1));
  }

  InodeId inode = 0;
  HandleId handle = 0;
};

TEST_CASE("who has a deleted file open reads on, until the last close") {
  OpenStored world;
  const HandleId second = world.open({.read = true});
  REQUIRE(world.unlink("a"));
  CHECK_FALSE(world.memory.contents("a"));
  CHECK(world.lookup(root_inode, "a").code() == Code::not_found);
  CHECK(world.read().value() == "stored bytes");
  const Attributes attributes = world
                                    .run<Attributes>([&](Done<Attributes> done) {
                                      world.file_system->getattr(world.inode, std::move(done));
                                    })
                                    .value();
  CHECK(attributes.links == 0);
  CHECK(attributes.size == 12);
  world.close();
  world.handle = second;
  CHECK(world.read().value() == "stored bytes");
  world.close();
  CHECK(world.memory.keys().empty());
}

TEST_CASE("who writes to a deleted file reads what was written, and none of it stays") {
  OpenStored world({.read = true, .write = true});
  const bool dirty = GENERATE(false, true);
  if (dirty) REQUIRE(world.write(0, "STORED"));
  REQUIRE(world.unlink("a"));
  CHECK(world.read().value() == (dirty ? "STORED bytes" : "stored bytes"));
  REQUIRE(world.write(7, "more than there was"));
  CHECK(world.read().value().substr(6) == " more than there was");
  CHECK(world.flush());
  const Result<Attributes> truncated = world.run<Attributes>([&](Done<Attributes> done) {
    world.file_system->setattr(world.inode, {.size = 3}, std::move(done));
  });
  REQUIRE(truncated);
  CHECK(truncated->size == 3);
  CHECK(world.read().value().size() == 3);
  world.close();
  CHECK(world.memory.keys().empty());
}

TEST_CASE("what was written to a deleted file outlives its writer while others read it") {
  OpenStored world;
  const HandleId reader = std::exchange(world.handle, world.open({.write = true}));
  REQUIRE(world.unlink("a"));
  REQUIRE(world.write(0, "STORED"));
  CHECK(world.flush());
  world.close();
  world.handle = reader;
  CHECK(world.read().value() == "STORED bytes");
  world.close();
  CHECK(world.memory.keys().empty());
}

TEST_CASE("who has a file open that a rename replaces reads on") {
  OpenStored world;
  world.memory.set("b", "the new one");
  REQUIRE(world.rename("b", "a"));
  CHECK(world.read().value() == "stored bytes");
  CHECK(world.memory.contents("a") == "the new one");
  world.close();
  // The file keeps its time, which the root's marker notes.
  CHECK(world.memory.keys() == std::vector<std::string>{".penstock/root", "a"});
}

TEST_CASE("a deletion that fails leaves the open file its name") {
  OpenStored world({.read = true, .write = true});
  world.store.add({.operation = "Remove", .error = Error(Code::access_denied)});
  const Result<void> unlinked = world.unlink("a");
  REQUIRE_FALSE(unlinked);
  CHECK(world.read().value() == "stored bytes");
  REQUIRE(world.write(0, "STORED"));
  CHECK(world.flush());
  CHECK(world.memory.contents("a") == "STORED bytes");
  world.close();
  CHECK(world.memory.keys() == std::vector<std::string>{"a"});
}

TEST_CASE("a file that nobody has open is deleted without a copy") {
  OpenStored world;
  world.close();
  REQUIRE(world.unlink("a"));
  CHECK(world.memory.count("Copy") == 0);
  CHECK(world.memory.keys().empty());
}

TEST_CASE("a deleted name stays deleted, whatever the file had replaced under it") {
  OpenStored world;
  world.close();
  const bool exclusive = GENERATE(false, true);
  const Created created =
      world
          .run<Created>([&](Done<Created> done) {
            world.file_system->create(root_inode, "new", 0644, {.read = true, .write = true},
                                      exclusive, {}, std::move(done));
          })
          .value();
  world.handle = created.opened.handle;
  REQUIRE(world.write(0, "unsent"));
  REQUIRE(world.rename("new", "a"));
  SECTION("written and deleted") {
    REQUIRE(world.unlink("a"));
    CHECK(world.memory.keys().empty());
    world.close();
    CHECK(world.memory.keys().empty());
  }
  SECTION("O_EXCL was about the name that it was created under") {
    REQUIRE(world.flush());
    CHECK(world.memory.contents("a") == "unsent");
    world.close();
  }
}

}  // namespace
}  // namespace penstock::test
