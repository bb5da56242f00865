// SPDX-License-Identifier: Apache-2.0
// Renames in a store that has them.
#include <algorithm>

#include "fs/moves/intent.h"
#include "support/catch.h"
#include "unit/fs/world.h"

namespace penstock::test {
namespace {

struct Bucket {
  MemoryStore bucket{{.limits = {.renames = true}, .content_etags = true}};
};

struct RenamingWorld : Bucket, World {
  explicit RenamingWorld(MountIdentity identity = {})
      : World({.ttl = milliseconds(10'000)}, "", std::move(identity), &bucket) {}

  Result<void> rename(const std::string& from, const std::string& to, bool no_replace = false) {
    return run<void>([&](Done<void> done) {
      file_system->rename(root_inode, from, root_inode, to, no_replace, std::move(done));
    });
  }
  using Later = std::shared_ptr<std::optional<Result<void>>>;
  Later begin_rename(const std::string& from, const std::string& to, bool no_replace = false) {
    auto result = std::make_shared<std::optional<Result<void>>>();
    file_system->rename(root_inode, from, root_inode, to, no_replace,
                        [result](Result<void> answer) { *result = std::move(answer); });
    settle();
    return result;
  }
  void settle() {
    for (int i = 0; i < 100; ++i) scheduler.advance(milliseconds(1));
  }
  HandleId open(const std::string& name, OpenFlags flags = {.read = true}) {
    return open(inode(name), flags);
  }
  HandleId open(InodeId file, OpenFlags flags = {.read = true}) {
    return run<Opened>([&](Done<Opened> done) { file_system->open(file, flags, std::move(done)); })
        .value()
        .handle;
  }
  static std::string text(const Slices& slices) {
    std::string bytes;
    for (const auto& span : slices.spans)
      bytes.append(reinterpret_cast<const char*>(span.data()), span.size());
    return bytes;
  }
  std::string read(HandleId handle) {
    const Result<Slices> slices = run<Slices>([&](Done<Slices> done) {
      file_system->read(handle, {0, 1000}, {}, std::move(done));
    });
    return slices ? text(*slices) : std::string(to_string(slices.code()));
  }
};

TEST_CASE("a rename of a file is one request, and copies nothing") {
  RenamingWorld world;
  world.bucket.set("a", "bytes", {{"mode", "33152"}});
  const InodeId inode = world.inode("a");
  CHECK(world.lookup(root_inode, "b").code() == Code::not_found);
  const HandleId handle = world.open(inode);
  const ETag etag = world.bucket.info("a")->etag;
  const bool exclusive = GENERATE(false, true);
  world.bucket.clear_requests();
  REQUIRE(world.rename("a", "b", exclusive));
  CHECK(world.bucket.count("Rename") == 1);
  CHECK(world.bucket.count("Copy") + world.bucket.count("Remove") + world.bucket.count("Put") == 0);
  CHECK(world.bucket.keys() == std::vector<std::string>{"b"});
  CHECK(world.bucket.info("b")->etag == etag);
  CHECK(world.read(handle) == "bytes");
  CHECK(world.inode("b") == inode);
  CHECK(world.lookup(root_inode, "a").code() == Code::not_found);
}

TEST_CASE("an exclusive rename does not replace what came meanwhile") {
  RenamingWorld world;
  world.bucket.set("a", "mine");
  world.store.hold("Rename");
  const RenamingWorld::Later renamed = world.begin_rename("a", "b", true);
  world.bucket.set("b", "theirs");
  world.store.release_all();
  world.settle();
  REQUIRE(*renamed);
  CHECK((*renamed)->code() == Code::already_exists);
  CHECK(world.bucket.contents("a") == "mine");
  CHECK(world.bucket.contents("b") == "theirs");
  CHECK(world.lookup(root_inode, "b"));
}

TEST_CASE("a file that another node has replaced is not renamed") {
  RenamingWorld world;
  world.bucket.set("a", "old");
  world.store.hold("Rename");
  const RenamingWorld::Later renamed = world.begin_rename("a", "b");
  world.bucket.set("a", "new");
  world.store.release_all();
  world.settle();
  REQUIRE(*renamed);
  CHECK((*renamed)->code() == Code::changed);
  CHECK(world.bucket.contents("a") == "new");
  CHECK_FALSE(world.bucket.contents("b"));
}

TEST_CASE("what the store does not rename is copied and deleted") {
  RenamingWorld world;
  world.bucket.set("a", "bytes");
  world.store.add({.operation = "Rename", .error = Error(Code::not_supported)});
  REQUIRE(world.rename("a", "b"));
  CHECK(world.bucket.count("Copy") == 1);
  CHECK(world.bucket.keys() == std::vector<std::string>{"b"});
}

TEST_CASE("who has the replaced file open reads it on") {
  RenamingWorld world;
  world.bucket.set("a", "new bytes");
  world.bucket.set("b", "old bytes");
  const HandleId handle = world.open("b");
  REQUIRE(world.rename("a", "b"));
  CHECK(world.read(handle) == "old bytes");
  const HandleId second = world.open("b");
  CHECK(world.read(second) == "new bytes");
  world.file_system->release(handle);
  world.settle();
  CHECK(world.bucket.keys() == std::vector<std::string>{"b"});
}

TEST_CASE("a file that is open for writing is stored under its new name") {
  RenamingWorld world;
  world.bucket.set("a", "0123456789");
  const HandleId handle = world.open("a", {.read = true, .write = true});
  REQUIRE(world.rename("a", "b"));
  REQUIRE(world.write_and_close(handle, "new"));
  CHECK(world.bucket.keys() == std::vector<std::string>{"b"});
  CHECK(world.bucket.contents("b") == "new3456789");
}

TEST_CASE("what was written is stored first, then renamed") {
  RenamingWorld world;
  world.bucket.set("a", "0123456789");
  const HandleId handle = world.open("a", {.write = true});
  const std::string bytes = "new";
  REQUIRE(world.run<void>([&](Done<void> done) {
    world.file_system->write(handle, {.offset = 0}, std::as_bytes(std::span(bytes)),
                             std::move(done));
  }));
  REQUIRE(world.rename("a", "b"));
  CHECK(world.bucket.contents("b") == "new3456789");
  CHECK(world.bucket.count("Rename") == 1);
  world.file_system->release(handle);
  world.settle();
  CHECK(world.bucket.keys() == std::vector<std::string>{"b"});
}

TEST_CASE("after a rename without an answer the names are asked for") {
  RenamingWorld world;
  world.bucket.set("a", "bytes");
  world.store.add(
      {.operation = "Rename", .error = Error(Code::unavailable), .when = StoreFault::When::after});
  CHECK(world.rename("a", "b").code() == Code::unavailable);
  CHECK(world.lookup(root_inode, "a").code() == Code::not_found);
  CHECK(world.lookup(root_inode, "b"));
}

/// A directory "old/" with two files, a directory with a marker, and one in it.
struct Directory : RenamingWorld {
  explicit Directory(MountIdentity identity = {}) : RenamingWorld(std::move(identity)) {
    bucket.set("old/", "");
    bucket.set("old/a", "1");
    bucket.set("old/b", "22");
    bucket.set("old/d/", "", {{"mode", "16832"}});
    bucket.set("old/d/c", "333");
  }
  std::vector<std::string> keys() const {
    std::vector<std::string> all = bucket.keys();
    std::erase_if(all, [](const std::string& key) { return key.starts_with(".penstock/"); });
    return all;
  }
  static std::vector<std::string> below(const std::string& name) {
    std::vector<std::string> all;
    for (const char* relative : {"", "a", "b", "d/", "d/c"}) all.push_back(name + "/" + relative);
    return all;
  }
  bool nothing_left() const { return bucket.keys() == keys(); }
};

TEST_CASE("below a directory each object is renamed, and markers are written") {
  Directory world;
  const InodeId old = world.inode("old");
  const InodeId file = world.lookup(old, "b")->attributes.inode;
  const HandleId handle = world.open(file);
  REQUIRE(world.rename("old", "new"));
  CHECK(world.keys() == Directory::below("new"));
  CHECK(world.nothing_left());
  CHECK(world.bucket.count("Copy") == 0);
  CHECK(world.bucket.info("new/d/")->metadata->at("mode") == "16832");
  CHECK(world.read(handle) == "22");
  CHECK(world.lookup(world.inode("new"), "b")->attributes.inode == file);
}

/// "old/b" is open, and has its new name already; the rename of "old" to "new" is not over.
struct BeingRenamed : Directory {
  void begin() {
    handle = open(file);
    store.hold("Rename");
    renamed = begin_rename("old", "new");
    while (bucket.contents("old/b")) REQUIRE(store.release_one("Rename"));
  }
  void read_waits_for_the_end() {
    std::optional<Result<Slices>> read;
    file_system->read(handle, {0, 1000}, {},
                      [&](Result<Slices> slices) { read = std::move(slices); });
    settle();
    CHECK_FALSE(read);
    store.release_all();
    settle();
    REQUIRE(*renamed);
    CHECK(**renamed);
    REQUIRE(read);
    REQUIRE(*read);
    CHECK(text(**read) == "22");
  }

  const InodeId old = inode("old");
  const InodeId file = lookup(old, "b")->attributes.inode;
  HandleId handle = 0;
  Later renamed;
};

TEST_CASE("a read below a directory that is being renamed waits for its end") {
  BeingRenamed world;
  world.begin();
  world.read_waits_for_the_end();
}

TEST_CASE("a directory that is listed while it is being renamed loses no names") {
  BeingRenamed world;
  const std::set<std::string> names = {"a", "b", "d"};
  CHECK(world.list(world.old) == names);
  world.begin();
  world.scheduler.advance(milliseconds(11'000));
  const bool listed = GENERATE(true, false);
  CAPTURE(listed);
  if (listed) {
    CHECK(world.list(world.old) == names);
  } else {
    CHECK(world.lookup(world.old, "b")->attributes.inode == world.file);
  }
  world.read_waits_for_the_end();
  CHECK(world.list(world.inode("new")) == names);
  CHECK(world.lookup(world.inode("new"), "b")->attributes.inode == world.file);
}

TEST_CASE("what was renamed without an answer is taken back as well") {
  Directory world;
  world.store.add({.operation = "Rename",
                   .key = "new/d/c",
                   .error = Error(Code::unavailable),
                   .when = StoreFault::When::after});
  CHECK(world.rename("old", "new").code() == Code::unavailable);
  CHECK(world.keys() == Directory::below("old"));
  CHECK(world.nothing_left());
}

TEST_CASE("a rename whose intent was stored without an answer does not happen later") {
  Directory world({.id = "first"});
  world.file_system->recover();
  world.settle();
  world.store.add({.operation = "Put",
                   .key = ".penstock/renames/first-1",
                   .error = Error(Code::unavailable),
                   .when = StoreFault::When::after});
  CHECK(world.rename("old", "new").code() == Code::unavailable);
  for (int i = 0; i < 200; ++i) world.scheduler.advance(std::chrono::seconds(1));
  CHECK(world.keys() == Directory::below("old"));
  CHECK(world.nothing_left());
}

TEST_CASE("a lone object that is not renamed back leaves the mount its sign of life") {
  RenamingWorld world({.id = "first"});
  for (const char* key : {"lone/a", "several/a", "several/b"}) world.bucket.set(key, "1");
  world.store.add({.operation = "Rename",
                   .key = "new/a",
                   .error = Error(Code::unavailable),
                   .when = StoreFault::When::after});
  world.store.add({.operation = "Rename", .key = "lone/a", .error = Error(Code::unavailable)});
  CHECK(world.rename("lone", "new").code() == Code::unavailable);
  CHECK(world.bucket.contents("new/a") == "1");
  CHECK(world.lookup(world.inode("new"), "a"));
  // Held once, let go of once: nothing of the next rename stays.
  REQUIRE(world.rename("several", "moved"));
  CHECK(world.bucket.keys() == std::vector<std::string>{"moved/a", "moved/b", "new/a"});
}

TEST_CASE("a rename of a directory that fails is taken back") {
  Directory world;
  world.bucket.set("new/", "", {{"note", "of the target"}});
  world.store.add(
      {.operation = "Rename", .key = "new/d/c", .error = Error(Code::access_denied, "policy")});
  CHECK(world.rename("old", "new").code() == Code::access_denied);
  std::vector<std::string> expected = Directory::below("old");
  expected.insert(expected.begin(), "new/");
  CHECK(world.keys() == expected);
  CHECK(world.nothing_left());
  const HandleId handle = world.open(world.lookup(world.inode("old"), "a")->attributes.inode);
  CHECK(world.read(handle) == "1");
}

TEST_CASE("a directory in a store that renames nothing after all is copied and deleted") {
  Directory world;
  world.store.add({.operation = "Rename", .times = 100, .error = Error(Code::not_supported)});
  SECTION("to its end") {
    REQUIRE(world.rename("old", "new"));
    CHECK(world.keys() == Directory::below("new"));
  }
  SECTION("and back") {
    world.store.add({.operation = "Copy", .key = "new/d/c", .error = Error(Code::access_denied)});
    CHECK(world.rename("old", "new").code() == Code::access_denied);
    CHECK(world.keys() == Directory::below("old"));
  }
  CHECK(world.nothing_left());
}

/// Of the mount "first", which has died after `renames` of the objects were renamed.
struct HalfRenamed : Directory {
  explicit HalfRenamed(int renames) : Directory({.id = "first"}) {
    store.hold("Rename");
    renamed = begin_rename("old", "new");
    for (int i = 0; i < renames; ++i) REQUIRE(store.release_one("Rename"));
    settle();
    store.cut_off();
    settle();
  }
  Later renamed;
};

struct Second : World {
  explicit Second(MemoryStore& bucket)
      : World({.ttl = milliseconds(10'000)}, "",
              {.id = "second",
               .known_dead = [](const std::string& mount) { return mount == "first"; }},
              &bucket) {
    file_system->recover();
    for (int i = 0; i < 200; ++i) scheduler.advance(milliseconds(1));
  }
};

TEST_CASE("a rename of a directory whose mount died is ended") {
  HalfRenamed world(GENERATE(0, 1, 2));
  CHECK_FALSE(world.nothing_left());
  Second second(world.bucket);
  CHECK(world.keys() == Directory::below("new"));
  CHECK(world.bucket.contents("new/d/c") == "333");
  CHECK(world.nothing_left());
}

TEST_CASE("what was written since the mount died stays where it is") {
  HalfRenamed world(1);
  world.bucket.turn_clock(std::chrono::minutes(10));
  world.bucket.set("old/later", "of another");
  world.bucket.set("old/b", "changed");
  world.bucket.set("new/d/c", "of another");
  Second second(world.bucket);
  CHECK(world.bucket.contents("old/later") == "of another");
  CHECK(world.bucket.contents("old/b") == "changed");
  CHECK(world.bucket.contents("new/d/c") == "of another");
  CHECK(world.bucket.contents("old/d/c") == "333");
  CHECK(world.bucket.contents("new/a") == "1");
  CHECK_FALSE(world.bucket.contents("old/a"));
  CHECK(world.nothing_left());
}

TEST_CASE("what was moved in since the mount died, with a time of before, stays where it is") {
  HalfRenamed world(2);  // "old/", a marker, was copied instead
  REQUIRE_FALSE(world.bucket.contents("old/a"));
  world.bucket.set("old/a", "moved in");
  world.bucket.set("new/b", "moved in as well");
  Second second(world.bucket);
  CHECK(world.bucket.contents("old/a") == "moved in");
  CHECK(world.bucket.contents("new/a") == "1");
  CHECK(world.bucket.contents("old/b") == "22");
  CHECK(world.bucket.contents("new/b") == "moved in as well");
  CHECK(world.bucket.contents("new/d/c") == "333");
  CHECK(world.nothing_left());
}

TEST_CASE("a directory that was renamed over another keeps its attributes, also after a crash") {
  Directory world({.id = "first"});
  const Metadata mine = {{"mode", "16832"}};
  world.bucket.set("old/", "", mine);
  world.bucket.set("new/", "", {{"mode", "16877"}});
  world.inode("old");
  world.inode("new");
  world.store.hold("Head");  // of the markers
  const RenamingWorld::Later renamed = world.begin_rename("old", "new");
  world.store.cut_off();
  world.settle();
  Second second(world.bucket);
  CHECK(world.keys() == Directory::below("new"));
  CHECK(world.bucket.info("new/")->metadata->at("mode") == "16832");
}

TEST_CASE("who was silent for too long deletes nothing of what another has gone on with") {
  Directory world({.id = "first"});
  world.store.add({.operation = "Rename", .times = 100, .error = Error(Code::not_supported)});
  world.store.hold("Copy");
  const RenamingWorld::Later renamed = world.begin_rename("old", "new");
  while (!world.bucket.contents("new/a")) REQUIRE(world.store.release_one("Copy"));
  world.settle();
  Second second(world.bucket);
  CHECK(world.keys() == Directory::below("new"));
  world.store.release_all();
  world.settle();
  REQUIRE(*renamed);
  CHECK_FALSE(**renamed);
  CHECK(world.keys() == Directory::below("new"));
}

TEST_CASE("an intent of objects that are renamed reads as it was written") {
  const Intent intent{.mount = "m",
                      .phase = Intent::Phase::renaming,
                      .moves = {{.from = "a/", .to = "b/", .over_marker = true}}};
  const Result<Intent> read = parse_intent(to_text(intent));
  REQUIRE(read);
  CHECK(read->phase == Intent::Phase::renaming);
  CHECK(read->moves[0].over_marker);
}

}  // namespace
}  // namespace penstock::test
