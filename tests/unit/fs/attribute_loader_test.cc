// SPDX-License-Identifier: Apache-2.0
// When a HEAD is paid for attributes that a listing does not carry.
#include <map>

#include "support/catch.h"
#include "unit/fs/walk.h"
#include "unit/fs/world.h"

namespace penstock {
namespace {

using std::chrono::milliseconds;
using test::World;
using Mode = MetadataOptions::Attributes;

MetadataOptions with(Mode mode) { return {.attributes = mode, .ttl = milliseconds(10'000)}; }

std::string name(int i) { return "f" + std::to_string(1000 + i); }

/// A directory "d" of 200 files, each of which carries a mode or not.
InodeId listed_directory(World& world, const Metadata& metadata) {
  for (int i = 0; i < 200; ++i) world.memory.set("d/" + name(i), "x", metadata);
  const InodeId directory = world.inode("d");
  CHECK(world.list(directory).size() == 200);
  return directory;
}

TEST_CASE("files that carry no attributes cost two requests for a directory, not one each") {
  World world(with(Mode::automatic));
  const InodeId directory = listed_directory(world, {{"color", "blue"}});
  for (int i = 0; i < 200; ++i) CHECK(world.lookup(directory, name(i))->attributes.mode == 0644);
  CHECK(world.memory.count("Head") == 2 + 1);  // and one for the lone lookup of the directory
}

TEST_CASE("files that carry attributes show them, each asked for once") {
  World world(with(Mode::automatic));
  const Metadata metadata = {{"mode", "33216"}, {"mtime", "1580608922.5"}, {"uid", "7"}};
  const InodeId directory = listed_directory(world, metadata);
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 200; ++i) {
      const Attributes found = world.lookup(directory, name(i))->attributes;
      CHECK(found.mode == 0700);
      CHECK(found.uid == 7);
      CHECK(found.mtime_ns == 1'580'608'922'500'000'000);
    }
  }
  CHECK(world.memory.count("Head") == 200 + 1);
  // A new listing of the same objects asks for nothing.
  world.scheduler.advance(milliseconds(20'000));
  world.memory.clear_requests();
  CHECK(world.list(directory).size() == 200);
  CHECK(world.lookup(directory, name(5))->attributes.mode == 0700);
  CHECK(world.memory.count("Head") == 0);
}

TEST_CASE("who goes through a directory in order finds the next attributes asked for ahead") {
  World world(with(Mode::automatic));
  const InodeId directory = listed_directory(world, {{"mode", "33216"}});
  for (int i = 0; i < 10; ++i) CHECK(world.lookup(directory, name(i)));
  const size_t in_order = world.memory.count("Head");
  CHECK(in_order > 60);
  CHECK(in_order < 90);
  // A lone question elsewhere costs its own request and no more.
  CHECK(world.lookup(directory, name(150)));
  CHECK(world.memory.count("Head") == in_order + 1);
}

TEST_CASE("readdir gives out attributes only where none are missing") {
  World world(with(Mode::automatic));
  const auto referenced = [&](const std::string& path) {
    const InodeId directory = world.inode(path);
    const HandleId handle = world
                                .run<HandleId>([&](Done<HandleId> done) {
                                  world.file_system->open_directory(directory, std::move(done));
                                })
                                .value();
    const auto entries = world.run<std::vector<DirectoryEntry>>([&](auto done) {
      world.file_system->read_directory({.handle = handle, .plus = true}, std::move(done));
    });
    world.file_system->release_directory(handle);
    size_t count = 0;
    for (const DirectoryEntry& entry : *entries) {
      count += entry.referenced ? 1 : 0;
      if (entry.referenced) world.file_system->forget(entry.attributes.inode, 1);
    }
    return count;
  };
  for (int i = 0; i < 20; ++i) {
    world.memory.set("plain/" + name(i), "x");
    world.memory.set("kept/" + name(i), "x", {{"mode", "33216"}});
  }
  CHECK(referenced("plain") == 20);
  CHECK(referenced("kept") == 2);  // the two of the sample
}

TEST_CASE("what a directory's own object notes is known before its names are shown") {
  World world(with(Mode::automatic));
  // "b" is neither the first nor the last directory, nor its file with a mode the first or last.
  for (const char* directory : {"t/a/", "t/b/", "t/c/"}) {
    for (int i = 0; i < 20; ++i) world.memory.set(directory + name(i), "x");
  }
  world.memory.set("t/b/", "", {{"penstock-children", "carry-attributes"}});
  world.memory.set("t/b/" + name(9), "x", {{"mode", "33216"}});
  // As a kernel does that walks: it looks up no name, for it has all attributes with the names.
  const auto read = [&](InodeId directory) {
    test::Walk walk(world, directory, true);
    walk.ask();
    REQUIRE(walk.answered());
    std::map<std::string, DirectoryEntry> found;
    for (const DirectoryEntry& entry : walk.answer().value()) found[entry.name] = entry;
    return found;
  };
  const auto directories = read(world.inode("t"));
  REQUIRE(directories.at("b").referenced);
  const auto files = read(directories.at("b").attributes.inode);
  const DirectoryEntry& file = files.at(name(9));
  // Else it is looked up, and asked for.
  if (file.referenced) CHECK((file.attributes.mode & 07777) == 0700);
}

TEST_CASE("one file that turns out to carry attributes makes its directory be asked") {
  World world(with(Mode::automatic));
  world.memory.set("d/" + name(50), "x", {{"mode", "33261"}});
  for (int i = 0; i < 200; ++i) {
    if (i != 50) world.memory.set("d/" + name(i), "x");
  }
  const InodeId directory = world.inode("d");
  CHECK(world.list(directory).size() == 200);
  CHECK(world.lookup(directory, name(50))->attributes.mode == 0644);  // as documented
  // Opening it for writing must know what it keeps.
  const InodeId file = world.lookup(directory, name(50))->attributes.inode;
  const Result<Opened> opened = world.run<Opened>([&](Done<Opened> done) {
    world.file_system->open(file, {.read = true, .write = true}, std::move(done));
  });
  REQUIRE(opened);
  world.file_system->release(opened->handle);
  CHECK(world.lookup(directory, name(50))->attributes.mode == 0755);
  world.memory.clear_requests();
  CHECK(world.lookup(directory, name(60))->attributes.mode == 0644);
  CHECK(world.memory.count("Head") == 1);
}

TEST_CASE("--attributes=none asks for nothing, full for everything") {
  World none(with(Mode::none));
  InodeId directory = listed_directory(none, {{"mode", "33216"}});
  none.memory.clear_requests();
  CHECK(none.lookup(directory, name(7))->attributes.mode == 0644);
  CHECK(none.memory.count("Head") == 0);

  World full(with(Mode::full));
  directory = listed_directory(full, {});
  full.memory.clear_requests();
  CHECK(full.lookup(directory, name(7))->attributes.mode == 0644);
  CHECK(full.memory.count("Head") == 1);
}

TEST_CASE("attributes that may not be asked for are shown as the defaults, an outage is an error") {
  World world(with(Mode::full));
  const InodeId directory = listed_directory(world, {{"mode", "33216"}});
  world.store.add({.operation = "Head", .error = Error(Code::access_denied)});
  CHECK(world.lookup(directory, name(7))->attributes.mode == 0644);
  world.store.add({.operation = "Head", .error = Error(Code::not_found)});
  CHECK(world.lookup(directory, name(7))->attributes.mode == 0644);
  world.store.add({.operation = "Head", .error = Error(Code::unavailable)});
  CHECK(world.lookup(directory, name(7)).code() == Code::unavailable);
  CHECK(world.lookup(directory, name(7))->attributes.mode == 0700);
}

}  // namespace
}  // namespace penstock
