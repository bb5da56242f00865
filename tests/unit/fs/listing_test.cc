// SPDX-License-Identifier: Apache-2.0
// Listings beside everything else: lookups, replacements, samples of attributes, several pages.
#include <fmt/format.h>

#include "support/catch.h"
#include "unit/fs/shared_world.h"
#include "unit/fs/walk.h"

namespace penstock {
namespace {

using std::chrono::milliseconds;
using test::all_once;
using test::Walk;
using test::World;

TEST_CASE("lookups beside a listing of several pages take no name from it") {
  World world;
  for (int i = 0; i < 2500; ++i) world.memory.set(fmt::format("d/n{:04}", i), "x");
  const InodeId directory = world.inode("d");
  world.store.hold("List");
  Walk walk(world, directory);
  walk.ask();
  REQUIRE(world.store.release_one("List"));
  CHECK(walk.take() > 0);
  // Other programs ask for names, some of which exist, by listings of their own.
  std::vector<Result<Entry>> found;
  for (const char* name : {"n0100", "n0100-", "n1500", "absent", "n0500"}) {
    world.file_system->lookup(directory, name,
                              [&](Result<Entry> entry) { found.push_back(std::move(entry)); });
    world.scheduler.run();
  }
  // In the order in which they were sent: the listing's last page comes after all of those.
  while (world.store.release_one("List")) world.scheduler.run();
  world.store.release_all();
  CHECK(found.size() == 5);
  walk.finish();
  CHECK(walk.names.size() == 2500);
  CHECK(all_once(walk.names));
  CHECK(world.list(directory).size() == 2500);
  for (const Result<Entry>& entry : found) {
    if (entry) world.file_system->forget(entry->attributes.inode, 1);
  }
}

TEST_CASE("a name that was looked up while a listing was past it stays") {
  World world;
  for (int i = 0; i < 2500; ++i) world.memory.set(fmt::format("d/n{:04}", i), "x");
  const InodeId directory = world.inode("d");
  world.store.hold("List");
  Walk walk(world, directory);
  walk.ask();
  REQUIRE(world.store.release_one("List"));
  CHECK(walk.take() > 0);
  world.memory.set("d/a-new-one", "x");
  world.scheduler.advance(milliseconds(5));
  std::optional<Result<Entry>> found;
  world.file_system->lookup(directory, "a-new-one",
                            [&](Result<Entry> entry) { found = std::move(entry); });
  // The answer comes before the listing's last page does.
  while (world.store.release_one("List")) world.scheduler.run();
  world.store.release_all();
  REQUIRE(found);
  REQUIRE(*found);
  walk.finish();
  CHECK(world.list(directory).contains("a-new-one"));
  world.file_system->forget((*found)->attributes.inode, 1);
}

TEST_CASE("a name that a failing rename has kept in a listing does not stay listed") {
  test::SharedWorld world;
  world.memory.set("a", "x");
  world.memory.set("b", "x");
  CHECK(world.list(root_inode) == std::set<std::string>{"a", "b"});
  world.scheduler.advance(milliseconds(9000));
  const InodeId a = world.held(root_inode, "a");
  REQUIRE(world.setattr(a, {.mode = 0600}));  // What the object carries is known from now on.
  world.store.hold("Copy");
  std::optional<Result<void>> renamed;
  world.file_system->rename(root_inode, "a", root_inode, "c", false,
                            Done<void>([&](Result<void> result) { renamed = std::move(result); }));
  world.scheduler.advance(milliseconds(11000));
  REQUIRE(world.store.held("Copy") == 1);
  // By another client, which the rename meets.
  world.memory.erase("a");
  // Too old to be believed by now: the store is asked, and whether it has the name is not settled.
  world.list(root_inode);
  world.store.release_all();
  world.scheduler.advance(milliseconds(10));
  REQUIRE(renamed);
  CHECK_FALSE(*renamed);
  CHECK(world.list(root_inode) == std::set<std::string>{"b"});
  world.file_system->forget(a, 1);
}

TEST_CASE("who opens a directory does not join a listing that began longer ago than is believed") {
  World world;
  for (int i = 0; i < 2500; ++i) world.memory.set(fmt::format("d/n{:04}", i), "x");
  const InodeId directory = world.inode("d");
  world.store.hold("List");
  Walk early(world, directory);
  early.ask();
  REQUIRE(world.store.release_one("List"));
  CHECK(early.take() > 0);
  // By another client, after the page that has it.
  world.memory.erase("d/n0000");
  Walk soon(world, directory);
  soon.ask();
  const size_t shared = world.store.count("List");
  // For longer than a name is believed.
  world.scheduler.advance(milliseconds(11'000));
  Walk late(world, directory);
  late.ask();
  CHECK(world.store.count("List") == shared + 1);
  Walk beside(world, directory);
  beside.ask();
  CHECK(world.store.count("List") == shared + 1);
  world.store.release_all();
  world.scheduler.run();
  late.take();
  late.finish();
  beside.take();
  beside.finish();
  CHECK(late.names.size() == 2499);
  CHECK(beside.names.size() == 2499);
  CHECK_FALSE(late.names.contains("n0000"));
  soon.take();
  soon.finish();
  early.finish();
  CHECK(all_once(early.names));
  CHECK(world.list(directory).size() == 2499);
}

TEST_CASE("a listing of two pages whose samples overlap is answered") {
  World world;
  for (int n = 0; n < 560; ++n) {
    world.memory.set(fmt::format("b/k{:03}/in", n), "x");
    world.memory.set(fmt::format("b/k{:03}-x", n), "x");
  }
  const InodeId directory = world.inode("b");
  world.store.hold("");
  Walk walk(world, directory, true);
  walk.ask();
  // Both pages are here before the first sample has been answered.
  while (world.store.release_one("List")) world.scheduler.run();
  while (world.store.release_one("Head")) world.scheduler.run();
  for (int round = 0; round < 10; ++round) {
    REQUIRE(walk.answered());
    if (walk.take() == 0) break;
    walk.ask();
    while (world.store.release_one("")) world.scheduler.run();
  }
  CHECK(walk.names.size() == 1120);
  CHECK(all_once(walk.names));
  world.store.release_all();
}

TEST_CASE("a listing from before does not undo the directory of a file that was just stored") {
  test::SharedWorld world;
  world.memory.set("d/f", "x");
  for (int i = 0; i < 1500; ++i) world.memory.set(fmt::format("e{:04}", i), "x");
  const InodeId directory = world.held(root_inode, "d");
  const Result<Created> made = world.create(directory, "new");
  REQUIRE(made);
  // Another client removes what else is in the directory; then the first page of the root, which
  // the directory would be on, is listed.
  world.memory.erase("d/f");
  world.wait();
  world.store.hold("List");
  Walk walk(world, root_inode);
  walk.ask();
  REQUIRE(world.store.release_one("List"));
  world.scheduler.run();
  REQUIRE(world.write_and_close(made->opened.handle, "bytes"));
  world.store.release_all();
  walk.take();
  walk.finish();
  CHECK(walk.names.size() == 1501);
  CHECK(world.lookup(directory, "new"));
}

TEST_CASE("a directory that is renamed while it is listed is listed on under its new name") {
  test::MemoryStore bucket{[] {
    test::MemoryStoreOptions options;
    options.page_limit = 10;
    return options;
  }()};
  test::ToldKernel kernel;
  World world{{.ttl = milliseconds(10'000)}, "", {}, &bucket};
  world.file_system->attach(kernel);
  for (int i = 0; i < 60; ++i) bucket.set(fmt::format("d/n{:04}", i), "x");
  const InodeId directory = world
                                .run<Entry>([&](Done<Entry> done) {
                                  world.file_system->lookup(root_inode, "d", std::move(done));
                                })
                                .value()
                                .attributes.inode;
  world.store.hold("List");
  {
    Walk walk(world, directory);
    walk.ask();
    REQUIRE(world.store.release_one("List"));
    CHECK(walk.take() > 0);
    // What was asked for under the old name is answered after the rename.
    std::optional<Result<void>> renamed;
    world.file_system->rename(root_inode, "d", root_inode, "e", false,
                              [&](Result<void> result) { renamed = std::move(result); });
    world.scheduler.run();
    while (!renamed && world.store.release_last("List")) world.scheduler.run();
    REQUIRE(renamed);
    REQUIRE(*renamed);
    world.store.release_all();
    walk.finish();
    CHECK(walk.names.size() == 60);
    CHECK(all_once(walk.names));
    CHECK(world.list(directory).size() == 60);
  }
  world.scheduler.advance(milliseconds(1));
}

TEST_CASE("what the store refused to make, since another node has it, is listed") {
  const bool while_listed = GENERATE(false, true);
  test::SharedWorld world;
  for (int i = 0; i < 1500; ++i) world.memory.set(fmt::format("d/n{:04}", i), "x");
  const InodeId directory = world.held(root_inode, "d");
  if (!while_listed) CHECK(world.list(directory).size() == 1500);
  if (while_listed) world.store.hold("List");
  Walk walk(world, directory);
  walk.ask();
  // The first page is from before, and has no such name.
  if (while_listed) REQUIRE(world.store.release_one("List"));
  world.scheduler.run();
  world.memory.set("d/a-run/", "");
  CHECK(world.mkdir(directory, "a-run").code() == Code::already_exists);
  world.store.release_all();
  walk.take();
  walk.finish();
  CHECK(world.list(directory).contains("a-run"));
}

TEST_CASE("a name that is replaced while its directory is being read is read once") {
  World world;
  for (int i = 0; i < 20; ++i) world.memory.set(fmt::format("f{:02}", i), "x");
  world.memory.set("tmp", "new");
  CHECK(world.list(root_inode).size() == 21);
  Walk walk(world, root_inode);
  walk.ask(5);
  walk.take();
  REQUIRE(world.run<void>([&](Done<void> done) {
    world.file_system->rename(root_inode, "tmp", root_inode, "f15", false, std::move(done));
  }));
  // And one that another client replaces, which somebody learns meanwhile.
  world.memory.set("f17", "longer");
  world.scheduler.advance(milliseconds(10'001));
  CHECK(world.lookup(root_inode, "f17")->attributes.size == 6);
  walk.finish();
  for (int i = 0; i < 20; ++i) CHECK(walk.names[fmt::format("f{:02}", i)] == 1);
}

TEST_CASE("a directory that hides a file listed before it shifts no cookie") {
  World world;
  world.memory.set("d/k", "x");
  for (int i = 0; i < 1100; ++i) world.memory.set(fmt::format("d/k-{:04}", i), "x");
  world.memory.set("d/k/in", "x");
  const InodeId directory = world.inode("d");
  world.store.hold("List");
  Walk walk(world, directory);
  walk.ask(2000);
  REQUIRE(world.store.release_one("List"));
  CHECK(walk.take() == 2 + 1000);
  world.store.release_all();
  walk.finish();
  CHECK(walk.names.size() == 1101);
  CHECK(all_once(walk.names));
}

TEST_CASE("the bound on names holds while a listing is under way, and the listing is whole") {
  World world({.ttl = milliseconds(1'000'000), .memory = 110'000});
  for (int i = 0; i < 900; ++i) world.memory.set(fmt::format("before/n{:04}", i), "x");
  for (int i = 0; i < 3500; ++i) world.memory.set(fmt::format("large/n{:04}", i), "x");
  const auto referenced = [&](const std::string& name) {
    return world
        .run<Entry>(
            [&](Done<Entry> done) { world.file_system->lookup(root_inode, name, std::move(done)); })
        ->attributes.inode;
  };
  const InodeId before = referenced("before");
  CHECK(world.list(before).size() == 900);
  const InodeId large = referenced("large");
  world.store.hold("List");
  Walk walk(world, large);
  walk.ask();
  REQUIRE(world.store.release_one("List"));
  walk.take();
  // What was known longest has gone by now, though the listing has not ended.
  world.scheduler.run();
  world.memory.clear_requests();
  const size_t held = world.store.held("List");
  std::optional<Result<Entry>> found;
  world.file_system->lookup(before, "n0000",
                            [&](Result<Entry> entry) { found = std::move(entry); });
  world.scheduler.run();
  CHECK(world.memory.count("") + world.store.held("List") > held);
  world.store.release_all();
  world.scheduler.advance(milliseconds(1));
  REQUIRE(found);
  REQUIRE(*found);
  world.file_system->forget((*found)->attributes.inode, 1);
  walk.finish();
  for (const InodeId directory : {before, large}) world.file_system->forget(directory, 1);
  CHECK(walk.names.size() == 3500);
  CHECK(all_once(walk.names));
}

TEST_CASE("names that have gone are not read when others are forgotten") {
  World world({.ttl = std::chrono::hours(80), .memory = 110'000});
  for (int i = 0; i < 900; ++i) world.memory.set(fmt::format("d/n{:04}", i), "x");
  for (int i = 0; i < 2000; ++i) world.memory.set(fmt::format("other/n{:04}", i), "x");
  const InodeId directory = world.inode("d");
  const InodeId other = world.inode("other");
  const bool of_tree = GENERATE(false, true);
  CAPTURE(of_tree);
  if (of_tree) CHECK(world.list(directory).size() == 900);
  Walk walk(world, directory);
  walk.ask(10);
  walk.take();
  const auto removed = [&](const std::string& name) {
    return world.run<void>(
        [&](Done<void> done) { world.file_system->unlink(directory, name, std::move(done)); });
  };
  for (const auto& name : {"n0500", "n0600"}) REQUIRE(removed(name));
  // One is made again.
  const Result<Created> made = world.create(directory, "n0600");
  REQUIRE(made);
  REQUIRE(world.write_and_close(made->opened.handle, "again"));
  // So many other names that all of the directory's are forgotten.
  CHECK(world.list(other).size() == 2000);
  world.scheduler.run();
  // Another client removes a name that was forgotten, and this mount is told.
  world.memory.erase("d/n0700");
  CHECK_FALSE(world.lookup(directory, "n0700"));
  walk.finish();
  CHECK(walk.names.size() == 898);
  CHECK_FALSE(walk.names.contains("n0500"));
  CHECK(walk.names.contains("n0600"));
  CHECK_FALSE(walk.names.contains("n0700"));
}

TEST_CASE("what is found behind a listing under way is read though it is forgotten") {
  World world({.ttl = std::chrono::hours(80), .memory = 110'000});
  for (int i = 0; i < 1500; ++i) world.memory.set(fmt::format("d/n{:04}", i), "x");
  for (int i = 0; i < 2000; ++i) world.memory.set(fmt::format("other/n{:04}", i), "x");
  const InodeId directory = world.inode("d");
  const InodeId other = world.inode("other");
  world.store.hold("List");
  Walk walk(world, directory);
  walk.ask();
  REQUIRE(world.store.release_one("List"));
  walk.take();
  // Another client makes a name where the listing has been, and a program asks for it.
  world.memory.set("d/n0000-new", "x");
  std::optional<Result<Entry>> found;
  world.file_system->lookup(directory, "n0000-new",
                            [&](Result<Entry> entry) { found = std::move(entry); });
  world.scheduler.advance(milliseconds(1));
  REQUIRE(world.store.release_last("List"));
  world.scheduler.advance(milliseconds(1));
  REQUIRE(found);
  REQUIRE(*found);
  world.file_system->forget((*found)->attributes.inode, 1);
  // So many other names that all of the directory's are forgotten.
  Walk filling(world, other);
  filling.ask();
  REQUIRE(world.store.release_last("List"));
  world.scheduler.run();
  world.store.release_all();
  walk.finish();
  CHECK(walk.names.size() == 1501);
  CHECK(walk.names.contains("n0000-new"));
  CHECK(all_once(walk.names));
}

TEST_CASE("the bound on names holds for names that were looked up one by one") {
  World world({.ttl = std::chrono::hours(80), .memory = 110'000});
  for (int i = 0; i < 1500; ++i) world.memory.set(fmt::format("d{:04}/f", i), "x");
  const auto file = [&](int i) {
    const InodeId directory = world.inode(fmt::format("d{:04}", i));
    const Result<Entry> found = world.lookup(directory, "f");
    if (found) world.file_system->forget(found->attributes.inode, 1);
    world.file_system->forget(directory, 1);
    return found.has_value();
  };
  int found = 0;
  for (int i = 0; i < 1500; ++i) {
    // So seldom that none makes its neighbours worth a listing.
    world.scheduler.advance(std::chrono::seconds(11));
    found += file(i) ? 1 : 0;
    world.scheduler.run();
  }
  CHECK(found == 1500);
  world.memory.clear_requests();
  CHECK(file(0));
  CHECK(world.memory.count("") > 0);
  world.memory.clear_requests();
  CHECK(file(1499));
  CHECK(world.memory.count("") == 0);
}

TEST_CASE("the bound on names lets nothing go that somebody has open, refers to or has written") {
  World world({.ttl = std::chrono::hours(80), .memory = 110'000});
  for (int i = 0; i < 900; ++i) world.memory.set(fmt::format("d/n{:04}", i), "x");
  for (int i = 0; i < 3500; ++i) world.memory.set(fmt::format("other/n{:04}", i), "x");
  const auto held = [&](InodeId parent, const std::string& name) {
    return world
        .run<Entry>(
            [&](Done<Entry> done) { world.file_system->lookup(parent, name, std::move(done)); })
        ->attributes.inode;
  };
  const auto open = [&](InodeId inode, OpenFlags flags) {
    return world
        .run<Opened>(
            [&](Done<Opened> done) { world.file_system->open(inode, flags, std::move(done)); })
        ->handle;
  };
  const InodeId directory = held(root_inode, "d");
  CHECK(world.list(directory).size() == 900);
  const InodeId referenced = held(directory, "n0000");
  // The kernel may forget what programs still have open.
  const InodeId opened = held(directory, "n0001");
  const HandleId reading = open(opened, {.read = true});
  world.file_system->forget(opened, 1);
  // What is closed and could not be stored yet is known nowhere else.
  world.store.add({.operation = "Put", .times = UINT64_MAX});
  const Created made = world.create(directory, "made").value();
  CHECK_FALSE(world.write_and_close(made.opened.handle, "written"));
  world.file_system->forget(made.entry.attributes.inode, 1);
  const InodeId other = held(root_inode, "other");
  CHECK(world.list(other).size() == 3500);
  world.scheduler.advance(milliseconds(1));
  const auto requests = [&](const std::string& name) {
    world.memory.clear_requests();
    const auto found = world.run<Entry>(
        [&](Done<Entry> done) { world.file_system->lookup(directory, name, std::move(done)); });
    CHECK(found);
    if (found) world.file_system->forget(found->attributes.inode, 1);
    return world.memory.count("");
  };
  CHECK(requests("n0000") == 0);
  CHECK(requests("n0001") == 0);
  CHECK(requests("made") == 0);
  CHECK(held(directory, "n0001") == opened);
  world.file_system->forget(opened, 1);
  CHECK(requests("n0500") > 0);  // nobody had that
  world.store.clear_faults();
  world.scheduler.advance(std::chrono::minutes(5));
  CHECK(world.memory.contents("d/made") == "written");
  world.file_system->release(reading);
  world.file_system->forget(referenced, 1);
  for (const InodeId each : {directory, other}) world.file_system->forget(each, 1);
}

TEST_CASE("what a listing under way leaves to this mount, which changed it, is not forgotten") {
  World world({.ttl = std::chrono::hours(80), .memory = 110'000});
  for (int i = 0; i < 1500; ++i) world.memory.set(fmt::format("d/n{:04}", i), "x");
  for (int i = 0; i < 1000; ++i) world.memory.set(fmt::format("other/n{:04}", i), "x");
  const InodeId directory = world.inode("d");
  const InodeId other = world.inode("other");
  const InodeId changed = world.lookup(directory, "n1400")->attributes.inode;
  world.scheduler.advance(std::chrono::seconds(11));
  world.store.hold("List");
  Walk walk(world, directory);
  walk.ask();
  REQUIRE(world.store.release_one("List"));
  walk.take();
  const auto saved = world.run<Attributes>([&](Done<Attributes> done) {
    world.file_system->setattr(changed, {.mode = 0600}, std::move(done));
  });
  REQUIRE(saved);
  world.file_system->forget(changed, 1);
  // So many other names that all of the directory's are forgotten.
  Walk filling(world, other);
  filling.ask();
  REQUIRE(world.store.release_last("List"));
  world.scheduler.run();
  world.store.release_all();
  walk.finish();
  CHECK(walk.names.size() == 1500);
  CHECK(walk.names.contains("n1400"));
}

}  // namespace
}  // namespace penstock
