// SPDX-License-Identifier: Apache-2.0
// Renames whose mount dies, and who ends them.
#include <algorithm>

#include "fs/moves/intent.h"
#include "support/catch.h"
#include "unit/fs/world.h"

namespace penstock::test {
namespace {

/// A bucket with a tree "old/", and mounts of it, one after the other.
struct Nodes {
  Nodes() {
    for (int i = 0; i < 20; ++i) memory.set("old/f" + std::to_string(i), std::to_string(i));
  }

  std::vector<std::string> files() const {
    std::vector<std::string> keys = memory.keys();
    std::erase_if(keys, [](const std::string& key) { return key.starts_with(".penstock/"); });
    return keys;
  }
  bool whole(const std::string& directory) const {
    const std::vector<std::string> keys = files();
    if (keys.size() != 20) return false;
    return std::all_of(keys.begin(), keys.end(), [&](const std::string& key) {
      return key.starts_with(directory + "/f") &&
             memory.contents(key) == key.substr(directory.size() + 2);
    });
  }

  MemoryStore memory{{.content_etags = true}};
};

struct Node : World {
  Node(Nodes& nodes, std::string id, std::set<std::string> dead = {})
      : World({.ttl = milliseconds(10'000)}, "",
              {.id = std::move(id),
               .known_dead = [dead](const std::string& mount) { return dead.contains(mount); }},
              &nodes.memory) {}

  void recover() {
    file_system->recover();
    settle();
  }
  void settle() {
    for (int i = 0; i < 200; ++i) scheduler.advance(milliseconds(1));
  }
  std::shared_ptr<std::optional<Result<void>>> begin_rename() {
    auto result = std::make_shared<std::optional<Result<void>>>();
    file_system->rename(root_inode, "old", root_inode, "new", false,
                        [result](Result<void> answer) { *result = std::move(answer); });
    settle();
    return result;
  }
};

TEST_CASE("a rename that died while it copied is taken back") {
  Nodes nodes;
  {
    Node first(nodes, "first");
    first.store.hold("Copy");
    const auto renamed = first.begin_rename();
    for (int i = 0; i < 7; ++i) first.store.release_one("Copy");
    first.settle();
    CHECK(nodes.files().size() == 27);
    first.store.cut_off();
  }
  SECTION("another's file under the new name stays") {
    nodes.memory.set("new/f0", "x");
    Node second(nodes, "second", {"first"});
    second.recover();
    CHECK(nodes.memory.contents("new/f0") == "x");
    nodes.memory.erase("new/f0");
    CHECK(nodes.whole("old"));
  }
  SECTION("what another made of the same bytes long after stays") {
    nodes.memory.turn_clock(std::chrono::minutes(10));
    nodes.memory.set("new/f9", "9");
    Node second(nodes, "second", {"first"});
    second.recover();
    CHECK(nodes.memory.contents("new/f9") == "9");
    nodes.memory.erase("new/f9");
    CHECK(nodes.whole("old"));
  }
  SECTION("it may be alive until its lease has run out") {
    Node second(nodes, "second");
    second.recover();
    CHECK(nodes.files().size() == 27);
    nodes.memory.turn_clock(std::chrono::seconds(61));
    second.scheduler.advance(std::chrono::seconds(61));
    second.settle();
    CHECK(nodes.whole("old"));
  }
  SECTION("by two mounts at once") {
    Node second(nodes, "second", {"first"});
    Node third(nodes, "third", {"first"});
    second.store.hold("List");
    second.recover();
    third.recover();
    second.store.release_all();
    second.settle();
    CHECK(nodes.whole("old"));
  }
  std::vector<std::string> keys = nodes.memory.keys();
  CHECK(std::none_of(keys.begin(), keys.end(),
                     [](const std::string& key) { return key.starts_with(".penstock/"); }));
}

TEST_CASE("a mount that lives is not taken for dead by who was slow") {
  Nodes nodes;
  Node first(nodes, "first");
  first.store.hold("Copy");
  const auto renamed = first.begin_rename();
  for (int i = 0; i < 7; ++i) first.store.release_one("Copy");
  first.settle();
  Node second(nodes, "second");
  second.store.hold("Put");
  second.recover();
  nodes.memory.turn_clock(std::chrono::minutes(10));
  nodes.memory.set(".penstock/mounts/first", "penstock-mount 1\n");
  second.store.release_all();
  second.settle();
  CHECK(nodes.files().size() == 27);
  first.store.cut_off();
}

TEST_CASE("a rename over an empty directory that is taken back leaves that directory") {
  Nodes nodes;
  nodes.memory.set("old/", "");
  nodes.memory.set("new/", "");
  {
    Node first(nodes, "first");
    first.store.hold("Copy");
    const auto renamed = first.begin_rename();
    for (int i = 0; i < 7; ++i) first.store.release_one("Copy");
    first.settle();
    CHECK(nodes.files().size() == 29);  // the marker, too
    first.store.cut_off();
  }
  Node second(nodes, "second", {"first"});
  second.recover();
  CHECK(nodes.memory.contents("old/").has_value());
  CHECK(nodes.memory.contents("new/").has_value());
  nodes.memory.erase("old/");
  nodes.memory.erase("new/");
  CHECK(nodes.whole("old"));
}

TEST_CASE("more than one batch of a dead mount's rest is removed") {
  Nodes nodes;
  for (int i = 0; i < 1500; ++i)
    nodes.memory.set(".penstock/deleted/first-" + std::to_string(i), "x");
  Node second(nodes, "second", {"first"});
  second.recover();
  CHECK(nodes.memory.keys().size() == 20);
}

TEST_CASE("a rename that died while it deleted is ended") {
  Nodes nodes;
  {
    Node first(nodes, "first");
    first.store.hold("RemoveMany");
    const auto renamed = first.begin_rename();
    CHECK(nodes.files().size() == 40);
    first.store.cut_off();
  }
  nodes.memory.erase("old/f3");
  Node second(nodes, "second", {"first"});
  CHECK(second.list(root_inode) == std::set<std::string>{"new", "old"});
  second.recover();
  CHECK(nodes.whole("new"));
  CHECK(second.list(root_inode) == std::set<std::string>{"new"});
  CHECK(nodes.memory.keys().size() == 20);
}

TEST_CASE("who was silent for too long deletes nothing of what another has taken back") {
  Nodes nodes;
  Node first(nodes, "first");
  first.store.hold("Copy");
  const auto renamed = first.begin_rename();
  Node second(nodes, "second", {"first"});
  second.recover();
  CHECK(nodes.whole("old"));
  first.store.release_all();
  first.settle();
  REQUIRE(renamed->has_value());
  CHECK_FALSE((*renamed)->has_value());
  CHECK(nodes.whole("old"));
}

TEST_CASE("an original that a batch does not delete stays beside its copy until it can be") {
  Nodes nodes;
  Node first(nodes, "first");
  first.recover();
  first.store.keep("old/f7", Error(Code::access_denied));
  const auto renamed = first.begin_rename();
  REQUIRE(renamed->has_value());
  CHECK((*renamed)->code() == Code::access_denied);
  CHECK(nodes.files().size() == 21);
  CHECK(nodes.memory.contents("old/f7") == "7");
  CHECK(nodes.memory.contents("new/f7") == "7");
  // It is gone on with: nothing else is deleted, and the key as soon as it may be.
  first.scheduler.advance(std::chrono::minutes(30));
  CHECK(nodes.files().size() == 21);
  first.store.clear_faults();
  first.scheduler.advance(std::chrono::hours(2));
  CHECK(nodes.whole("new"));
  CHECK(first.list(root_inode) == std::set<std::string>{"new"});
}

TEST_CASE("a copy that a batch does not delete when a rename is taken back goes later") {
  Nodes nodes;
  Node first(nodes, "first");
  first.recover();
  first.store.add({.operation = "Copy", .key = "new/f9", .error = Error(Code::access_denied)});
  first.store.keep("new/f3", Error(Code::unavailable));
  const auto renamed = first.begin_rename();
  REQUIRE(renamed->has_value());
  CHECK((*renamed)->code() == Code::access_denied);  // why it was taken back
  CHECK(nodes.files().size() == 21);
  CHECK(nodes.memory.contents("new/f3") == "3");
  first.store.clear_faults();
  first.scheduler.advance(std::chrono::hours(2));
  CHECK(nodes.whole("old"));
  CHECK(first.list(root_inode) == std::set<std::string>{"old"});
}

TEST_CASE("who falls silent between two batches of deletions stops when another has taken over") {
  Nodes nodes;
  for (int i = 0; i < 1500; ++i) nodes.memory.set("old/g" + std::to_string(i), "x");
  Node first(nodes, "first");
  first.store.hold("RemoveMany");
  first.store.hold("Copy");  // else each copy, which ends at once, begins the next one inside
  const auto renamed = first.begin_rename();
  for (int i = 0; i < 200 && first.store.held("RemoveMany") == 0; ++i) {
    while (first.store.release_one("Copy")) continue;
    first.settle();
  }
  REQUIRE(first.store.held("RemoveMany") == 1);
  // Silent: its lease is not renewed any more, as where the machine sleeps or the network is away.
  first.store.add({.operation = "Put", .key = ".penstock/mounts/first", .times = UINT64_MAX});
  first.scheduler.advance(std::chrono::seconds(61));
  nodes.memory.turn_clock(std::chrono::seconds(61));
  const auto others = [&] {
    const std::vector<std::string> keys = nodes.files();
    return std::count_if(keys.begin(), keys.end(),
                         [](const std::string& key) { return key.starts_with("old/"); });
  };
  CHECK(others() == 1520);
  Node second(nodes, "second");
  SECTION("which is at it") {
    // It has the intent, and has not begun to delete.
    second.store.hold("RemoveMany");
    second.recover();
    REQUIRE(second.store.held("RemoveMany") == 1);
    first.store.release_all();
    first.settle();
    CHECK(others() == 520);
    second.store.release_all();
    second.settle();
  }
  SECTION("and has ended it, so that what has the old name is somebody else's") {
    second.recover();
    CHECK(others() == 0);
    for (int i = 0; i < 1500; ++i) nodes.memory.set("old/g" + std::to_string(i), "new");
    first.store.release_all();
    first.settle();
    // One batch was on its way.
    CHECK(others() == 520);
    for (const std::string& key : nodes.files())
      if (key.starts_with("old/")) nodes.memory.erase(key);
  }
  REQUIRE(renamed->has_value());
  CHECK_FALSE((*renamed)->has_value());
  CHECK(others() == 0);
  CHECK(nodes.files().size() == 1520);
}

TEST_CASE("an exchange that died is taken back, or ended") {
  const int requests = GENERATE(range(0, 12));
  Nodes nodes;
  for (const std::string& key : nodes.memory.keys()) nodes.memory.erase(key);
  nodes.memory.set("a", "first");
  nodes.memory.set("b", "other");
  {
    Node first(nodes, "first");
    REQUIRE(first.lookup(root_inode, "a"));
    REQUIRE(first.lookup(root_inode, "b"));
    first.store.hold("");
    first.file_system->exchange(root_inode, "a", root_inode, "b", [](const Result<void>&) {});
    first.settle();
    for (int i = 0; i < requests; ++i) {
      first.store.release_one();
      first.settle();
    }
    first.store.cut_off();
  }
  Node second(nodes, "second", {"first"});
  second.recover();
  CAPTURE(requests);
  const bool before =
      nodes.memory.contents("a") == "first" && nodes.memory.contents("b") == "other";
  const bool after = nodes.memory.contents("a") == "other" && nodes.memory.contents("b") == "first";
  CHECK((before || after));
  CHECK(nodes.memory.keys() == std::vector<std::string>{"a", "b"});
}

TEST_CASE("an exchange that is gone on with keeps what was written since") {
  Nodes nodes;
  for (const std::string& key : nodes.memory.keys()) nodes.memory.erase(key);
  const std::string held = ".penstock/held/first-1";
  nodes.memory.set("a", "first");
  nodes.memory.set(held, "first");
  nodes.memory.set("b", "other");
  Intent intent;
  intent.mount = "first";
  intent.step = 1;
  intent.moves = {{"a", held, true}, {"b", "a", true}, {held, "b", false}};
  nodes.memory.set(".penstock/renames/first-1", to_text(intent));
  nodes.memory.turn_clock(std::chrono::seconds(10));
  std::string b = "first";
  SECTION("to one") { nodes.memory.set("a", "new"); }
  SECTION("to both") {
    nodes.memory.set("a", "new");
    nodes.memory.set("b", "new too");
    b = "new too";
  }
  Node second(nodes, "second", {"first"});
  second.recover();
  CHECK(nodes.memory.contents("a") == "new");
  CHECK(nodes.memory.contents("b") == b);
  CHECK(nodes.memory.keys() == std::vector<std::string>{"a", "b"});
}

TEST_CASE("what is no intent is left alone") {
  Nodes nodes;
  const std::string key = ".penstock/renames/first-1";
  for (const char* text : {"", "x", "penstock-rename 2\n", "penstock-rename 1\nmount first\n"}) {
    nodes.memory.set(key, text);
    Node second(nodes, "second", {"first"});
    second.recover();
    CHECK(nodes.memory.contents(key) == text);
    CHECK(nodes.whole("old"));
  }
}

TEST_CASE("an intent about keys that are not the mount's is left alone") {
  MemoryStore bucket({.content_etags = true});
  const std::string key = "data/.penstock/renames/first-1";
  bucket.set("data/a/f", "1");
  bucket.set("other/f", "1");
  bucket.set("database/f", "1");
  for (const char* move :
       {"other/ data/a/ 0", "database/ data/a/ 0", "data/a/ other/ 0", "data/ other/ 0"}) {
    CAPTURE(move);
    for (const char* phase : {"copying", "deleting", "renaming"}) {
      const std::string text =
          std::string("penstock-rename 1\nmount first\nsince 1\nstep 0\nphase ") + phase +
          "\nmove " + move + "\n";
      bucket.set(key, text);
      World second({.ttl = milliseconds(10'000)}, "data/",
                   {.id = "second", .known_dead = [](const std::string&) { return true; }},
                   &bucket);
      second.file_system->recover();
      for (int i = 0; i < 200; ++i) second.scheduler.advance(milliseconds(1));
      CHECK(bucket.keys() == std::vector<std::string>{key, "data/a/f", "database/f", "other/f"});
      CHECK(bucket.contents(key) == text);
    }
  }
}

TEST_CASE("an intent is read as it was written") {
  Intent intent;
  intent.mount = "m";
  intent.since_ns = 17;
  intent.step = 1;
  intent.phase = Intent::Phase::deleting;
  intent.until_ns = 18;
  intent.step_since_ns = 19;
  intent.moves = {{"a b/%", "c\nd", true}, {"ü", "e", false, true}};
  const Result<Intent> read = parse_intent(to_text(intent));
  REQUIRE(read);
  CHECK(to_text(*read) == to_text(intent));
  CHECK(read->moves[0].to == "c\nd");
  CHECK(read->moves[0].keeps_source);
  CHECK_FALSE(read->moves[0].over_marker);
  CHECK(read->moves[1].over_marker);
  CHECK(read->until_ns == 18);
  CHECK(read->step_since_ns == 19);
}

TEST_CASE("an intent of before there were optional words is read") {
  const Result<Intent> read =
      parse_intent("penstock-rename 1\nmount m\nsince 1\nstep 0\nphase copying\nmove a/ b/ 0\n");
  REQUIRE(read);
  CHECK(read->until_ns == 0);
  CHECK(read->moves[0].to == "b/");
  CHECK_FALSE(read->moves[0].keeps_source);
  CHECK_FALSE(read->moves[0].over_marker);
}

}  // namespace
}  // namespace penstock::test
