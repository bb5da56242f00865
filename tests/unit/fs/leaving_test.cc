// SPDX-License-Identifier: Apache-2.0
// Deletions and renames that meet what is being written, or stored, under the same names.
#include "support/catch.h"
#include "unit/fs/world.h"

namespace penstock::test {
namespace {

/// A call under way: empty until it is answered.
template <typename T>
using Pending = std::shared_ptr<std::optional<Result<T>>>;

template <typename T, typename F>
Pending<T> begin(World& world, F&& start) {
  auto pending = std::make_shared<std::optional<Result<T>>>();
  start(Done<T>([pending](Result<T> result) {
    REQUIRE_FALSE(pending->has_value());
    *pending = std::move(result);
  }));
  world.scheduler.advance(milliseconds(1));
  return pending;
}

/// Lets every request through, and all that follows from it.
void let_go_on(World& world) {
  world.store.release_all();
  for (int i = 0; i < 100; ++i) world.scheduler.advance(milliseconds(1));
}

/// Both: that the call was answered, and well.
template <typename T>
bool succeeded(const Pending<T>& pending) {
  return pending->has_value() && (*pending)->has_value();
}

/// A mount with a file "a" that is open for writing and stored, and the calls that tests begin.
struct OpenFile : World {
  OpenFile() {
    const Created created = create(root_inode, "a").value();
    inode = created.entry.attributes.inode;
    handle = created.opened.handle;
  }

  InodeId make_directory(const std::string& name) {
    const Result<Entry> made = run<Entry>(
        [&](Done<Entry> done) { file_system->mkdir(root_inode, name, 0755, {}, std::move(done)); });
    return made.value().attributes.inode;
  }
  Pending<void> begin_write(uint64_t offset, std::string bytes) {
    return begin<void>(*this, [&](Done<void> done) {
      // The bytes are gone when the call returns.
      file_system->write(handle, {.offset = offset}, std::as_bytes(std::span(bytes)),
                         std::move(done));
      bytes.assign(bytes.size(), '?');
    });
  }
  Pending<void> begin_flush() {
    return begin<void>(*this,
                       [&](Done<void> done) { file_system->flush(handle, {}, std::move(done)); });
  }
  void store(const std::string& bytes) {
    REQUIRE(succeeded(begin_write(0, bytes)));
    const auto flushed = begin_flush();
    let_go_on(*this);
    REQUIRE(succeeded(flushed));
  }
  Pending<void> begin_unlink(const std::string& name) {
    return begin<void>(
        *this, [&](Done<void> done) { file_system->unlink(root_inode, name, std::move(done)); });
  }
  Pending<void> begin_rename(const std::string& from, const std::string& to) {
    return begin<void>(*this, [&](Done<void> done) {
      file_system->rename(root_inode, from, root_inode, to, false, std::move(done));
    });
  }

