// SPDX-License-Identifier: Apache-2.0
// Opens of files that are being replaced or deleted by this mount.
#include "support/catch.h"
#include "unit/fs/world.h"

namespace penstock::test {
namespace {

struct ReplaceWorld : World {
  template <typename T>
  using Pending = std::shared_ptr<std::optional<Result<T>>>;
  template <typename T, typename F>
  Pending<T> begin(F&& start) {
    auto pending = std::make_shared<std::optional<Result<T>>>();
    start(Done<T>([pending](Result<T> result) { *pending = std::move(result); }));
    settle();
    return pending;
  }
  /// Lets everything happen that needs no more than a few steps, and hardly any time.
  void settle() {
    for (int i = 0; i < 20; ++i) scheduler.advance(std::chrono::microseconds(10));
  }
  Pending<Opened> open(InodeId inode, OpenFlags flags = {.read = true, .thread = 7}) {
    return begin<Opened>(
        [&](Done<Opened> done) { file_system->open(inode, flags, std::move(done)); });
  }
  Pending<void> replace(const std::string& from, const std::string& to) {
    return begin<void>([&](Done<void> done) {
      file_system->rename(root_inode, from, root_inode, to, false, std::move(done));
    });
  }
  Pending<void> unlink(const std::string& name) {
    return begin<void>(
        [&](Done<void> done) { file_system->unlink(root_inode, name, std::move(done)); });
  }
  std::string read(HandleId handle) {
    const Result<Slices> slices = run<Slices>([&](Done<Slices> done) {
      file_system->read(handle, {0, 100}, {}, std::move(done));
    });
    if (!slices) return std::string(to_string(slices.code()));
    std::string bytes;
    for (const auto& span : slices->spans)
      bytes.append(reinterpret_cast<const char*>(span.data()), span.size());
    return bytes;
  }
};

TEST_CASE("an open waits while its file is being replaced, and is sent to the new one") {
  ReplaceWorld world;
  for (const char* name : {"f", "one", "two"}) world.memory.set(name, name);
  const InodeId old = world.inode("f");
  world.inode("one");
  world.inode("two");
  world.store.hold("Copy");
  const auto first = world.replace("one", "f");
  REQUIRE_FALSE(first->has_value());
  const auto early = world.open(old);
  CHECK_FALSE(early->has_value());
  world.store.release_all();
  world.settle();
  REQUIRE(first->has_value());
  CHECK(**first);
  REQUIRE(early->has_value());
  CHECK((*early)->code() == Code::changed);
  SECTION("before the name is replaced again") {
    const auto second = world.replace("two", "f");
    CHECK_FALSE(second->has_value());
    const auto opened = world.open(world.inode("f"));
    REQUIRE(opened->has_value());
    REQUIRE(**opened);
    world.settle();
    REQUIRE(second->has_value());
    CHECK(**second);
    CHECK(world.read((*opened)->value().handle) == "one");
    world.file_system->release((*opened)->value().handle);
  }
  SECTION("and others do not take its turn") {
    const auto second = world.unlink("f");
    CHECK_FALSE(second->has_value());
    const auto other = world.open(world.inode("f"), {.read = true, .thread = 8});
    CHECK_FALSE(second->has_value());
    const auto opened = world.open(world.inode("f"));
    world.settle();
    REQUIRE(second->has_value());
    CHECK(**second);
    for (const auto& handle : {other, opened}) {
      CHECK(world.read((*handle)->value().handle) == "one");
      world.file_system->release((*handle)->value().handle);
    }
  }
  SECTION("for a moment") {
    const auto second = world.unlink("f");
    CHECK_FALSE(second->has_value());
    world.scheduler.advance(milliseconds(1000));
    world.settle();
    REQUIRE(second->has_value());
    CHECK(**second);
  }
  for (int i = 0; i < 20; ++i) world.scheduler.advance(milliseconds(1));
}

TEST_CASE("who was sent back while the name is replaced once more gets what it has then") {
  ReplaceWorld world;
  for (const char* name : {"f", "one", "two"}) world.memory.set(name, name);
  const InodeId old = world.inode("f");
  REQUIRE(world.run<Entry>(
      [&](Done<Entry> done) { world.file_system->lookup(root_inode, "f", std::move(done)); }));
  world.inode("one");
  world.inode("two");
  CHECK(**world.replace("one", "f"));
  world.store.hold("Copy");
  const auto second = world.replace("two", "f");
  REQUIRE_FALSE(second->has_value());
  CHECK((*world.open(old))->code() == Code::changed);
  const auto found = world.begin<Entry>(
      [&](Done<Entry> done) { world.file_system->lookup(root_inode, "f", std::move(done)); });
  CHECK_FALSE(found->has_value());
  world.store.release_all();
  world.settle();
  REQUIRE(second->has_value());
  CHECK(**second);
  REQUIRE(found->has_value());
  const InodeId present = (*found)->value().attributes.inode;
  const auto third = world.unlink("f");
  CHECK_FALSE(third->has_value());
  const auto opened = world.open(present);
  CHECK(world.read((*opened)->value().handle) == "two");
  REQUIRE(third->has_value());
  world.file_system->release((*opened)->value().handle);
  world.file_system->forget(old, 1);
  world.file_system->forget(present, 1);
  for (int i = 0; i < 20; ++i) world.scheduler.advance(milliseconds(1));
}

TEST_CASE("an open that finds its file deleted is sent to nothing, and holds nobody up") {
  ReplaceWorld world;
  world.memory.set("f", "bytes");
  const InodeId inode = world.inode("f");
  // The kernel's reference, until it has heard of the deletion.
  REQUIRE(world.run<Entry>(
      [&](Done<Entry> done) { world.file_system->lookup(root_inode, "f", std::move(done)); }));
  REQUIRE(world.run<void>(
      [&](Done<void> done) { world.file_system->unlink(root_inode, "f", std::move(done)); }));
  bool late = false;
  const auto opened = world.open(inode);
  REQUIRE(opened->has_value());
  CHECK((*opened)->code() == Code::changed);
  CHECK(world.lookup(root_inode, "f").code() == Code::not_found);
  // Another thread that finds nothing is not the one that was sent back.
  world.file_system->found_nothing(root_inode, "f", 17);
  SECTION("once it has looked") { world.file_system->found_nothing(root_inode, "f", 7); }
  SECTION("else whoever takes the name again waits for a moment") { late = true; }
  const Created made = world.create(root_inode, "f").value();
  REQUIRE(world.write_and_close(made.opened.handle, "more"));
  const auto removed = world.unlink("f");
  CHECK(removed->has_value() != late);
  world.scheduler.advance(milliseconds(1000));
  REQUIRE(removed->has_value());
  CHECK(**removed);
  world.file_system->forget(inode, 1);
}

TEST_CASE("an open asks by its GET whether what was heard a while ago still holds") {
  ReplaceWorld world;
  world.memory.set("f", "old");
  const InodeId old = world.inode("f");
  world.scheduler.advance(milliseconds(1500));
  SECTION("it does") {
    world.memory.clear_requests();
    const auto opened = world.open(old);
    REQUIRE(opened->has_value());
    CHECK(world.read((*opened)->value().handle) == "old");
    CHECK(world.memory.requests().size() == 1);
    world.file_system->release((*opened)->value().handle);
  }
  SECTION("another client has replaced it") {
    world.memory.set("f", "longer");
    world.memory.clear_requests();
    const auto opened = world.open(old);
    REQUIRE(opened->has_value());
    CHECK((*opened)->code() == Code::changed);
    CHECK(world.memory.requests().size() == 1);
    // The kernel looks again.
    const auto again = world.open(world.inode("f"));
    REQUIRE(again->has_value());
    CHECK(world.read((*again)->value().handle) == "longer");
    world.file_system->release((*again)->value().handle);
  }
  SECTION("another client has removed it") {
    world.memory.erase("f");
    CHECK((*world.open(old))->code() == Code::changed);
    CHECK(world.lookup(root_inode, "f").code() == Code::not_found);
  }
  for (int i = 0; i < 20; ++i) world.scheduler.advance(milliseconds(1));
}

}  // namespace
}  // namespace penstock::test
