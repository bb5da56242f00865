// SPDX-License-Identifier: Apache-2.0
// For how long the mount, and the kernel, believe what the store told.
#include "fs/names/freshness.h"

#include <fmt/format.h>

#include "support/catch.h"
#include "unit/fs/world.h"

namespace penstock {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::World;
using Mode = MetadataOptions::Freshness;

MetadataOptions with(Mode mode, milliseconds ttl = seconds(60)) {
  return {.freshness = mode, .ttl = ttl};
}

TEST_CASE("an object is believed for a hundredth of its age, a second at least, the TTL at most") {
  const Freshness adaptive(with(Mode::adaptive));
  CHECK(adaptive.of_age(seconds(0)) == seconds(1));
  CHECK(adaptive.of_age(seconds(100)) == seconds(1));
  CHECK(adaptive.of_age(milliseconds(100'100)) == milliseconds(1001));
  CHECK(adaptive.of_age(seconds(3000)) == seconds(30));
  CHECK(adaptive.of_age(milliseconds(5'999'900)) == milliseconds(59'999));
  CHECK(adaptive.of_age(hours(24 * 3650)) == seconds(60));
  CHECK(adaptive.of_age(std::nullopt) == seconds(10));
  CHECK(adaptive.absence() + adaptive.kernel_absence() == seconds(1));
  CHECK(Freshness(with(Mode::adaptive, seconds(5))).of_age(std::nullopt) == seconds(5));
  CHECK(Freshness(with(Mode::adaptive, milliseconds(0))).of_age(hours(10)) == seconds(0));
}

TEST_CASE("the other modes, and a TTL for ever") {
  const Freshness fixed(with(Mode::ttl));
  CHECK(fixed.of_age(seconds(0)) == seconds(60));
  CHECK(fixed.of_own() == seconds(60));
  CHECK(fixed.absence() + fixed.kernel_absence() == seconds(1));
  CHECK(fixed.own_directory() + fixed.kernel_absence() == seconds(60));
  CHECK_FALSE(fixed.asks_at_open());
  const Freshness strict(with(Mode::close_to_open));
  CHECK(strict.of_age(seconds(3000)) == seconds(30));
  CHECK(strict.absence() == seconds(0));
  CHECK(strict.asks_at_open());
  const Freshness constant(with(Mode::adaptive, MetadataOptions::forever));
  CHECK(constant.of_age(seconds(0)) == MetadataOptions::forever);
  CHECK(constant.absence() == milliseconds(500));
}

TEST_CASE("what was told holds to the last millisecond, and what is left is said") {
  const Scheduler::Time at{hours(1)};
  const Told told{at, milliseconds(3000)};
  CHECK(told.holds(at));
  CHECK(told.left(at) == milliseconds(3000));
  CHECK(told.holds(at + milliseconds(2999)));
  CHECK(told.left(at + milliseconds(2999)) == milliseconds(1));
  CHECK_FALSE(told.holds(at + milliseconds(3000)));
  CHECK(told.left(at + milliseconds(3001)) == milliseconds(0));
  CHECK_FALSE(Told{}.holds(at));
}

/// A mount of a bucket whose objects were written so long ago.
struct Aged : World {
  explicit Aged(seconds age, MetadataOptions metadata = with(Mode::adaptive)) : World(metadata) {
    memory.turn_clock(test::old - age);
  }
  /// What this costs.
  template <typename F>
  size_t requests(F&& what) {
    memory.clear_requests();
    what();
    return memory.count("");
  }
};

TEST_CASE("a name is asked for again when the share of its age is over, and not before") {
  Aged world(seconds(300));
  world.memory.set("f", "x");
  const milliseconds ttl = world.lookup(root_inode, "f")->ttl;
  CHECK(ttl >= milliseconds(3000));
  CHECK(ttl < milliseconds(4000));
  world.scheduler.advance(ttl - milliseconds(1));
  Result<Entry> again = Error(Code::internal);
  CHECK(world.requests([&] { again = world.lookup(root_inode, "f"); }) == 0);
  // The kernel gets what is left, for the name and for its attributes.
  CHECK(again->ttl == milliseconds(1));
  CHECK(again->attributes.ttl == milliseconds(1));
  world.scheduler.advance(milliseconds(1));
  CHECK(world.requests([&] { again = world.lookup(root_inode, "f"); }) > 0);
  CHECK(again->ttl >= ttl);
}

TEST_CASE("attributes say for how long they may be believed, too") {
  Aged world(seconds(300));
  world.memory.set("f", "x");
  const Result<Entry> found = world.run<Entry>(
      [&](Done<Entry> done) { world.file_system->lookup(root_inode, "f", std::move(done)); });
  world.scheduler.advance(found->ttl - milliseconds(7));
  const Result<Attributes> known = world.run<Attributes>([&](Done<Attributes> done) {
    world.file_system->getattr(found->attributes.inode, std::move(done));
  });
  CHECK(known->ttl == milliseconds(7));
  world.file_system->forget(found->attributes.inode, 1);
}

TEST_CASE("a listing is believed as long as its newest name says") {
  Aged world(hours(48));
  for (int i = 0; i < 20; ++i) world.memory.set(fmt::format("d/old{}", i), "x");
  world.memory.turn_clock(hours(48) - seconds(300));
  world.memory.set("d/young", "x");
  const InodeId directory = world.inode("d");
  CHECK(world.list(directory).size() == 21);
  const milliseconds ttl = world.lookup(directory, "young")->ttl;
  CHECK(world.lookup(directory, "old3")->ttl == seconds(60));
  world.scheduler.advance(ttl - milliseconds(1));
  CHECK(world.requests([&] { world.list(directory); }) == 0);
  world.memory.set("d/new", "x");
  world.scheduler.advance(milliseconds(1));
  CHECK(world.list(directory).contains("new"));
  // The names that are old need nothing.
  CHECK(world.requests([&] { CHECK(world.lookup(directory, "old3")); }) == 0);
}

TEST_CASE("an answer that was long on its way is believed from when it was asked for") {
  Aged world(hours(48));
  world.memory.set("f", "x");
  world.store.hold("Head");
  std::optional<Result<Entry>> found;
  world.file_system->lookup(root_inode, "f", [&](Result<Entry> entry) { found = entry; });
  world.scheduler.advance(seconds(50));
  world.store.release_all();
  world.scheduler.advance(milliseconds(1));
  REQUIRE(found);
  REQUIRE(*found);
  CHECK((*found)->ttl <= seconds(10));
  world.scheduler.advance(seconds(10));
  CHECK(world.requests([&] { CHECK(world.lookup(root_inode, "f")); }) > 0);
}

TEST_CASE("a name that was told to be absent does not exist by an answer to who asked before") {
  World world;
  world.memory.set("d/x/f", "x");
  world.memory.set("d/y", "x");
  const InodeId directory = world.inode("d");
  const bool listed = GENERATE(false, true);
  CAPTURE(listed);
  world.store.hold("Head");
  std::optional<Result<Entry>> before;
  world.file_system->lookup(directory, "x",
                            [&](Result<Entry> entry) { before = std::move(entry); });
  world.scheduler.advance(listed ? milliseconds(1) : milliseconds(11'000));
  REQUIRE(world.store.held("Head") == 1);
  world.memory.erase("d/x/f");
  std::optional<Result<Entry>> after;
  world.file_system->lookup(directory, "x", [&](Result<Entry> entry) { after = std::move(entry); });
  world.scheduler.advance(milliseconds(1));
  if (!listed) REQUIRE(world.store.release_last("Head"));
  world.scheduler.advance(milliseconds(1));
  REQUIRE(after);
  CHECK_FALSE(*after);
  world.store.release_all();
  world.scheduler.advance(milliseconds(1));
  REQUIRE(before);
  CHECK_FALSE(*before);
}

TEST_CASE("the absence of a name is believed for half a second here and half in the kernel") {
  Aged world(hours(48));
  world.memory.set("f", "x");
  CHECK(world.lookup(root_inode, "absent").code() == Code::not_found);
  world.scheduler.advance(milliseconds(499));
  CHECK(world.requests([&] { CHECK_FALSE(world.lookup(root_inode, "absent")); }) == 0);
  world.memory.set("absent", "x");
  world.scheduler.advance(milliseconds(1));
  CHECK(world.lookup(root_inode, "absent"));
  // Also in a directory that this mount has made, and that others fill.
  const Result<Entry> made = world.run<Entry>([&](Done<Entry> done) {
    world.file_system->mkdir(root_inode, "mine", 0755, {}, std::move(done));
  });
  const InodeId mine = made->attributes.inode;
  CHECK(world.requests([&] { CHECK_FALSE(world.lookup(mine, "theirs")); }) == 0);
  world.memory.set("mine/theirs", "x");
  world.scheduler.advance(milliseconds(500));
  CHECK(world.lookup(mine, "theirs"));
  world.file_system->forget(mine, 1);
}

TEST_CASE("what this mount has just written is young as well") {
  Aged world(seconds(0));
  const Result<Created> made = world.create(root_inode, "f");
  REQUIRE(world.write_and_close(made->opened.handle, "mine"));
  world.scheduler.advance(milliseconds(900));
  CHECK(world.requests([&] { CHECK(world.lookup(root_inode, "f")->attributes.size == 4); }) == 0);
  world.memory.set("f", "theirs, longer");
  world.scheduler.advance(milliseconds(100));
  CHECK(world.lookup(root_inode, "f")->attributes.size == 14);
}

TEST_CASE("what this mount has changed is believed from when it asked the store for that") {
  Aged world(seconds(0));
  world.memory.set("f", "x");
  const Result<Entry> file = world.run<Entry>(
      [&](Done<Entry> done) { world.file_system->lookup(root_inode, "f", std::move(done)); });
  REQUIRE(file);
  const InodeId inode = file->attributes.inode;
  bool answered = false;
  const auto note = [&](const auto& result) { answered = result.has_value(); };
  std::string name = "f";
  InodeId made = 0;
  const auto note_made = [&](const Result<Entry>& entry) {
    note(entry);
    if (entry) made = entry->attributes.inode;
  };
  world.store.hold("");
  const char* const change = GENERATE("chmod", "rename", "symlink", "link", "write");
  CAPTURE(change);
  HandleId handle = 0;
  if (std::string_view(change) == "chmod") {
    world.file_system->setattr(inode, {.mode = 0600}, note);
  } else if (std::string_view(change) == "rename") {
    world.file_system->rename(root_inode, "f", root_inode, name = "g", false, note);
  } else if (std::string_view(change) == "symlink") {
    world.file_system->make_node(root_inode, name = "s", {.type = FileType::symlink, .target = "f"},
                                 {}, note_made);
  } else if (std::string_view(change) == "link") {
    world.file_system->link(inode, root_inode, name = "l", note_made);
  } else {
    const Result<Created> created = world.create(root_inode, name = "w");
    made = created->entry.attributes.inode;
    handle = created->opened.handle;
    world.file_system->write(handle, {}, std::as_bytes(std::span("x", 1)), [](const auto&) {});
    world.file_system->flush(handle, {}, note);
  }
  // Each request takes the store two seconds; what came of it others may change meanwhile.
  for (int i = 0; i < 10 && !answered; ++i) {
    world.scheduler.advance(seconds(2));
    for (size_t waiting = world.store.held(); waiting > 0; --waiting) world.store.release_one();
    world.scheduler.advance(milliseconds(1));
  }
  world.store.release_all();
  REQUIRE(answered);
  if (handle != 0) world.file_system->release(handle);
  CHECK(world.requests([&] { CHECK(world.lookup(root_inode, name)); }) > 0);
  world.file_system->forget(inode, 1);
  if (made != 0) world.file_system->forget(made, 1);
}

TEST_CASE("a directory is believed as long as what lies in it is old") {
  Aged world(seconds(300));
  world.memory.set("d/f", "x");
  CHECK(world.lookup(root_inode, "d")->ttl >= milliseconds(3000));
  CHECK(world.lookup(root_inode, "d")->ttl < milliseconds(4000));
  world.memory.turn_clock(seconds(300));
  world.memory.set("marked/", "");
  CHECK(world.lookup(root_inode, "marked")->ttl == milliseconds(1000));
}

/// What reading a tree costs: names listed and looked up, as `find` and two epochs do.
size_t cost_of_reading(MetadataOptions metadata) {
  Aged world(hours(24 * 30), metadata);
  constexpr int directories = 5;
  constexpr int files = 40;
  for (int d = 0; d < directories; ++d) {
    for (int f = 0; f < files; ++f) world.memory.set(fmt::format("d{}/f{:03}", d, f), "x");
  }
  return world.requests([&] {
    for (int epoch = 0; epoch < 3; ++epoch) {
      CHECK(world.list(root_inode).size() == directories);
      for (int d = 0; d < directories; ++d) {
        const InodeId directory = world.inode(fmt::format("d{}", d));
        CHECK(world.list(directory).size() == files);
        for (int f = 0; f < files; ++f)
          CHECK(world.lookup(directory, fmt::format("f{:03}", f))->ttl > milliseconds(0));
        world.scheduler.advance(milliseconds(500));
      }
      world.scheduler.advance(seconds(5));
    }
  });
}

TEST_CASE("data that is days old costs as few requests as with a fixed TTL") {
  const size_t fixed = cost_of_reading(with(Mode::ttl));
  // The root holds directories only: it is listed, and its attributes sampled, once more, until the
  // age of what lies in them is known.
  CHECK(cost_of_reading(with(Mode::adaptive)) <= fixed + 2);
  CHECK(fixed < 50);
  // Beyond the TTL, too.
  const MetadataOptions brief_fixed = with(Mode::ttl, seconds(4));
  const MetadataOptions brief = with(Mode::adaptive, seconds(4));
  CHECK(cost_of_reading(brief) <= cost_of_reading(brief_fixed));
}

TEST_CASE("names made in order in a large directory cost no listing each") {
  World world;
  const InodeId directory =
      world
          .run<Entry>([&](Done<Entry> done) {
            world.file_system->mkdir(root_inode, "d", 0755, {}, std::move(done));
          })
          ->attributes.inode;
  const auto make = [&](int i) {
    const std::string name = fmt::format("f{:05}", i);
    CHECK_FALSE(world.lookup(directory, name));
    const Result<Created> made = world.create(directory, name);
    REQUIRE(world.write_and_close(made->opened.handle, "x"));
  };
  for (int i = 0; i < 1100; ++i) make(i);
  world.scheduler.advance(milliseconds(600));
  make(2000);
  make(2001);
  world.memory.clear_requests();
  for (int i = 2002; i < 2102; ++i) make(i);
  CHECK(world.memory.count("List") < 10);
  CHECK(world.memory.count("Head") < 10);
  // In no order, each is asked for by itself.
  world.scheduler.advance(milliseconds(600));
  world.memory.clear_requests();
  for (int i = 0; i < 10; ++i) make(9000 - 7 * i);
  size_t pages = 0;
  for (const test::LoggedRequest& request : world.memory.requests())
    pages += request.operation == "List" && request.key == "d/" ? 1 : 0;
  CHECK(pages <= 1);
  world.file_system->forget(directory, 1);
}

TEST_CASE("with close-to-open every opening of a directory lists it, and no absence is believed") {
  Aged world(hours(48), with(Mode::close_to_open));
  world.memory.set("d/f", "x");
  const InodeId directory = world.inode("d");
  CHECK(world.list(directory).size() == 1);
  CHECK_FALSE(world.lookup(directory, "new"));
  world.memory.set("d/new", "x");
  CHECK(world.lookup(directory, "new"));
  world.memory.set("d/newer", "x");
  CHECK(world.list(directory).size() == 3);
  CHECK(world.requests([&] { world.list(directory); }) == 1);
}

/// An open of a file, which waits for its requests.
std::shared_ptr<std::optional<Result<Opened>>> begin_open(World& world, InodeId inode) {
  auto opened = std::make_shared<std::optional<Result<Opened>>>();
  world.file_system->open(inode, {.read = true},
                          Done<Opened>([opened](Result<Opened> result) { *opened = result; }));
  world.scheduler.advance(milliseconds(1));
  return opened;
}

TEST_CASE("with close-to-open an open beside a chmod is not given what another node replaced") {
  Aged world(hours(48), with(Mode::close_to_open));
  world.memory.set("f", "old");
  const InodeId inode = world.inode("f");
  world.store.hold("Copy");
  std::optional<Result<Attributes>> changed;
  world.file_system->setattr(
      inode, {.mode = 0600},
      Done<Attributes>([&](Result<Attributes> result) { changed = result; }));
  world.scheduler.advance(milliseconds(1));
  REQUIRE(world.store.held("Copy") == 1);
  world.memory.set("f", "newer");
  const auto opened = begin_open(world, inode);
  // Whether that is what the chmod makes is not known before the chmod has ended.
  CHECK_FALSE(opened->has_value());
  world.store.release_all();
  world.scheduler.advance(milliseconds(10));
  REQUIRE((changed && *opened));
  REQUIRE_FALSE(**opened);
  CHECK((*opened)->code() == Code::changed);
  CHECK(world.lookup(root_inode, "f")->attributes.size == 5);
}

TEST_CASE("with close-to-open an open whose answer another one has overtaken asks once more") {
  Aged world(hours(48), with(Mode::close_to_open));
  world.memory.set("f", "old");
  const InodeId inode = world.inode("f");
  const Opened before = world
                            .run<Opened>([&](Done<Opened> done) {
                              world.file_system->open(inode, {.read = true}, std::move(done));
                            })
                            .value();
  world.store.hold("Head");
  const auto first = begin_open(world, inode);
  const auto second = begin_open(world, inode);
  REQUIRE(world.store.held("Head") == 2);
  CHECK(world.store.release_one("Head"));
  world.scheduler.advance(milliseconds(1));
  REQUIRE(*first);
  CHECK(**first);
  world.memory.set("f", "newer");
  world.store.release_all();
  world.scheduler.advance(milliseconds(10));
  REQUIRE(*second);
  CHECK_FALSE(**second);
  world.file_system->release((**first)->handle);
  world.file_system->release(before.handle);
}

TEST_CASE("with close-to-open an open beside this mount's own stores is given what they stored") {
  Aged world(hours(48), with(Mode::close_to_open));
  world.memory.set("f", "old");
  const InodeId inode = world.inode("f");
  const auto chmod = [&](uint32_t mode) {
    return world.run<Attributes>([&](Done<Attributes> done) {
      world.file_system->setattr(inode, {.mode = mode}, std::move(done));
    });
  };
  const Opened before = world
                            .run<Opened>([&](Done<Opened> done) {
                              world.file_system->open(inode, {.read = true}, std::move(done));
                            })
                            .value();
  world.store.hold("Head");
  const auto opened = begin_open(world, inode);
  REQUIRE(world.store.held("Head") == 1);
  CHECK(chmod(0600));
  CHECK(chmod(0640));
  world.store.release_all();
  world.scheduler.advance(milliseconds(10));
  REQUIRE(*opened);
  REQUIRE(**opened);
  world.file_system->release((**opened)->handle);
  world.file_system->release(before.handle);
}

}  // namespace
}  // namespace penstock
