// SPDX-License-Identifier: Apache-2.0
// What the files of some directories tell of the directories beside them.
#include "fs/lookups/sibling_samples.h"

#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "support/catch.h"
#include "unit/fs/world.h"

namespace penstock {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using test::World;

const Metadata with_mode = {{"mode", "33216"}};  // 0700

/// A mount of a bucket of directories of 20 files each, below "t".
struct Siblings : World {
  Siblings() : World({.ttl = milliseconds(600'000)}) {}

  /// In no order, so that none is listed before it is opened.
  static std::string name(int directory) {
    return fmt::format("d{:03}", (directory * 37 + 50) % 101);
  }
  static std::string key(int directory, const std::string& below) {
    return "t/" + name(directory) + "/" + below;
  }

  void fill(int directory, const Metadata& metadata = {}) {
    for (int i = 0; i < 20; ++i)
      memory.set(key(directory, fmt::format("f{:02}", i)), "x", metadata);
  }
  void fill_many(int from, int to, const Metadata& metadata = {}) {
    for (int directory = from; directory < to; ++directory) fill(directory, metadata);
  }
  InodeId at(int directory) { return lookup(inode("t"), name(directory))->attributes.inode; }
  /// "t" is listed, and nothing was asked for so far.
  void begin() {
    list(inode("t"));
    memory.clear_requests();
  }
  /// Lists the directory; how many of its objects, and of the other directories', were looked at.
  size_t looks(int directory) {
    const InodeId id = at(directory);
    const size_t before = memory.count("Head");
    list(id);
    return memory.count("Head") - before;
  }
  uint32_t mode(int directory, const std::string& file = "f10") {
    return lookup(at(directory), file)->attributes.mode & 07777;
  }
};

TEST_CASE("of directories that are like others, which carry nothing, one of eight is looked at") {
  Siblings world;
  world.fill_many(0, 36);
  world.begin();
  for (int d = 0; d < 36; ++d) {
    INFO(d);
    CHECK(world.looks(d) == (d < 4 || (d - 4) % 8 == 7 ? 2 : 0));
  }
  CHECK(world.mode(20) == 0644);
  // Listed again, they are still like those.
  world.scheduler.advance(milliseconds(700'000));
  world.begin();
  size_t looks = 0;
  for (int d = 0; d < 36; ++d) looks += world.looks(d);
  CHECK(looks <= 10);
}

TEST_CASE("a directory that was written at another time than those beside it is looked at") {
  Siblings world;
  world.fill_many(0, 10);
  world.memory.turn_clock(hours(2));
  world.fill(10, with_mode);
  world.fill_many(11, 13);
  world.memory.turn_clock(-hours(2));
  // One whose last file alone is younger.
  world.fill(13);
  world.memory.turn_clock(hours(9));
  world.memory.set(Siblings::key(13, "f99"), "x", with_mode);
  world.begin();
  for (int d = 0; d < 4; ++d) CHECK(world.looks(d) == 2);
  CHECK(world.looks(4) == 0);
  CHECK(world.looks(13) == 2 + 2);  // and the one that was not looked at
  CHECK(world.mode(13, "f99") == 0700);
  CHECK(world.looks(10) == 2);
  CHECK(world.mode(10) == 0700);
}

TEST_CASE("what was uploaded at once is alike, though it took hours") {
  Siblings world;
  for (int d = 0; d < 60; ++d) {
    world.fill(d);
    world.memory.turn_clock(minutes(4));
  }
  world.begin();
  size_t looks = 0;
  for (int d = 0; d < 60; ++d) looks += world.looks(d);
  CHECK(looks == 2 * (4 + 7));
}

TEST_CASE("four of the same time are looked at, whatever there was of other times") {
  Siblings world;
  world.fill_many(0, 8);
  world.memory.turn_clock(hours(10));
  world.fill_many(8, 16);
  world.begin();
  for (const int first : {0, 8}) {
    for (int d = first; d < first + 4; ++d) CHECK(world.looks(d) == 2);
    CHECK(world.looks(first + 4) == 0);
  }
}

TEST_CASE("the eighth that carries attributes has those before it, and all others, looked at") {
  Siblings world;
  world.fill_many(0, 6);
  world.fill_many(6, 12, with_mode);
  world.fill_many(12, 30);
  world.begin();
  for (int d = 0; d < 11; ++d) world.looks(d);
  CHECK(world.mode(8) == 0644);  // as documented: nobody has looked yet
  // The eighth, and the seven that it stands for.
  CHECK(world.looks(11) == 2 + 7 * 2);
  for (int d = 4; d < 12; ++d) CHECK(world.mode(d) == (d < 6 ? 0644 : 0700));
  for (int d = 12; d < 30; ++d) CHECK(world.looks(d) == 2);
}

TEST_CASE("where one of the first carries attributes, all are looked at") {
  Siblings world;
  world.fill_many(0, 2);
  world.fill(2, with_mode);
  world.fill_many(3, 20);
  world.begin();
  for (int d = 0; d < 20; ++d) CHECK(world.looks(d) == 2);
}

TEST_CASE(
    "a file with attributes that a program comes upon has its directory's siblings looked at") {
  Siblings world;
  world.fill_many(0, 12);
  world.memory.set(Siblings::key(5, "f10"), "x", with_mode);
  world.begin();
  for (int d = 0; d < 7; ++d) world.looks(d);
  // Opened for writing it is asked what it carries.
  const InodeId file = world.lookup(world.at(5), "f10")->attributes.inode;
  const Result<Opened> opened = world.run<Opened>([&](Done<Opened> done) {
    world.file_system->open(file, {.read = true, .write = true}, std::move(done));
  });
  REQUIRE(opened);
  world.file_system->release(opened->handle);
  world.scheduler.advance(milliseconds(700'000));
  world.begin();
  // Of those that nobody looked at one is this one, which will be asked file by file.
  CHECK(world.looks(5) == 2 + 2);
  CHECK(world.looks(7) == 2);
}

TEST_CASE("a directory with an object of its own, or with directories, is looked at") {
  Siblings world;
  world.fill_many(0, 12);
  world.memory.set(Siblings::key(6, ""), "", {{"penstock-children", "carry-attributes"}});
  world.memory.set(Siblings::key(6, "f10"), "x", with_mode);
  world.memory.set(Siblings::key(8, "below/f"), "x");
  world.begin();
  for (int d = 0; d < 6; ++d) CHECK(world.looks(d) == (d < 4 ? 2 : 0));
  // Its object is asked for when its name is looked up, or when it is listed.
  CHECK(world.looks(6) >= 2);
  CHECK(world.mode(6) == 0700);
  // Such a one says of itself that it is unlike the others.
  CHECK(world.looks(7) == 0);
  CHECK(world.looks(8) == 3);
}

TEST_CASE("a directory of more than a page is looked at") {
  Siblings world;
  world.fill_many(0, 6);
  for (int i = 0; i < 1500; ++i) world.memory.set(Siblings::key(5, fmt::format("g{:04}", i)), "x");
  world.begin();
  for (int d = 0; d < 5; ++d) CHECK(world.looks(d) == (d < 4 ? 2 : 0));
  CHECK(world.looks(5) >= 2);
}

TEST_CASE("what could not be looked at tells nothing of others") {
  Siblings world;
  world.fill_many(0, 30);
  world.begin();
  SECTION("all of it, as where HEAD is forbidden") {
    world.store.add({.operation = "Head", .times = 1000, .error = Error(Code::access_denied)});
    for (int d = 0; d < 20; ++d) CHECK(world.looks(d) == 0);
    world.store.clear_faults();
    CHECK(world.looks(20) == 2);
  }
  SECTION("one that stands for others: the next one does") {
    for (int d = 0; d < 11; ++d) world.looks(d);
    const InodeId eighth = world.at(11);
    world.store.add({.operation = "Head", .times = 1, .error = Error(Code::unavailable)});
    world.list(eighth);
    CHECK(world.looks(12) == 2);
    CHECK(world.looks(13) == 0);
  }
}

/// A directory in one of this number.
InodePtr child_of(InodeId parent) {
  auto child = std::make_shared<Inode>(1000 + parent, FileType::directory);
  child->parent = std::make_shared<Inode>(parent, FileType::directory);
  return child;
}

TEST_CASE("of what could not be found out no more than 64 directories are remembered") {
  SiblingSamples samples;
  std::vector<InodePtr> directories;
  for (int i = 0; i < 200; ++i) directories.push_back(child_of(1));
  const auto some = [&](int from, int to) {
    return SiblingSamples::Directories(directories.begin() + from, directories.begin() + to);
  };
  const SiblingSamples::Times times{1'000'000, 1'000'000};
  for (int i = 0; i < 4; ++i) samples.found_none(1, times);
  SECTION("the others are looked at now") {
    CHECK(samples.found_out_nothing(1, some(0, 40)).empty());
    const auto rest = samples.found_out_nothing(1, some(40, 100));
    REQUIRE(rest.size() == 100 - 64);
    CHECK(rest.front().lock() == directories[64]);
    CHECK(samples.found_out_nothing(1, some(100, 110)).size() == 10);
    // The next one stands for all that are remembered, and for no other.
    const auto judged = samples.judge(child_of(1), times);
    CHECK(judged.look);
    REQUIRE(judged.stands_for.size() == 64);
    CHECK(judged.stands_for.back().lock() == directories[63]);
    CHECK(samples.found_out_nothing(1, some(110, 120)).empty());
  }
  SECTION("those that are gone take no room") {
    CHECK(samples.found_out_nothing(1, some(0, 60)).empty());
    directories.erase(directories.begin(), directories.begin() + 50);
    CHECK(samples.found_out_nothing(1, some(20, 60)).empty());
  }
  SECTION("where another one carries attributes, all are looked at now") {
    CHECK(samples.found_some(1, {}).empty());
    CHECK(samples.found_out_nothing(1, some(0, 7)).size() == 7);
  }
}

TEST_CASE("nothing is taken for granted where parents are many, or times") {
  SiblingSamples samples;
  const auto look_at_four = [&](InodeId id, int64_t time) {
    for (int i = 0; i < 4; ++i) samples.found_none(id, {.oldest_s = time, .newest_s = time});
  };
  SECTION("the parent that was not used for the longest time is forgotten") {
    for (InodeId id = 1; id <= 65; ++id) look_at_four(id, 1'000'000);
    CHECK(samples.judge(child_of(1), {1'000'000, 1'000'000}).look);
    CHECK_FALSE(samples.judge(child_of(65), {1'000'000, 1'000'000}).look);
    CHECK_FALSE(samples.judge(child_of(3), {1'000'000, 1'000'000}).look);
  }
  SECTION("the time that was seen first is") {
    for (int i = 1; i <= 17; ++i) look_at_four(1, i * 1'000'000);
    CHECK(samples.judge(child_of(1), {1'000'000, 1'000'000}).look);
    CHECK_FALSE(samples.judge(child_of(1), {17'000'000, 17'000'000}).look);
    // Two times do not make one of what is between.
    CHECK(samples.judge(child_of(1), {16'000'000, 17'000'000}).look);
  }
  SECTION("an hour is near, and makes one of what was two") {
    look_at_four(1, 1'000'000);
    CHECK_FALSE(samples.judge(child_of(1), {1'000'000 - 3600, 1'000'000 + 3600}).look);
    CHECK(samples.judge(child_of(1), {1'000'000 - 3601, 1'000'000}).look);
    CHECK(samples.judge(child_of(1), {1'000'000, 1'003'601}).look);
    samples.found_none(1, {1'010'000, 1'010'000});
    CHECK(samples.judge(child_of(1), {1'010'000, 1'010'000}).look);  // one is not four
    samples.found_none(1, {1'003'600, 1'006'400});
    CHECK_FALSE(samples.judge(child_of(1), {1'010'000, 1'010'000}).look);
  }
}

}  // namespace
}  // namespace penstock
