// SPDX-License-Identifier: Apache-2.0
// What is taken for an epoch, what not, and where fetching ahead ends.
#include "data/epoch/epoch_watch.h"

#include <fmt/format.h>

#include "support/catch.h"

namespace penstock::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using From = EpochWatch::From;

struct Reader {
  void read(const std::string& key, From from = From::store) {
    now += milliseconds(10);
    watch.read(key, from, now);
  }
  /// Files `first` to `first + count` of a directory, in order.
  void read_many(const std::string& directory, size_t count, From from = From::store,
                 size_t first = 0) {
    for (size_t i = first; i < first + count; ++i) read(fmt::format("{}{:05}", directory, i), from);
  }
  std::optional<EpochWatch::Epoch> epoch() { return watch.epoch(now); }

  EpochWatch watch;
  EpochWatch::Time now{std::chrono::hours(1)};
};

TEST_CASE("many different files of one directory are an epoch of it, and few are none") {
  Reader reader;
  const std::string directory = GENERATE("", "data/", "train/n01/");
  reader.read_many(directory, EpochWatch::fewest_files - 1);
  CHECK_FALSE(reader.epoch());
  reader.read(directory + "one more");
  REQUIRE(reader.epoch());
  CHECK(reader.epoch()->directory == directory);
  CHECK_FALSE(reader.epoch()->below);
  CHECK(reader.epoch()->room > 0);
}

TEST_CASE("files of directories that lie side by side are an epoch of all of them") {
  Reader reader;
  for (size_t i = 0; i < EpochWatch::fewest_files; ++i)
    reader.read(fmt::format("train/{}/{}", i * 7 % 10, i));
  REQUIRE(reader.epoch());
  CHECK(reader.epoch()->directory == "train/");
  CHECK(reader.epoch()->below);
}

TEST_CASE("a reader that goes on to the next directory has an epoch of both") {
  Reader reader;
  reader.read_many("train/a/", 40);
  REQUIRE(reader.epoch());
  CHECK(reader.epoch()->directory == "train/a/");
  const uint64_t id = reader.epoch()->id;
  reader.read_many("train/b/", 10);
  REQUIRE(reader.epoch());
  CHECK(reader.epoch()->directory == "train/");
  CHECK(reader.epoch()->below);
  CHECK(reader.epoch()->id == id);
}

TEST_CASE("files of unrelated trees, files read again and again, and slow reading are no epoch") {
  Reader reader;
  SECTION("unrelated") {
    for (size_t i = 0; i < 200; ++i) reader.read(fmt::format("{}/{}/f", i % 10, i));
  }
  SECTION("again and again") {
    for (size_t i = 0; i < 300; ++i) reader.read(fmt::format("data/{}", i % 31));
  }
  SECTION("half of them again") {
    for (size_t i = 0; i < 300; ++i) reader.read(fmt::format("data/{}", i % 2 == 0 ? i : i % 8));
  }
  SECTION("slow") {
    for (size_t i = 0; i < 100; ++i) {
      reader.now += seconds(1);
      reader.read(fmt::format("data/{}", i));
    }
  }
  SECTION("all there") { reader.read_many("data/", 300, From::cache); }
  CHECK_FALSE(reader.epoch());
}

TEST_CASE("an epoch ends when its reader stops, and a new one begins with its next files") {
  Reader reader;
  reader.read_many("data/", 40);
  REQUIRE(reader.epoch());
  const uint64_t id = reader.epoch()->id;
  reader.now += EpochWatch::pause - milliseconds(1);
  CHECK(reader.epoch());
  // Others do not prolong it.
  reader.read("elsewhere/f");
  CHECK_FALSE(reader.epoch());
  reader.read_many("data/", 40, From::store, 40);
  REQUIRE(reader.epoch());
  CHECK(reader.epoch()->id != id);
}

TEST_CASE("what is fetched ahead is bounded by what was read, and what is read makes room") {
  Reader reader;
  reader.read_many("data/", 40);
  reader.watch.known(100'000);
  const uint64_t room = reader.epoch()->room;
  CHECK(room < 1000);
  for (uint64_t i = 0; i < room; ++i) reader.watch.fetched();
  CHECK(reader.epoch()->room == 0);
  reader.read_many("data/", 10, From::ahead, 40);
  const uint64_t after_hits = reader.epoch()->room;
  CHECK(after_hits > 10);
  reader.read_many("data/", 10, From::store, 50);
  CHECK(reader.epoch()->room > after_hits);
}

TEST_CASE("fetching ends where little of it is read that should be, for a while") {
  Reader reader;
  reader.read_many("data/", 40);
  reader.watch.known(400);
  for (int i = 0; i < 200; ++i) reader.watch.fetched();
  // The program reads others than those: half of what is left is there.
  reader.read_many("data/", 100, From::store, 1000);
  CHECK_FALSE(reader.epoch());
  reader.read_many("data/", 100, From::store, 2000);
  CHECK_FALSE(reader.epoch());
  reader.now += EpochWatch::distrust;
  reader.read_many("data/", 40, From::store, 3000);
  CHECK(reader.epoch());
}

TEST_CASE("fetching ends where most of the tree is there already, and not where some is") {
  Reader reader;
  reader.read_many("data/", 40);
  reader.watch.known(10'000);
  SECTION("most") {
    for (int i = 0; i < 127; ++i) reader.watch.present(reader.now);
    REQUIRE(reader.epoch());
    reader.watch.present(reader.now);
    CHECK_FALSE(reader.epoch());
    reader.read_many("data/", 100, From::store, 40);
    CHECK_FALSE(reader.epoch());
    reader.now += EpochWatch::distrust;
    reader.read_many("data/", 40, From::store, 140);
    CHECK(reader.epoch());
  }
  SECTION("some") {
    for (int i = 0; i < 400; ++i) {
      reader.watch.present(reader.now);
      if (i % 4 == 0) reader.watch.fetched();
    }
    CHECK(reader.epoch());
  }
}

TEST_CASE("a large shuffled tree is not given up because few of its files are there yet") {
  Reader reader;
  reader.read_many("data/", 40);
  reader.watch.known(1'000'000);
  for (int i = 0; i < 400; ++i) reader.watch.fetched();
  reader.read_many("data/", 5000, From::store, 40);
  CHECK(reader.epoch());
}

TEST_CASE("a shuffled tree whose files are read as chance has it goes on") {
  Reader reader;
  reader.read_many("data/", 40);
  reader.watch.known(1000);
  for (int i = 0; i < 400; ++i) reader.watch.fetched();
  for (size_t i = 40; i < 500; ++i)
    reader.read(fmt::format("data/{}", i), i % 3 == 0 ? From::ahead : From::store);
  CHECK(reader.epoch());
}

}  // namespace
}  // namespace penstock::test
