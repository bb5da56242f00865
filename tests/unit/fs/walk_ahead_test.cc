// SPDX-License-Identifier: Apache-2.0
// Programs that walk a tree in order find the next directories listed: many by one request where
// they are small, and each with the very names that it has.
#include "fs/lookups/walk_ahead.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "support/catch.h"
#include "unit/fs/world.h"

namespace penstock {
namespace {

using std::chrono::milliseconds;
using test::MemoryStore;
using test::World;
using Names = std::set<std::string>;

/// A mount of a bucket of directories, and what is in each.
struct WalkedTree : World {
  explicit WalkedTree(bool ordered = true, MetadataOptions metadata = {.ttl = milliseconds(60'000)},
                      MemoryStore* store = nullptr)
      : World(metadata, "", {}, store, ordered), bucket(store != nullptr ? *store : memory) {}

  void put(const std::string& directory, const std::string& name) {
    bucket.set("t/" + directory + "/" + name, "x");
    there[directory].insert(name.substr(0, name.find('/')));
  }
  void fill(const std::string& directory, int files) {
    for (int i = 0; i < files; ++i) put(directory, fmt::format("f{:04}", i));
  }
  void fill_many(int directories, int files) {
    for (int d = 0; d < directories; ++d) fill(fmt::format("d{:04}", d), files);
  }
  InodeId at(const std::string& directory) {
    return lookup(inode("t"), directory)->attributes.inode;
  }

  /// Reads each directory of "t", as find does, and says whether each had what is in it.
  bool walk_all() {
    const InodeId top = inode("t");
    bucket.clear_requests();
    const Names directories = list(top);
    bool right = true;
    for (const std::string& each : directories) {
      const auto expected = there.find(each);
      if (expected == there.end()) continue;  // a file
      if (list(at(each)) == expected->second) continue;
      UNSCOPED_INFO("wrong: " << each);
      right = false;
    }
    return right && std::all_of(there.begin(), there.end(), [&](const auto& directory) {
             return directories.contains(directory.first);
           });
  }
  /// Requests for keys of all depths.
  size_t flat() const {
    size_t count = 0;
    for (const auto& request : bucket.requests())
      count += request.operation == "List" && request.key == "t/" ? 1 : 0;
    return count - 1;  // the listing of "t" itself
  }

  MemoryStore& bucket;
  std::map<std::string, Names> there;
};

/// A store whose listings of all depths are in no order, though it said that it lists in order.
struct Disordered : MemoryStore {
  void list(ListRequest request, Done<ListPage> done) override {
    const bool flat = !request.by_directory;
    MemoryStore::list(std::move(request),
                      [flat, done = std::move(done)](Result<ListPage> page) mutable {
                        if (flat && page) std::reverse(page->objects.begin(), page->objects.end());
                        done(std::move(page));
                      });
  }
};

/// A store whose listings of all depths tell what was there when they were asked for, later.
struct Late : MemoryStore {
  void list(ListRequest request, Done<ListPage> done) override {
    if (request.by_directory || request.start_after.empty())
      return MemoryStore::list(std::move(request), std::move(done));
    MemoryStore::list(
        std::move(request), [this, done = std::move(done)](Result<ListPage> page) mutable {
          answers.emplace_back([page = std::move(page), done = std::move(done)]() mutable {
            done(std::move(page));
          });
        });
  }
  size_t answer() {
    std::vector<Callback<void()>> due;
    due.swap(answers);
    for (auto& each : due) each();
    return due.size();
  }
  std::vector<Callback<void()>> answers;
};

TEST_CASE("small directories that are walked in order cost a request for each page of their keys") {
  WalkedTree tree;
  tree.fill_many(400, 20);
  CHECK(tree.walk_all());
  // 8,000 keys, 800 of a page at most; the first directories are listed alone.
  CHECK(tree.bucket.count("List") < 25);
  CHECK(tree.flat() >= 10);
}

TEST_CASE("directories that fill a page are listed each by itself, so many ahead") {
  WalkedTree tree;
  tree.fill_many(60, 450);
  CHECK(tree.walk_all());
  CHECK(tree.flat() == 1);  // the guess
  CHECK(tree.bucket.count("List") <= 61 + 1);
  tree.scheduler.advance(milliseconds(120'000));
  tree.list(tree.inode("t"));
  for (const char* name : {"d0000", "d0001"}) tree.list(tree.at(name));
  tree.bucket.clear_requests();
  tree.list(tree.at("d0002"));
  // Itself, and the next ones.
  CHECK(tree.bucket.count("List") == 1 + 16);
}

TEST_CASE("where each opening of a directory lists it, none is listed ahead of that") {
  WalkedTree tree(
      true, {.freshness = MetadataOptions::Freshness::close_to_open, .ttl = milliseconds(60'000)});
  tree.fill_many(60, 20);
  CHECK(tree.walk_all());
  CHECK(tree.flat() == 0);
  CHECK(tree.bucket.count("List") == 61);
}

TEST_CASE("directories that have directories are listed each by itself") {
  WalkedTree tree;
  tree.fill_many(40, 5);
  for (int d = 0; d < 40; ++d) tree.put(fmt::format("d{:04}", d), "below/f");
  CHECK(tree.walk_all());
  CHECK(tree.flat() == 1);  // the guess
}

TEST_CASE("directories with many files beside them are listed each by itself") {
  WalkedTree tree;
  tree.fill_many(30, 5);
  for (int i = 0; i < 500; ++i) tree.bucket.set(fmt::format("t/d{:04}.txt", i), "x");
  CHECK(tree.walk_all());
  CHECK(tree.flat() == 0);
}

TEST_CASE("who opens the first directory of several has the next ones listed by one request") {
  WalkedTree tree;
  SECTION("small ones") {
    tree.fill_many(100, 100);
    tree.list(tree.inode("t"));
    tree.bucket.clear_requests();
    tree.list(tree.at("d0000"));
    CHECK(tree.bucket.count("List") == 1 + 1);
    // Nine directories of a hundred are in a page.
    for (int d = 1; d < 10; ++d) tree.at(fmt::format("d{:04}", d));
    const size_t before = tree.bucket.count("List");
    for (int d = 9; d > 0; --d) {
      const std::string name = fmt::format("d{:04}", d);
      CHECK(tree.list(tree.at(name)) == tree.there[name]);
    }
    CHECK(tree.bucket.count("List") == before);
    // Those that it does not reach were left alone, and are listed when they are opened.
    for (int d = 16; d > 9; --d) {
      const std::string name = fmt::format("d{:04}", d);
      CHECK(tree.list(tree.at(name)) == tree.there[name]);
    }
    CHECK(tree.bucket.count("List") == before + 7);
  }
  SECTION("large ones, which are left alone") {
    tree.fill_many(20, 1200);
    tree.list(tree.inode("t"));
    tree.bucket.clear_requests();
    tree.list(tree.at("d0000"));
    CHECK(tree.bucket.count("List") <= 1 + 3);
    CHECK(tree.list(tree.at("d0005")) == tree.there["d0005"]);
  }
  SECTION("not again") {
    tree.fill_many(20, 5);
    tree.list(tree.inode("t"));
    for (const char* name : {"d0000", "d0010"}) tree.list(tree.at(name));
    tree.scheduler.advance(milliseconds(120'000));
    tree.list(tree.inode("t"));
    tree.bucket.clear_requests();
    tree.list(tree.at("d0000"));
    CHECK(tree.bucket.count("List") == 1);
  }
  SECTION("where only one comes after it, that is not") {
    tree.fill_many(2, 5);
    tree.list(tree.inode("t"));
    tree.bucket.clear_requests();
    tree.list(tree.at("d0000"));
    CHECK(tree.bucket.count("List") == 1);
  }
  SECTION("where that request fails, it is not made again") {
    tree.fill_many(20, 5);
    tree.list(tree.inode("t"));
    tree.store.add({.operation = "List",
                    .key = "t/",
                    .times = 1000,
                    .error = Error(Code::unavailable, "the store is ill")});
    const size_t before = tree.store.count("List");
    CHECK(tree.list(tree.at("d0000")) == tree.there["d0000"]);
    CHECK(tree.store.count("List") == before + 1 + 1);
    CHECK(tree.list(tree.at("d0005")) == tree.there["d0005"]);
    CHECK(tree.store.count("List") == before + 1 + 1 + 1);
  }
  SECTION("where another is opened first, none is, nor with the one behind that") {
    tree.fill_many(20, 5);
    tree.list(tree.inode("t"));
    tree.bucket.clear_requests();
    tree.list(tree.at("d0001"));
    CHECK(tree.bucket.count("List") == 1);
    tree.list(tree.at("d0002"));
    CHECK(tree.bucket.count("List") == 2);
  }
}

TEST_CASE("a directory that is opened while a page is out which does not reach it is listed") {
  WalkedTree tree;
  tree.fill_many(16, 600);
  tree.list(tree.inode("t"));
  for (const char* name : {"d0000", "d0009"}) tree.at(name);
  tree.store.hold("List");
  const InodeId first = tree.at("d0000");
  const InodeId later = tree.at("d0009");
  const HandleId one = tree.run<HandleId>([&](Done<HandleId> done) {
                             tree.file_system->open_directory(first, std::move(done));
                           })
                           .value();
  REQUIRE(tree.store.held("List") == 1);
  const HandleId other = tree.run<HandleId>([&](Done<HandleId> done) {
                               tree.file_system->open_directory(later, std::move(done));
                             })
                             .value();
  std::optional<Result<std::vector<DirectoryEntry>>> entries;
  tree.file_system->read_directory({.handle = other, .max_entries = 1000},
                                   [&](auto answer) { entries = std::move(answer); });
  // It waits for the page.
  CHECK(tree.store.held("List") == 1);
  CHECK_FALSE(entries);
  tree.store.release_all();
  for (int i = 0; i < 50; ++i) tree.scheduler.advance(milliseconds(1));
  REQUIRE(entries);
  CHECK(entries->value().size() == 600 + 2);
  for (const HandleId handle : {one, other}) tree.file_system->release_directory(handle);
}

TEST_CASE("what changes while a page is out is not undone by what the page tells") {
  Late late;
  late.turn_clock(-test::old);
  WalkedTree tree(true, {.ttl = milliseconds(60'000)}, &late);
  // The mount cannot end without its answers.
  const std::shared_ptr<Late> at_end(&late, [](Late* store) { store->answer(); });
  tree.fill_many(12, 5);
  const InodeId top = tree.inode("t");
  tree.list(top);
  std::vector<InodeId> at;
  for (int d = 0; d < 12; ++d) at.push_back(tree.at(fmt::format("d{:04}", d)));
  // What is not known yet would be asked for when the page has come.
  CHECK_FALSE(tree.lookup(at[1], "new"));
  CHECK(tree.lookup(at[2], "f0000"));
  tree.list(at[0]);
  REQUIRE(late.answers.size() == 1);

  const auto made = tree.create(at[1], "new");
  REQUIRE(made);
  REQUIRE(tree.write_and_close(made->opened.handle, "x"));
  tree.there["d0001"].insert("new");
  REQUIRE(tree.run<void>(
      [&](Done<void> done) { tree.file_system->unlink(at[2], "f0000", std::move(done)); }));
  tree.there["d0002"].erase("f0000");
  REQUIRE(tree.run<void>([&](Done<void> done) {
    tree.file_system->rename(top, "d0003", top, "e", {}, std::move(done));
  }));
  tree.there["e"] = tree.there.extract("d0003").mapped();
  // Another client's change.
  tree.put("d0005", "theirs");

  tree.scheduler.advance(milliseconds(40'000));
  CHECK(late.answer() == 1);
  for (const auto& [name, inode] : std::map<std::string, InodeId>{
           {"d0001", at[1]}, {"d0002", at[2]}, {"e", at[3]}, {"d0004", at[4]}})
    CHECK(tree.list(inode) == tree.there[name]);
  // The page is believed from when it was asked for on.
  tree.scheduler.advance(milliseconds(20'001));
  CHECK(tree.list(at[5]) == tree.there["d0005"]);
}

TEST_CASE("a page that is in no order is believed for no directory") {
  Disordered disordered;
  disordered.turn_clock(-test::old);
  WalkedTree tree(true, {.ttl = milliseconds(60'000)}, &disordered);
  tree.fill_many(60, 40);
  CHECK(tree.walk_all());
  CHECK(tree.flat() > 0);
}

TEST_CASE("a program that goes from directory to directory in no order has none listed ahead") {
  WalkedTree tree;
  tree.fill_many(100, 5);
  tree.list(tree.inode("t"));
  const std::set<std::string> names = {"d0000", "d0050", "d0003", "d0002", "d0099"};
  for (const std::string& name : names) tree.at(name);
  tree.bucket.clear_requests();
  for (const char* name : {"d0050", "d0003", "d0099", "d0002", "d0000"}) tree.list(tree.at(name));
  CHECK(tree.bucket.count("List") == 5);
}

TEST_CASE("what a page of many directories does not reach is asked for by itself") {
  WalkedTree tree;
  tree.fill_many(8, 20);
  tree.fill("d0008", 2500);
  tree.fill("d0009", 20);
  for (int i = 0; i < 1500; ++i) tree.put("d0010", fmt::format("deep/{}/f", i));
  for (int d = 11; d < 40; ++d) tree.fill(fmt::format("d{:04}", d), 20);
  CHECK(tree.walk_all());
  CHECK(tree.flat() > 0);
}

TEST_CASE("a directory that keys order otherwise than names has all that it has") {
  WalkedTree tree;
  // As names "a" comes first; as keys "a-b/" and "a.tar" come before "a/".
  for (const char* name : {"a", "a b", "a!", "a-b", "a.", "a.tar.d", "a0", "aa", "b", "b-", "b.c"})
    tree.fill(name, 3);
  // A group begins with one that has others before it.
  for (const char* name : {"0", "1"}) tree.fill(name, 3);
  for (int i = 0; i < 5; ++i) tree.bucket.set(fmt::format("t/a.tar{}", i), "x");
  for (int d = 0; d < 20; ++d) tree.fill(fmt::format("a-{:02}", d), 3);
  tree.put("a-05", "below/f");
  tree.put("a-05", "f0000.d/f");
  CHECK(tree.walk_all());
  CHECK(tree.flat() > 0);
}

TEST_CASE("what directories listed together are, is known as if each was listed alone") {
  WalkedTree tree(true,
                  {.attributes = MetadataOptions::Attributes::full, .ttl = milliseconds(60'000)});
  tree.fill_many(60, 10);
  for (const auto& directory : tree.there) {
    tree.bucket.set("t/" + directory.first + "/", "", {{"mode", std::to_string(S_IFDIR | 0711)}});
  }
  CHECK(tree.walk_all());
  const InodeId top = tree.inode("t");
  CHECK(tree.flat() > 0);
  for (const auto& directory : tree.there)
    CHECK((tree.lookup(top, directory.first)->attributes.mode & 07777) == 0711);
  tree.bucket.clear_requests();
  // Names that are there, and names that are not.
  for (const char* name : {"f0003", "f0009"}) CHECK(tree.lookup(tree.at("d0045"), name));
  CHECK_FALSE(tree.lookup(tree.at("d0045"), "f0010"));
  CHECK(tree.bucket.count("List") == 0);
  // An empty directory stays, by the object that it has.
  for (const auto& each : tree.there) {
    const InodeId directory = tree.at(each.first);
    for (const std::string& name : each.second) {
      CHECK(tree.run<void>(
          [&](Done<void> done) { tree.file_system->unlink(directory, name, std::move(done)); }));
    }
  }
  CHECK(tree.list(top).size() == tree.there.size());
  CHECK(tree.bucket.count("Put") == 0);
}

TEST_CASE("where listings without a delimiter are refused, each directory is listed by itself") {
  WalkedTree tree;
  tree.fill_many(400, 80);
  tree.list(tree.inode("t"));
  tree.store.add({.operation = "List",
                  .key = "t/",
                  .times = 1000,
                  .error = Error(Code::access_denied, "by the bucket's policy")});
  bool right = true;
  for (const auto& [name, names] : tree.there) right = right && tree.list(tree.at(name)) == names;
  CHECK(right);
  // The first ones were under way together.
  CHECK(tree.store.count("List") < 400 + 20);
}

TEST_CASE("a store that answers in no order is asked for each directory by itself") {
  WalkedTree tree(false);
  tree.fill_many(100, 5);
  CHECK(tree.walk_all());
  CHECK(tree.flat() == 0);
}

TEST_CASE("a directory that is renamed or removed while many are being listed is what it is then") {
  WalkedTree tree;
  tree.fill_many(40, 5);
  const InodeId top = tree.inode("t");
  tree.list(top);
  tree.list(tree.at("d0000"));
  const InodeId one = tree.at("d0001");
  const InodeId gone = tree.at("d0020");
  tree.store.hold("List");
  const HandleId handle = tree.run<HandleId>([&](Done<HandleId> done) {
                                tree.file_system->open_directory(one, std::move(done));
                              })
                              .value();
  const size_t ahead = tree.store.held("List");
  REQUIRE(ahead > 0);
  std::optional<Result<void>> renamed;
  tree.file_system->rename(top, "d0020", top, "e", {},
                           [&](Result<void> answer) { renamed = std::move(answer); });
  for (int i = 0; i < 50; ++i) tree.scheduler.advance(milliseconds(1));
  tree.store.release_all();
  for (int i = 0; i < 50; ++i) tree.scheduler.advance(milliseconds(1));
  REQUIRE(renamed);
  REQUIRE(*renamed);
  tree.file_system->release_directory(handle);
  tree.there["e"] = tree.there.extract("d0020").mapped();
  CHECK(tree.list(gone) == tree.there["e"]);
  CHECK(tree.walk_all());
}

}  // namespace
}  // namespace penstock
