// SPDX-License-Identifier: Apache-2.0
// What the root of a bucket keeps, which has no marker of its name.
#include "support/catch.h"
#include "unit/fs/world.h"

namespace penstock::test {
namespace {

using Rule = MetadataOptions::Attributes;

constexpr const char* root_key = ".penstock/root";

/// A mount of a bucket that others may mount too.
struct RootNode : World {
  explicit RootNode(MemoryStore& bucket, std::string prefix = "", Rule mode = Rule::automatic,
                    MountIdentity identity = {})
      : World({.attributes = mode, .ttl = milliseconds(10'000)}, std::move(prefix),
              std::move(identity), &bucket) {}

  Attributes root() {
    return run<Attributes>(
               [&](Done<Attributes> done) { file_system->getattr(root_inode, std::move(done)); })
        .value();
  }
  Result<Attributes> set(const AttributeChange& change) {
    const Result<Attributes> changed = run<Attributes>(
        [&](Done<Attributes> done) { file_system->setattr(root_inode, change, std::move(done)); });
    settle();
    return changed;
  }
  Result<Entry> link(const std::string& name) {
    Result<Entry> made = run<Entry>([&](Done<Entry> done) {
      file_system->make_node(root_inode, name,
                             {.type = FileType::symlink, .mode = 0777, .target = "elsewhere"}, {},
                             std::move(done));
    });
    settle();
    return made;
  }
  FileType type_of(const std::string& name) { return lookup(root_inode, name)->attributes.type; }
  void settle() {
    for (int i = 0; i < 50; ++i) scheduler.advance(milliseconds(1));
  }
};

void fill_bucket(MemoryStore& bucket, const std::string& prefix = "") {
  for (int i = 0; i < 50; ++i) bucket.set(prefix + "file" + std::to_string(100 + i), "x");
}

TEST_CASE("a bucket's root keeps its attributes") {
  MemoryStore bucket;
  {
    RootNode node(bucket);
    CHECK(node.root().mode == 0755);
    REQUIRE(node.set({.mode = 01777, .uid = 7}));
    REQUIRE(node.run<void>([&](Done<void> done) {
      node.file_system->set_xattr(root_inode, "user.note", "text", XattrMode::any, std::move(done));
    }));
    CHECK(bucket.keys() == std::vector<std::string>{root_key});
    CHECK(node.list(root_inode).empty());
  }
  RootNode next(bucket);
  CHECK(next.root().mode == 01777);
  CHECK(next.root().uid == 7);
  CHECK(next.run<std::string>([&](Done<std::string> done) {
              next.file_system->get_xattr(root_inode, "user.note", std::move(done));
            })
            .value() == "text");
  REQUIRE(next.set({.gid = 8}));
  CHECK(next.root().uid == 7);
  RootNode third(bucket);
  CHECK(third.root().mode == 01777);
  CHECK(third.root().gid == 8);
}

TEST_CASE("the root of a prefix keeps its attributes in its marker") {
  MemoryStore bucket;
  {
    RootNode node(bucket, "p/");
    REQUIRE(node.set({.mode = 0700}));
    CHECK(bucket.keys() == std::vector<std::string>{"p/"});
  }
  RootNode next(bucket, "p/");
  CHECK(next.root().mode == 0700);
}

TEST_CASE("a lone link in a root is a link for the next mount") {
  MemoryStore bucket;
  const std::string prefix = GENERATE("", "p/");
  fill_bucket(bucket, prefix);
  {
    RootNode node(bucket, prefix);
    CHECK(node.list(root_inode).size() == 50);
    REQUIRE(node.link("file120-link"));
  }
  CHECK(bucket.info(prefix.empty() ? root_key : prefix));
  RootNode next(bucket, prefix);
  CHECK(next.list(root_inode).size() == 51);
  CHECK(next.type_of("file120-link") == FileType::symlink);
  CHECK(next.type_of("file120") == FileType::file);
}

TEST_CASE("a mount that lives sees what another has made in the root with its next listing") {
  MemoryStore bucket;
  fill_bucket(bucket);
  RootNode one(bucket);
  CHECK(one.list(root_inode).size() == 50);
  CHECK(one.root().mode == 0755);
  RootNode other(bucket);
  REQUIRE(other.link("file120-link"));
  bucket.turn_clock(std::chrono::seconds(2));
  REQUIRE(other.set({.mode = 0711}));
  one.scheduler.advance(milliseconds(20'000));
  CHECK(one.list(root_inode).size() == 51);
  CHECK(one.type_of("file120-link") == FileType::symlink);
  CHECK(one.root().mode == 0711);
}

TEST_CASE("what a root keeps costs one request, and none without attributes") {
  MemoryStore bucket;
  RootNode node(bucket);
  for (int i = 0; i < 10; ++i) CHECK(node.root().mode == 0755);
  CHECK(bucket.count("Head") == 1);
  CHECK(bucket.count("") == 1);
  bucket.clear_requests();
  RootNode without(bucket, "", Rule::none);
  for (int i = 0; i < 10; ++i) CHECK(without.root().mode == 0755);
  CHECK(bucket.count("") == 0);
  // What is there is not lost to a change, all the same.
  REQUIRE(node.set({.mode = 0700}));
  REQUIRE(without.set({.uid = 7}));
  RootNode next(bucket);
  CHECK(next.root().mode == 0700);
  CHECK(next.root().uid == 7);
}

TEST_CASE("a root whose marker may not be read has the mount's attributes") {
  MemoryStore bucket;
  RootNode node(bucket);
  node.store.add(
      {.operation = "Head", .key = root_key, .times = 100, .error = Error(Code::access_denied)});
  CHECK(node.root().mode == 0755);
  CHECK(node.set({.mode = 0700}).code() == Code::access_denied);
  CHECK(bucket.keys().empty());
}

TEST_CASE("a time that names in the root have moved is not taken back by its marker") {
  MemoryStore bucket;
  RootNode node(bucket);
  REQUIRE(node.set({.mtime_ns = 1'000'000'000}));
  CHECK(node.list(root_inode).empty());
  CHECK(node.root().mtime_ns == 1'000'000'000);
  const Result<Created> created = node.create(root_inode, "f");
  REQUIRE(created);
  REQUIRE(node.write_and_close(created->opened.handle, "x"));
  const int64_t moved = node.root().mtime_ns;
  CHECK(moved > 1'000'000'000);
  node.scheduler.advance(milliseconds(20'000));
  CHECK(node.list(root_inode).size() == 1);
  CHECK(node.root().mtime_ns == moved);
}

TEST_CASE("who clears up behind dead mounts leaves the root's marker") {
  MemoryStore bucket;
  {
    RootNode node(bucket);
    REQUIRE(node.set({.mode = 0700}));
  }
  bucket.set(".penstock/mounts/dead", "");
  bucket.set(".penstock/trials/1234-from", "?");
  bucket.turn_clock(std::chrono::hours(1));
  RootNode next(bucket, "", Rule::automatic, {.id = "next"});
  next.file_system->recover();
  for (int i = 0; i < 200; ++i) next.scheduler.advance(milliseconds(1));
  CHECK(bucket.keys() == std::vector<std::string>{root_key});
  CHECK(next.root().mode == 0700);
}

}  // namespace
}  // namespace penstock::test
