// SPDX-License-Identifier: Apache-2.0
// What is stored when a descriptor is closed, synced or released, and by whom.
#include "support/catch.h"
#include "unit/fs/world.h"

namespace penstock::test {
namespace {

struct OpenWorld : World {
  Created make(const std::string& name, OpenFlags flags, bool exclusive = false) {
    return run<Created>([&](Done<Created> done) {
             file_system->create(root_inode, name, 0644, flags, exclusive, {}, std::move(done));
           })
        .value();
  }
  Opened open(InodeId inode, OpenFlags flags) {
    return run<Opened>([&](Done<Opened> done) { file_system->open(inode, flags, std::move(done)); })
        .value();
  }
  Result<void> write(HandleId handle, const std::string& bytes, WriteAt at = {}) {
    return run<void>([&](Done<void> done) {
      file_system->write(handle, at, std::as_bytes(std::span(bytes)), std::move(done));
    });
  }
  Result<void> flush(HandleId handle, Closer closer = {}) {
    return run<void>([&](Done<void> done) { file_system->flush(handle, closer, std::move(done)); });
  }
  Result<void> fsync(HandleId handle) {
    return run<void>([&](Done<void> done) { file_system->fsync(handle, std::move(done)); });
  }
  std::optional<uint64_t> seek(HandleId handle, uint64_t offset, bool hole) {
    return run<std::optional<uint64_t>>([&](Done<std::optional<uint64_t>> done) {
             file_system->seek(handle, offset, hole, std::move(done));
           })
        .value();
  }
  void release(HandleId handle) {
    file_system->release(handle);
    scheduler.advance(milliseconds(1));
  }
  /// What another client sees; empty where there is no object.
  std::string stored(const std::string& key) { return memory.contents(key).value_or(""); }
  bool exists(const std::string& key) { return memory.contents(key).has_value(); }
};

TEST_CASE("append is the request's, not the open's, and pages of a mapping are never appended") {
  OpenWorld world;
  const Created file = world.make("f", {.read = true, .write = true});
  const HandleId handle = file.opened.handle;
  REQUIRE(world.write(handle, "0123"));
  REQUIRE(world.write(handle, "A", {.offset = 0, .append = true}));
  REQUIRE(world.write(handle, "M", {.offset = 0, .process = std::nullopt}));
  REQUIRE(world.flush(handle));
  CHECK(world.stored("f") == "M123A");
  world.release(handle);
}

TEST_CASE("a synchronous write is stored when it returns") {
  OpenWorld world;
  const Created file = world.make("f", {.write = true});
  REQUIRE(world.write(file.opened.handle, "now", {.sync = true}));
  CHECK(world.stored("f") == "now");
  world.release(file.opened.handle);
}

TEST_CASE("a file that is made and only read is stored when it is closed") {
  OpenWorld world;
  const Created file = world.make("lock", {.read = true});
  CHECK_FALSE(file.opened.closes_quietly);
  REQUIRE(world.flush(file.opened.handle));
  CHECK(world.exists("lock"));
  world.release(file.opened.handle);
  const Opened again = world.open(file.entry.attributes.inode, {.read = true});
  CHECK(again.closes_quietly);
  world.release(again.handle);
}

TEST_CASE(
    "where a file may have been mapped it has no holes, also when the last close is told late") {
  OpenWorld world;
  const Created file = world.make("f", {.write = true});
  const InodeId inode = file.entry.attributes.inode;
  REQUIRE(world.write(file.opened.handle, "behind a hole", {.offset = 8192}));
  CHECK(world.seek(file.opened.handle, 0, false) == 8192);
  CHECK(world.seek(file.opened.handle, 0, true) == 0);
  const Opened both = world.open(inode, {.read = true, .write = true});
  CHECK(world.seek(file.opened.handle, 0, false) == 0);
  world.release(both.handle);
  CHECK(world.seek(file.opened.handle, 0, true) == 8192 + 13);
  REQUIRE(world.flush(file.opened.handle));
  world.release(file.opened.handle);

  // Stored, and opened for writing once more: what is skipped now is a hole again.
  const Opened writer = world.open(inode, {.write = true});
  REQUIRE(world.write(writer.handle, "far", {.offset = 100'000}));
  CHECK(world.seek(writer.handle, 10'000, true) == 10'000);
  world.release(writer.handle);
}

TEST_CASE("fsync is about the file, through whichever descriptor") {
  OpenWorld world;
  const Created file = world.make("f", {.write = true});
  const Opened reader = world.open(file.entry.attributes.inode, {.read = true});
  REQUIRE(world.write(file.opened.handle, "bytes"));
  REQUIRE(world.fsync(reader.handle));
  CHECK(world.stored("f") == "bytes");
  world.release(reader.handle);
  world.release(file.opened.handle);
}

TEST_CASE("an open for reading truncates where it shall") {
  OpenWorld world;
  world.memory.set("f", "old");
  const Opened opened = world.open(world.inode("f"), {.read = true, .truncate = true});
  CHECK(world.stored("f").empty());
  CHECK(world.exists("f"));
  CHECK(world.lookup(root_inode, "f").value().attributes.size == 0);
  world.release(opened.handle);
}

TEST_CASE("a name that the kernel did not know of is looked up again, unless it must be new") {
  OpenWorld world;
  world.memory.set("f", "there");
  world.inode("f");
  const auto make = [&](bool exclusive) {
    return world
        .run<Created>([&](Done<Created> done) {
          world.file_system->create(root_inode, "f", 0644, {.write = true}, exclusive, {},
                                    std::move(done));
        })
        .code();
  };
  CHECK(make(false) == Code::changed);
  CHECK(make(true) == Code::already_exists);
}

TEST_CASE("a process that neither opened nor wrote stores nothing by its close") {
  OpenWorld world;
  world.memory.set("f", "old");
  const HandleId handle =
      world.open(world.inode("f"), {.write = true, .truncate = true, .process = 10}).handle;
  REQUIRE(world.write(handle, "half", {.process = 10}));
  REQUIRE(world.flush(handle, {.process = 11}));
  CHECK(world.stored("f") == "old");
  SECTION("the one that opened it does") {
    REQUIRE(world.flush(handle, {.process = 10}));
    CHECK(world.stored("f") == "half");
  }
  SECTION("so does one that has written") {
    REQUIRE(world.write(handle, " more", {.append = true, .process = 11}));
    CHECK(world.file_system->owners(handle) == std::vector<ProcessId>{10, 11});
    REQUIRE(world.flush(handle, {.process = 11}));
    CHECK(world.stored("f") == "half more");
  }
  SECTION("and one that may be any") {
    REQUIRE(world.flush(handle, {.process = unknown_process}));
    CHECK(world.stored("f") == "half");
  }
  SECTION("one that ended owns nothing any more") {
    REQUIRE(world.flush(handle, {.process = 10, .ended = true}));
    CHECK(world.file_system->owners(handle).empty());
    REQUIRE(world.write(handle, " more", {.append = true, .process = std::nullopt}));
    REQUIRE(world.flush(handle, {.process = 10}));
    CHECK(world.stored("f") == "half");
  }
  SECTION("the last close does at the latest") {
    world.release(handle);
    CHECK(world.stored("f") == "half");
    return;
  }
  world.release(handle);
}

/// A kernel that notes whose pages it was told to drop.
struct PagesKernel final : KernelCache {
  void invalidate_data(InodeId inode) override { dropped.push_back(inode); }
  void invalidate_entry(InodeId, std::string_view) override {}
  std::vector<InodeId> dropped;
};

TEST_CASE(
    "what a reader has in the page cache is dropped behind a direct write, not a cached one") {
  OpenWorld world;
  PagesKernel kernel;
  world.file_system->attach(kernel);
  const Created made = world.make("f", {.write = true});
  const InodeId inode = made.entry.attributes.inode;
  const auto dropped_by = [&](WriteAt at) {
    kernel.dropped.clear();
    CHECK(world.write(made.opened.handle, "bytes", at));
    return kernel.dropped;
  };
  CHECK(dropped_by({.direct = true}).empty());
  const Opened reader = world.open(inode, {.read = true});
  CHECK(dropped_by({.direct = true}) == std::vector{inode});
  // The kernel has the page of a cached write locked: it would wait for the answer.
  CHECK(dropped_by({.direct = false}).empty());
  world.file_system->release(reader.handle);
  CHECK(dropped_by({.direct = true}).empty());
  world.file_system->release(made.opened.handle);
  world.scheduler.advance(milliseconds(10));
}

TEST_CASE(
    "a write that an open for reading may have overtaken drops the pages once it is answered") {
  OpenWorld world;
  PagesKernel kernel;
  world.file_system->attach(kernel);
  const Created made = world.make("f", {.read = true, .write = true});
  const InodeId inode = made.entry.attributes.inode;
  CHECK(world.write(made.opened.handle, "bytes"));
  CHECK(kernel.dropped.empty());
  // The kernel drops its pages here, and may ask for them before it gets to this write.
  const Opened reader = world.open(inode, {.read = true});
  REQUIRE_FALSE(reader.keep_page_cache);
  bool dropped_before = false;
  const std::string bytes = "BYTES";
  world.file_system->write(
      made.opened.handle, {.offset = 0}, std::as_bytes(std::span(bytes)),
      Done<void>([&](const Result<void>&) { dropped_before = !kernel.dropped.empty(); }));
  world.scheduler.advance(milliseconds(10));
  CHECK_FALSE(dropped_before);
  CHECK(kernel.dropped == std::vector{inode});
  // The next one cannot be that old.
  CHECK(world.write(made.opened.handle, "Bytes"));
  CHECK(kernel.dropped.size() == 1);
  world.file_system->release(reader.handle);
  world.file_system->release(made.opened.handle);
  world.scheduler.advance(milliseconds(10));
}

}  // namespace
}  // namespace penstock::test
