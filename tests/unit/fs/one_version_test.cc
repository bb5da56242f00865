// SPDX-License-Identifier: Apache-2.0
// An inode that the kernel refers to is one version of the contents; what others put in its place
// has another one, and the kernel is told.
#include "support/catch.h"
#include "unit/fs/shared_world.h"

namespace penstock::test {
namespace {

TEST_CASE("a file that another client replaces is another inode, read whole") {
  SharedWorld world;
  world.memory.set("f", "old");
  const InodeId before = world.held(root_inode, "f");
  CHECK(world.getattr(before)->size == 3);
  world.memory.set("f", "longer-now");
  CHECK(world.look(root_inode) == std::set<std::string>{"f"});
  CHECK(world.getattr(before).code() == Code::changed);
  CHECK(world.open(before, {.read = true}).code() == Code::changed);
  CHECK(world.told(root_inode, "f"));

  const InodeId after = world.held(root_inode, "f");
  CHECK(after != before);
  CHECK(world.getattr(after)->size == 10);
  const HandleId handle = world.open(after, {.read = true}).value();
  CHECK(world.read(handle).value() == "longer-now");
  world.file_system->release(handle);
}

TEST_CASE("a HEAD that tells of another version does not change the inode") {
  SharedWorld world;
  // The listing tells no attributes, and the first and the last file are what it looks at.
  for (const char* name : {"a", "f", "z"}) world.memory.set(name, "old");
  world.list(root_inode);
  const InodeId before = world.held(root_inode, "f");
  world.memory.set("f", "longer-now", {{"a", "b"}});
  const Result<std::string> value = world.run<std::string>([&](Done<std::string> done) {
    world.file_system->get_xattr(before, "user.a", std::move(done));
  });
  CHECK((!value || value.value() != "b"));
  CHECK(world.getattr(before).code() == Code::changed);
  CHECK(world.told(root_inode, "f"));
  CHECK(world.getattr(world.held(root_inode, "f"))->size == 10);
}

TEST_CASE("who has a file open that another client replaces goes on with its version") {
  SharedWorld world;
  world.memory.set("f", "old");
  const InodeId before = world.held(root_inode, "f");
  const HandleId handle = world.open(before, {.read = true}).value();
  world.memory.set("f", "longer-now");
  world.look(root_inode);
  const Result<Attributes> attributes = world.getattr(before);
  REQUIRE(attributes);
  CHECK(attributes->size == 3);
  CHECK(attributes->links == 0);
  const Result<std::string> bytes = world.read(handle);
  CHECK((bytes ? bytes.value() == "old" : bytes.code() == Code::changed));
  world.file_system->release(handle);
  CHECK(world.getattr(before).code() == Code::changed);
}

TEST_CASE("a descriptor that is open for writing and idle freezes nothing") {
  SharedWorld world;
  world.memory.set("f", "old");
  const InodeId before = world.held(root_inode, "f");
  const HandleId idle = world.open(before, {.read = true, .write = true}).value();
  world.memory.set("f", "longer-now");
  world.wait();
  const InodeId after = world.held(root_inode, "f");
  CHECK(world.getattr(after)->size == 10);
  const HandleId handle = world.open(after, {.read = true}).value();
  CHECK(world.read(handle).value() == "longer-now");
  world.file_system->release(handle);
  // Its file is no more.
  CHECK(world.write(idle, "NEW").code() == Code::changed);
  CHECK(world.flush(idle));
  world.file_system->release(idle);
  CHECK(world.memory.contents("f") == "longer-now");
}

TEST_CASE("a file that is being written keeps its inode") {
  SharedWorld world;
  world.memory.set("f", "old");
  const InodeId f = world.held(root_inode, "f");
  const HandleId handle = world.open(f, {.write = true, .truncate = true}).value();
  REQUIRE(world.write(handle, "mine"));
  world.memory.set("f", "longer-now");
  CHECK(world.look(root_inode) == std::set<std::string>{"f"});
  CHECK(world.held(root_inode, "f") == f);
  CHECK(world.getattr(f)->size == 4);
  CHECK_FALSE(world.told(root_inode, "f"));
  world.file_system->release(handle);
}

TEST_CASE("an answer about a directory that was renamed meanwhile says nothing of its new names") {
  SharedWorld world;
  world.memory.set("d/f", "x");
  const InodeId d = world.held(root_inode, "d");
  const InodeId f = world.held(d, "f");
  world.wait();
  // The rename has nothing to ask for.
  REQUIRE(world.lookup(root_inode, "d"));
  CHECK(world.lookup(root_inode, "e").code() == Code::not_found);
  std::optional<Result<Entry>> late;
  world.store.hold("Head");
  world.file_system->lookup(d, "f", [&](Result<Entry> found) { late = std::move(found); });
  world.scheduler.run();
  REQUIRE(world.store.held("Head") == 1);
  std::optional<Result<void>> renamed;
  world.file_system->rename(root_inode, "d", root_inode, "e", false,
                            [&](Result<void> result) { renamed = std::move(result); });
  // The rename's own look at the object is answered, the older one is not.
  for (int i = 0; i < 100 && !renamed; ++i) {
    world.scheduler.advance(milliseconds(1));
    if (world.store.held("Head") > 1) world.store.release_last("Head");
  }
  REQUIRE(renamed);
  REQUIRE(*renamed);
  REQUIRE(world.memory.contents("e/f") == "x");
  world.store.release_all();
  for (int i = 0; i < 20 && !late; ++i) world.scheduler.advance(milliseconds(1));
  REQUIRE(late);
  REQUIRE(*late);
  CHECK((*late)->attributes.inode == f);
  CHECK(world.getattr(f));
  CHECK(world.setattr(f, {.mode = 0600}));
}

TEST_CASE("what the store refuses to make is there for the next who asks") {
  SharedWorld world;
  world.memory.set("other", "x");
  CHECK(world.list(root_inode) == std::set<std::string>{"other"});
  CHECK(world.lookup(root_inode, "run").code() == Code::not_found);
  SECTION("a directory") {
    world.memory.set("run/", "");
    CHECK(world.mkdir(root_inode, "run").code() == Code::already_exists);
  }
  SECTION("a node") {
    world.memory.set("run", "x");
    CHECK(world.mknod(root_inode, "run").code() == Code::already_exists);
  }
  SECTION("a link") {
    world.memory.set("run", "x");
    const InodeId other = world.held(root_inode, "other");
    const Result<Entry> linked = world.run<Entry>([&](Done<Entry> done) {
      world.file_system->link(other, root_inode, "run", std::move(done));
    });
    CHECK(linked.code() == Code::already_exists);
  }
  SECTION("the new name of a file") {
    world.memory.set("run", "x");
    const Result<void> renamed = world.run<void>([&](Done<void> done) {
      world.file_system->rename(root_inode, "other", root_inode, "run", true, std::move(done));
    });
    CHECK(renamed.code() == Code::already_exists);
  }
  CHECK(world.lookup(root_inode, "run"));
  CHECK(world.told(root_inode, "run"));
}

TEST_CASE("a file that the store refuses to create is there for the next who asks") {
  SharedWorld world;
  CHECK(world.list(root_inode).empty());
  world.memory.set("a.lock", "x");
  const Result<Created> made = world.run<Created>([&](Done<Created> done) {
    world.file_system->create(root_inode, "a.lock", 0644, {.write = true}, true, {},
                              std::move(done));
  });
  CHECK(made.code() == Code::already_exists);
  CHECK(world.lookup(root_inode, "a.lock"));
  CHECK(world.told(root_inode, "a.lock"));
}

TEST_CASE("a kernel that did not hear of a change is asked to look again") {
  SharedWorld world;
  world.file_system->name_unheard(root_inode, "f");
  CHECK(world.told(root_inode, "f"));
}

TEST_CASE("a name that is about to go is not believed for any time") {
  SharedWorld world;
  world.memory.set("f", "x");
  const InodeId f = world.held(root_inode, "f");
  world.store.hold("Remove");
  std::optional<Result<void>> renamed;
  world.file_system->rename(root_inode, "f", root_inode, "g", false,
                            [&](Result<void> result) { renamed = std::move(result); });
  world.scheduler.advance(milliseconds(1));
  REQUIRE_FALSE(renamed);
  const Result<Entry> meanwhile = world.lookup(root_inode, "f");
  REQUIRE(meanwhile);
  CHECK(meanwhile->attributes.inode == f);
  CHECK(meanwhile->ttl.count() == 0);
  world.store.release_all();
  world.scheduler.advance(milliseconds(1));
  REQUIRE(renamed);
  CHECK(world.lookup(root_inode, "g")->ttl.count() > 0);
  CHECK(world.lookup(root_inode, "f").code() == Code::not_found);
}

}  // namespace
}  // namespace penstock::test
