// SPDX-License-Identifier: Apache-2.0
// Large directories, which are listed from several places at once: answers in any order, failures,
// readers that go away, and the page that a probe has fetched.
#include <fmt/format.h>

#include "support/catch.h"
#include "unit/fs/walk.h"

namespace penstock {
namespace {

using std::chrono::milliseconds;
using test::all_once;
using test::MemoryStore;
using test::Walk;
using test::World;

void fill(MemoryStore& bucket, int names) {
  for (int i = 0; i < names; ++i) bucket.set(fmt::format("d/n{:05}", i), "x");
}

TEST_CASE(
    "a directory of many pages is listed from several places, in whatever order they answer") {
  World world;
  fill(world.memory, 9500);
  for (int i = 0; i < 500; ++i) world.memory.set(fmt::format("d/n{:05}/in", 19 * i), "x");
  const InodeId directory = world.inode("d");
  world.store.hold("List");
  Walk walk(world, directory);
  walk.ask(100'000);
  size_t most = 0;
  for (int round = 0; world.store.held("List") > 0; ++round) {
    most = std::max(most, world.store.held("List"));
    round % 2 == 0 ? world.store.release_one("List") : world.store.release_last("List");
    world.scheduler.run();
  }
  world.store.release_all();
  walk.take();
  walk.finish();
  CHECK(most > 4);
  CHECK(most <= 16);
  CHECK(walk.names.size() == 9500);
  CHECK(all_once(walk.names));
  // The tree has them all: reading again asks nobody.
  world.memory.clear_requests();
  CHECK(world.list(directory).size() == 9500);
  CHECK(world.memory.count("") == 0);
}

TEST_CASE("a store that lists in no order is listed page by page, and never from a name on") {
  World world({.ttl = milliseconds(1000)}, "", {}, nullptr, false);
  MemoryStore& bucket = world.memory;
  fill(bucket, 2500);
  const InodeId directory = world.inode("d");
  bucket.clear_requests();
  CHECK(world.list(directory).size() == 2500);
  CHECK(bucket.count("List") == 3);
  world.scheduler.advance(milliseconds(5000));
  bucket.clear_requests();
  for (const char* name : {"n00100", "n00101", "n02000"}) CHECK(world.lookup(directory, name));
  CHECK(bucket.count("Head") == 3);
}

TEST_CASE("a walker that fails, fails the listing once its names are read, and stops the others") {
  World world;
  fill(world.memory, 20'000);
  const InodeId directory = world.inode("d");
  world.store.hold("List");
  Walk walk(world, directory);
  walk.ask(100'000);
  for (int round = 0; round < 8; ++round) {
    world.store.release_one("List");
    world.scheduler.run();
  }
  const size_t held = world.store.held("List");
  REQUIRE(held > 2);
  const size_t sent = world.store.count("List");
  world.store.add({.operation = "List", .error = Error(Code::access_denied, "not any more")});
  // The fault counts for those that arrive: the next page of whoever is answered.
  while (world.store.release_one("List")) world.scheduler.run();
  world.store.release_all();
  world.scheduler.run();
  CHECK(world.store.count("List") < sent + 2 * held);
  size_t names = walk.take();
  while (names > 0) {
    walk.ask(100'000);
    world.scheduler.run();
    REQUIRE(walk.answered());
    if (!walk.answer()) break;
    names = walk.take();
  }
  REQUIRE(!walk.answer());
  CHECK(walk.answer().code() == Code::access_denied);
  CHECK(walk.names.size() > 1000);
  CHECK(all_once(walk.names));
  // Who reads again finds all.
  CHECK(world.list(directory).size() == 20'000);
}

TEST_CASE("a listing ends when its last reader has gone, and the next one is whole") {
  World world;
  fill(world.memory, 20'000);
  const InodeId directory = world.inode("d");
  world.store.hold("List");
  std::optional<Walk> one(std::in_place, world, directory);
  std::optional<Walk> other(std::in_place, world, directory);
  one->ask();
  other->ask();
  for (int round = 0; round < 6; ++round) {
    world.store.release_one("List");
    world.scheduler.run();
  }
  one.reset();
  const size_t sent = world.store.count("List");
  world.store.release_one("List");
  world.scheduler.run();
  CHECK(world.store.count("List") > sent);  // the other one reads on
  other.reset();
  const size_t sent_by_then = world.store.count("List");
  world.store.release_all();
  world.scheduler.run();
  CHECK(world.store.count("List") == sent_by_then);
  CHECK(world.list(directory).size() == 20'000);
}

TEST_CASE("a reader that goes before the first page leaves it to others") {
  World world;
  fill(world.memory, 2500);
  const InodeId directory = world.inode("d");
  world.store.hold("List");
  {
    Walk walk(world, directory);
    walk.ask();
  }
  REQUIRE(world.store.held("List") == 1);
  world.store.release_all();
  world.scheduler.run();
  CHECK(world.memory.count("List") - 1 == 1);  // that of the lookup of "d", and this one
  CHECK(world.lookup(directory, "n00500"));
  CHECK(world.memory.count("List") - 1 == 1);
  CHECK(world.list(directory).size() == 2500);
}

/// Two names of a directory were asked for: a page of it has been listed.
InodeId probed(World& world) {
  const InodeId directory = world.inode("d");
  CHECK(!world.lookup(directory, "absent"));
  CHECK(world.lookup(directory, "n00001"));
  world.memory.clear_requests();
  return directory;
}

TEST_CASE("a probe's first page is not asked for again while it may be believed") {
  World world;
  fill(world.memory, 1999);
  const InodeId directory = probed(world);
  world.store.hold("List");
  Walk walk(world, directory);
  walk.ask();
  REQUIRE(walk.answered());
  CHECK(walk.take() > 900);
  world.store.release_all();
  walk.finish();
  CHECK(walk.names.size() == 1999);
  CHECK(all_once(walk.names));
  CHECK(world.memory.count("List") <= 2);  // the second page and a guess beside it

  world.memory.clear_requests();
  World later;
  fill(later.memory, 1999);
  const InodeId other = probed(later);
  later.scheduler.advance(milliseconds(10'001));
  later.memory.set("d/a-new-one", "x");
  CHECK(later.list(other).size() == 2000);
}

TEST_CASE("a probe's first page is listed again where this mount has changed a name since") {
  World world;
  fill(world.memory, 1999);
  const InodeId directory = probed(world);
  REQUIRE(world.run<void>(
      [&](Done<void> done) { world.file_system->unlink(directory, "n00000", std::move(done)); }));
  const auto created = world.create(directory, "n00000-new");
  REQUIRE(created);
  REQUIRE(world.write_and_close(created->opened.handle, "x"));
  world.file_system->forget(created->entry.attributes.inode, 1);
  const std::set<std::string> names = world.list(directory);
  CHECK(names.size() == 1999);
  CHECK(names.contains("n00000-new"));
  CHECK(!names.contains("n00000"));
}

TEST_CASE(
    "names made and removed here while a large directory is listed are as they are in the end") {
  World world;
  fill(world.memory, 6000);
  const InodeId directory = world.inode("d");
  world.store.hold("List");
  Walk walk(world, directory);
  walk.ask(100'000);
  for (int round = 0; round < 3; ++round) {
    world.store.release_one("List");
    world.scheduler.run();
  }
  std::optional<Result<void>> removed;
  world.file_system->unlink(directory, "n05999", [&](Result<void> done) { removed = done; });
  const auto created = world.create(directory, "n00000-new");
  REQUIRE(created);
  REQUIRE(world.write_and_close(created->opened.handle, "x"));
  world.file_system->forget(created->entry.attributes.inode, 1);
  while (world.store.release_last("List")) world.scheduler.run();
  world.store.release_all();
  world.scheduler.advance(milliseconds(1));
  REQUIRE(removed);
  CHECK(*removed);
  walk.take();
  walk.finish();
  CHECK(all_once(walk.names));
  CHECK(walk.names.size() >= 5999);
  const std::set<std::string> names = world.list(directory);
  CHECK(names.size() == 6000);
  CHECK(names.contains("n00000-new"));
  CHECK(!names.contains("n05999"));
}

}  // namespace
}  // namespace penstock