  InodeId inode = 0;
  HandleId handle = 0;
};

TEST_CASE("a file's upload ends before its deletion begins") {
  OpenFile world;
  REQUIRE(succeeded(world.begin_write(0, "bytes")));
  world.World::store.hold("Put");
  const auto flushed = world.begin_flush();
  const auto unlinked = world.begin_unlink("a");
  CHECK(world.World::store.held("Put") == 1);
  CHECK(world.memory.count("Remove") == 0);
  let_go_on(world);
  CHECK(succeeded(flushed));
  CHECK(succeeded(unlinked));
  CHECK_FALSE(world.memory.contents("a"));
  world.file_system->release(world.handle);
}

TEST_CASE("a link waits for the deletion of its directory that began while its source was stored") {
  OpenFile world;
  const InodeId directory = world.make_directory("d");
  REQUIRE(succeeded(world.begin_write(0, "bytes")));
  world.World::store.hold("Put");
  std::string name = "l";
  const auto linked = begin<Entry>(world, [&](Done<Entry> done) {
    world.file_system->link(world.inode, directory, name, std::move(done));
  });
  REQUIRE(world.World::store.held("Put") == 1);
  world.World::store.hold("Remove");
  const auto removed = begin<void>(world, [&](Done<void> done) {
    world.file_system->rmdir(root_inode, name = "d", std::move(done));
  });
  REQUIRE(world.World::store.held("Remove") == 1);
  REQUIRE(world.World::store.release_one("Put"));
  world.scheduler.advance(milliseconds(1));
  CHECK(world.memory.count("Copy") == 0);
  let_go_on(world);
  CHECK(succeeded(removed));
  CHECK((linked->has_value() && !(*linked)->has_value()));
  CHECK_FALSE(world.memory.contents("d/l"));
  world.file_system->release(world.handle);
}

TEST_CASE("attributes that are being stored do not bring a deleted file back") {
  OpenFile world;
  world.store("bytes");
  world.World::store.hold("Copy");
  const auto changed = begin<Attributes>(world, [&](Done<Attributes> done) {
    world.file_system->setattr(world.inode, {.mode = 0600}, std::move(done));
  });
  CHECK(world.World::store.held("Copy") == 1);
  const auto unlinked = world.begin_unlink("a");
  CHECK(world.memory.count("Remove") == 0);
  let_go_on(world);
  CHECK(succeeded(changed));
  CHECK(succeeded(unlinked));
  CHECK_FALSE(world.memory.contents("a"));
  world.file_system->release(world.handle);
}

TEST_CASE("nothing is stored of a file while its deletion is under way, nor after it") {
  OpenFile world;
  world.store("bytes");
  world.World::store.hold("Remove");
  const auto unlinked = world.begin_unlink("a");
  CHECK(world.World::store.held("Remove") == 1);
  const auto written = world.begin_write(0, "later");
  const auto flushed = world.begin_flush();
  CHECK_FALSE(flushed->has_value());
  let_go_on(world);
  CHECK(succeeded(unlinked));
  CHECK(succeeded(written));
  CHECK(succeeded(flushed));
  CHECK_FALSE(world.memory.contents("a"));
  world.file_system->release(world.handle);
}

TEST_CASE("a deletion that fails leaves a file that can be written on") {
  OpenFile world;
  world.store("bytes");
  world.World::store.add({.operation = "Remove", .error = Error(Code::access_denied)});
  world.World::store.hold("Remove");
  const auto unlinked = world.begin_unlink("a");
  const auto written = world.begin_write(0, "later");
  const auto flushed = world.begin_flush();
  let_go_on(world);
  REQUIRE(unlinked->has_value());
  CHECK((*unlinked)->code() == Code::access_denied);
  CHECK(succeeded(written));
  CHECK(succeeded(flushed));
  CHECK(world.memory.contents("a") == "later");
  world.file_system->release(world.handle);
}

TEST_CASE("what gets a file's name comes after the file's last upload") {
  OpenFile world;
  world.memory.set("new", "new bytes");
  REQUIRE(succeeded(world.begin_write(0, "old bytes")));
  world.World::store.hold("Put");
  const auto flushed = world.begin_flush();
  const auto renamed = world.begin_rename("new", "a");
  CHECK(world.memory.count("Copy") == 0);
  let_go_on(world);
  CHECK(succeeded(flushed));
  CHECK(succeeded(renamed));
  CHECK(world.memory.contents("a") == "new bytes");
  CHECK_FALSE(world.memory.contents("new"));
  // The replaced file has no name any more.
  CHECK(succeeded(world.begin_write(0, "nobody's")));
  const auto closed = world.begin_flush();
  let_go_on(world);
  CHECK(succeeded(closed));
  CHECK(world.memory.contents("a") == "new bytes");
  world.file_system->release(world.handle);
}

TEST_CASE("what is written to a file during its rename is the renamed file's") {
  OpenFile world;
  world.store("first");
  world.World::store.hold("Copy");
  const auto renamed = world.begin_rename("a", "b");
  CHECK(world.World::store.held("Copy") == 1);
  const auto written = world.begin_write(5, " second");
  const auto flushed = world.begin_flush();
  const auto truncated = begin<Opened>(world, [&](Done<Opened> done) {
    world.file_system->open(world.inode, {.write = true}, std::move(done));
  });
  CHECK_FALSE(written->has_value());
  let_go_on(world);
  CHECK(succeeded(renamed));
  CHECK(succeeded(written));
  CHECK(succeeded(flushed));
  CHECK(world.memory.contents("b") == "first second");
  CHECK_FALSE(world.memory.contents("a"));
  REQUIRE(succeeded(truncated));
  world.file_system->release((*truncated)->value().handle);
  world.file_system->release(world.handle);
}

TEST_CASE("files that are open below a directory follow its rename") {
  OpenFile world;
  const InodeId directory = world.make_directory("d");
  const Created below = world.create(directory, "x").value();
  const HandleId top = std::exchange(world.handle, below.opened.handle);
  world.store("first");
  world.World::store.hold("Copy");
  const auto renamed = world.begin_rename("d", "e");
  CHECK(world.World::store.held("Copy") == 1);
  const auto written = world.begin_write(5, " second");
  const auto created = begin<Created>(world, [&](Done<Created> done) {
    world.file_system->create(directory, "y", 0644, {.write = true}, false, {}, std::move(done));
  });
  CHECK_FALSE(written->has_value());
  CHECK_FALSE(created->has_value());
  let_go_on(world);
  CHECK(succeeded(renamed));
  CHECK(succeeded(written));
  const auto flushed = world.begin_flush();
  let_go_on(world);
  CHECK(succeeded(flushed));
  CHECK(world.memory.contents("e/x") == "first second");
  REQUIRE(succeeded(created));
  const Result<void> closed = world.write_and_close((*created)->value().opened.handle, "new");
  CHECK(closed);
  CHECK(world.memory.contents("e/y") == "new");
  CHECK_FALSE(world.memory.contents("d/x"));
  CHECK_FALSE(world.memory.contents("d/y"));
  world.file_system->release(world.handle);
  world.file_system->release(top);
}

TEST_CASE(
    "who looks a name up while its directory is renamed waits where the object has moved on") {
  OpenFile world;
  world.file_system->release(world.handle);
  world.memory.set("d/x", "bytes");
  world.memory.set("d/z", "bytes");
  const InodeId directory = world.World::inode("d");
  // The objects have gone, and the note of the rename in the bucket has not.
  world.World::store.hold("RemoveMany");
  const auto renamed = world.begin_rename("d", "e");
  REQUIRE(world.World::store.release_one("RemoveMany"));
  world.scheduler.advance(milliseconds(1));
  CHECK_FALSE(world.memory.contents("d/x"));
  CHECK_FALSE(renamed->has_value());
  const auto look_up = [&](const std::string& name) {
    return begin<Entry>(world, [&](Done<Entry> done) {
      world.file_system->lookup(directory, name, std::move(done));
    });
  };
  const auto found = look_up("x");
  const auto missing = look_up("y");
  CHECK_FALSE(found->has_value());
  CHECK_FALSE(missing->has_value());
  let_go_on(world);
  CHECK(succeeded(renamed));
  CHECK(succeeded(found));
  REQUIRE(missing->has_value());
  CHECK((*missing)->code() == Code::not_found);
}

TEST_CASE("who waits for a name is not woken by what becomes of another") {
  OpenFile world;
  const InodeId directory = world.make_directory("d");
  REQUIRE(world.create(directory, "x"));
  world.memory.set("other", "x");
  world.World::store.hold("Copy");
  const auto renamed = world.begin_rename("d", "e");
  const auto made = begin<Entry>(world, [&](Done<Entry> done) {
    world.file_system->mkdir(directory, "sub", 0755, {}, std::move(done));
  });
  const auto changed = begin<Attributes>(world, [&](Done<Attributes> done) {
    world.file_system->setattr(directory, {.mode = 0700}, std::move(done));
  });
  CHECK(succeeded(world.begin_unlink("other")));
  CHECK_FALSE(made->has_value());
  CHECK_FALSE(changed->has_value());
  let_go_on(world);
  CHECK(succeeded(renamed));
  CHECK(succeeded(made));
  CHECK(succeeded(changed));
  CHECK(world.memory.contents("e/sub/"));
  CHECK(world.memory.info("e/")->metadata->count("mode") == 1);
  CHECK_FALSE(world.memory.contents("d/"));
  CHECK_FALSE(world.memory.contents("d/sub/"));
  world.file_system->release(world.handle);
}

TEST_CASE("a write that waits may outlive its handle") {
  OpenFile world;
  world.store("first");
  world.World::store.hold("Copy");
  const auto renamed = world.begin_rename("a", "b");
  const auto written = world.begin_write(0, "killed");
  CHECK_FALSE(written->has_value());
  // The program is gone.
  world.file_system->release(world.handle);
  let_go_on(world);
  CHECK(succeeded(renamed));
  // It is written all the same, and stored with the release.
  CHECK(succeeded(written));
  CHECK(world.memory.contents("b") == "killed");
}

TEST_CASE("a rename waits for what is being written below the directory") {
  OpenFile world;
  const InodeId directory = world.make_directory("d");
  const Created below = world.create(directory, "x").value();
  const HandleId top = std::exchange(world.handle, below.opened.handle);
  world.store("first");
  // The commit holds up the write behind it.
  REQUIRE(succeeded(world.begin_write(0, "again")));
  world.World::store.hold("Put");
  const auto flushed = world.begin_flush();
  const auto written = world.begin_write(5, " more");
  CHECK_FALSE(written->has_value());
  const auto renamed = world.begin_rename("d", "e");
  let_go_on(world);
  CHECK(succeeded(flushed));
  CHECK(succeeded(written));
  CHECK(succeeded(renamed));
  CHECK(world.memory.contents("e/x") == "again more");
  CHECK_FALSE(world.memory.contents("d/x"));
  world.file_system->release(world.handle);
  world.file_system->release(top);
}

TEST_CASE("a directory's rename waits for names in it that are past their check") {
  OpenFile world;
  const InodeId directory = world.make_directory("d");
  const Created gone = world.create(directory, "gone").value();
  REQUIRE(world.write_and_close(gone.opened.handle, "x"));
  world.World::store.hold("Put");
  world.World::store.hold("Remove");
  const auto made = begin<Entry>(world, [&](Done<Entry> done) {
    world.file_system->mkdir(directory, "sub", 0755, {}, std::move(done));
  });
  const auto renamed = world.begin_rename("d", "e");
  CHECK(world.memory.count("Copy") == 0);
  let_go_on(world);
  CHECK(succeeded(made));
  CHECK(succeeded(renamed));
  CHECK(world.memory.contents("e/sub/"));
  CHECK_FALSE(world.memory.contents("d/sub/"));

  world.World::store.hold("Remove");
  const auto unlinked = begin<void>(world, [&](Done<void> done) {
    world.file_system->unlink(directory, "gone", std::move(done));
  });
  const auto again = world.begin_rename("e", "f");
  CHECK_FALSE(again->has_value());
  let_go_on(world);
  CHECK(succeeded(unlinked));
  CHECK(succeeded(again));
  CHECK_FALSE(world.memory.contents("f/gone"));
  world.file_system->release(world.handle);
}

TEST_CASE("who reads a link while it is deleted is answered by what became of the name") {
  OpenFile world;
  world.memory.set("link", "target", {{"mode", "41471"}});  // 0120777, by another node
  const InodeId link = world.World::inode("link");
  world.World::store.hold("Get");
  const auto read = begin<std::string>(
      world, [&](Done<std::string> done) { world.file_system->read_link(link, std::move(done)); });
  world.World::store.hold("Remove");
  const auto deleted = world.begin_unlink("link");
  world.memory.erase("link");
  REQUIRE(world.World::store.release_one("Get"));
  world.scheduler.run();
  CHECK_FALSE(read->has_value());
  let_go_on(world);
  CHECK(succeeded(deleted));
  REQUIRE(read->has_value());
  // The kernel looks the name up again, and finds none.
  CHECK((*read)->code() == Code::changed);
  CHECK(world.lookup(root_inode, "link").code() == Code::not_found);
}

TEST_CASE("a name is known to be free as of its removal, not as of a late answer") {
  OpenFile world;
  world.file_system->release(world.handle);
  world.memory.set("file", "bytes");
  world.memory.set("old", "bytes");
  world.memory.set("folder/", "");
  const std::string name = GENERATE("file", "old", "folder");
  CAPTURE(name);
  world.World::store.hold("Remove");
  const auto removed = name == "file" ? world.begin_unlink(name)
                       : name == "old"
                           ? world.begin_rename(name, "new")
                           : begin<void>(world, [&](Done<void> done) {
                               world.file_system->rmdir(root_inode, name, std::move(done));
                             });
  CHECK(world.World::store.held("Remove") == 1);
  world.scheduler.advance(milliseconds(2'000));
  let_go_on(world);
  CHECK(succeeded(removed));
  // By another client, just after the store had removed it.
  world.memory.set(name == "folder" ? "folder/theirs" : name, "theirs");
  CHECK(world.lookup(root_inode, name));
}

}  // namespace
}  // namespace penstock::test
