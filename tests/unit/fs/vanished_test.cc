// SPDX-License-Identifier: Apache-2.0
// Files and directories that another client of the bucket removes or replaces while a kernel refers
// to them.
#include "support/catch.h"
#include "unit/fs/world.h"

namespace penstock::test {
namespace {

/// A mount whose kernel holds a reference to whatever it has looked up.
struct Shared : World {
  using World::World;

  InodeId held(InodeId directory, const std::string& name) {
    return run<Entry>(
               [&](Done<Entry> done) { file_system->lookup(directory, name, std::move(done)); })
        .value()
        .attributes.inode;
  }
  /// Until what is known is too old to be believed.
  void wait() { scheduler.advance(milliseconds(10'000)); }
  /// Has the mount find out what has become of the names of a directory.
  std::set<std::string> look(InodeId directory) {
    wait();
    return list(directory);
  }

  Result<HandleId> open(InodeId inode, OpenFlags flags) {
    const Result<Opened> opened =
        run<Opened>([&](Done<Opened> done) { file_system->open(inode, flags, std::move(done)); });
    if (!opened) return opened.error();
    return opened->handle;
  }
  Result<std::string> read(HandleId handle) {
    const Result<Slices> slices = run<Slices>([&](Done<Slices> done) {
      file_system->read(handle, {0, 1000}, {}, std::move(done));
    });
    if (!slices) return slices.error();
    std::string bytes;
    for (const auto& span : slices->spans)
      bytes.append(reinterpret_cast<const char*>(span.data()), span.size());
    return bytes;
  }
  Result<void> write(HandleId handle, const std::string& bytes) {
    return run<void>([&](Done<void> done) {
      file_system->write(handle, 0, std::as_bytes(std::span(bytes.data(), bytes.size())),
                         std::move(done));
    });
  }
  Result<void> flush(HandleId handle) {
    return run<void>([&](Done<void> done) { file_system->flush(handle, std::move(done)); });
  }
  Result<Attributes> getattr(InodeId inode) {
    return run<Attributes>(
        [&](Done<Attributes> done) { file_system->getattr(inode, std::move(done)); });
  }
  Result<Attributes> setattr(InodeId inode, const AttributeChange& change) {
    return run<Attributes>(
        [&](Done<Attributes> done) { file_system->setattr(inode, change, std::move(done)); });
  }
  Result<void> set_xattr(InodeId inode) {
    return run<void>([&](Done<void> done) {
      file_system->set_xattr(inode, "user.a", "b", XattrMode::any, std::move(done));
    });
  }
  Result<void> unlink(InodeId directory, const std::string& name) {
    return run<void>(
        [&](Done<void> done) { file_system->unlink(directory, name, std::move(done)); });
  }
  Result<void> rmdir(InodeId directory, const std::string& name) {
    return run<void>(
        [&](Done<void> done) { file_system->rmdir(directory, name, std::move(done)); });
  }
  Result<void> rename(InodeId from, const std::string& name, InodeId to,
                      const std::string& new_name) {
    return run<void>([&](Done<void> done) {
      file_system->rename(from, name, to, new_name, false, std::move(done));
    });
  }
  Result<Entry> mkdir(InodeId directory, const std::string& name) {
    return run<Entry>(
        [&](Done<Entry> done) { file_system->mkdir(directory, name, 0755, {}, std::move(done)); });
  }
  Result<Entry> mknod(InodeId directory, const std::string& name) {
    return run<Entry>([&](Done<Entry> done) {
      file_system->make_node(directory, name, {}, {}, std::move(done));
    });
  }
  Code open_directory(InodeId directory) {
    return run<HandleId>([&](Done<HandleId> done) {
             file_system->open_directory(directory, std::move(done));
           })
        .code();
  }
};

TEST_CASE("a directory that another client removed is not the root for who is still in it") {
  Shared world;
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

TEST_CASE("a write to a file that another client removed is an error, or stored") {
  Shared world;
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
  Shared world;
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

TEST_CASE("a file that another client removed is stored where its name is free, or kept") {
  Shared world;
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
  Shared world;
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

}  // namespace
}  // namespace penstock::test
