// SPDX-License-Identifier: Apache-2.0
// What other clients put on their objects, and into them, is kept by every change.
#include <chrono>

#include "fs/names/attributes.h"
#include "support/catch.h"
#include "unit/fs/world.h"

namespace penstock::test {
namespace {

using std::chrono::hours;

constexpr int64_t hour_ns = 3'600'000'000'000;

const Metadata theirs = {{"note", "theirs"},
                         {header::content_type, "image/x"},
                         {header::content_encoding, "gzip"},
                         {header::content_disposition, "inline"},
                         {header::content_language, "de"},
                         {header::cache_control, "no-store"},
                         {header::expires, "Thu, 01 Dec 2033 16:00:00 GMT"},
                         {header::website_redirect, "/x"},
                         {header::storage_class, "STANDARD_IA"},
                         {header::tagging, "a=b"}};

struct KeptWorld : World {
  using World::World;

  /// What `key` has not of `wanted`.
  std::string lost(const std::string& key, const Metadata& wanted = theirs) {
    const auto info = memory.info(key);
    if (!info) return "the object";
    std::string names;
    for (const auto& [name, value] : wanted) {
      const auto at = info->metadata->find(name);
      if (at == info->metadata->end() || at->second != value) names += name + ' ';
    }
    return names;
  }
  Result<Attributes> setattr(InodeId node, const AttributeChange& change) {
    return run<Attributes>(
        [&](Done<Attributes> done) { file_system->setattr(node, change, std::move(done)); });
  }
  Result<void> rename(const std::string& from, const std::string& to) {
    return run<void>([&](Done<void> done) {
      file_system->rename(root_inode, from, root_inode, to, false, std::move(done));
    });
  }
  Result<void> set_xattr(InodeId node, const std::string& name, const std::string& value) {
    return run<void>([&](Done<void> done) {
      file_system->set_xattr(node, name, value, XattrMode::any, std::move(done));
    });
  }
  HandleId open(InodeId node, OpenFlags flags) {
    return run<Opened>([&](Done<Opened> done) { file_system->open(node, flags, std::move(done)); })
        .value()
        .handle;
  }
  Result<Entry> link(InodeId node, const std::string& name) {
    Result<Entry> made = run<Entry>(
        [&](Done<Entry> done) { file_system->link(node, root_inode, name, std::move(done)); });
    if (made) file_system->forget(made->attributes.inode, 1);
    return made;
  }
  Result<void> rmdir(const std::string& name) {
    return run<void>(
        [&](Done<void> done) { file_system->rmdir(root_inode, name, std::move(done)); });
  }
  int64_t stored_time(const std::string& key) {
    const Metadata metadata = memory.info(key)->metadata.value();
    const auto time = metadata.find("mtime");
    return time == metadata.end() ? 0 : parse_attributes(metadata).mtime_ns.value();
  }
};

TEST_CASE("headers and tags of others are kept by every change of a file") {
  KeptWorld world;
  world.memory.set("f", "bytes", theirs);
  const InodeId f = world.inode("f");
  REQUIRE(world.setattr(f, {.mode = 0600}));
  CHECK(world.lost("f").empty());
  REQUIRE(world.setattr(f, {.mtime_ns = 5}));
  CHECK(world.lost("f").empty());
  REQUIRE(world.set_xattr(f, "user.color", "blue"));
  CHECK(world.lost("f").empty());
  REQUIRE(world.write_and_close(world.open(f, {.read = true, .write = true}), "edit"));
  CHECK(world.lost("f").empty());
  REQUIRE(world.write_and_close(world.open(f, {.write = true, .truncate = true}), "anew"));
  CHECK(world.lost("f").empty());
  CHECK(world.memory.contents("f") == "anew");
  REQUIRE(world.rename("f", "g"));
  CHECK(world.lost("g").empty());
  REQUIRE(world.link(f, "h"));
  CHECK(world.lost("h").empty());
}

TEST_CASE("headers and tags of others are kept by a rename of what nobody has looked at") {
  KeptWorld world;
  world.memory.set("f", "bytes", theirs);
  world.memory.set("d/f", "bytes", theirs);
  world.memory.set("d/", "", theirs);
  REQUIRE(world.rename("f", "g"));
  CHECK(world.lost("g").empty());
  REQUIRE(world.rename("d", "e"));
  CHECK(world.lost("e/f").empty());
  CHECK(world.lost("e/").empty());
}

TEST_CASE("new contents are not stored where they would have to be restored to be read") {
  KeptWorld world;
  world.memory.set("f", "bytes", {{header::storage_class, "GLACIER"}, {"note", "theirs"}});
  const InodeId f = world.inode("f");
  REQUIRE(world.setattr(f, {.mode = 0600}));
  CHECK(world.lost("f", {{header::storage_class, "GLACIER"}}).empty());
  REQUIRE(world.write_and_close(world.open(f, {.write = true}), "new"));
  CHECK(!world.memory.info("f")->metadata->contains(header::storage_class));
  REQUIRE(world.setattr(f, {.mode = 0640}));
  CHECK(!world.memory.info("f")->metadata->contains(header::storage_class));
}

TEST_CASE("new files have the type of their name, and get it by a rename") {
  KeptWorld world;
  REQUIRE(world.write_and_close(world.create(root_inode, "a.json")->opened.handle, "{}"));
  CHECK(world.memory.info("a.json")->metadata->at(header::content_type) == "application/json");
  REQUIRE(world.write_and_close(world.create(root_inode, "a.html.tmp")->opened.handle, "x"));
  CHECK(!world.memory.info("a.html.tmp")->metadata->contains(header::content_type));
  REQUIRE(world.rename("a.html.tmp", "a.html"));
  CHECK(world.memory.info("a.html")->metadata->at(header::content_type) == "text/html");
  REQUIRE(world.rename("a.json", "a.css"));
  CHECK(world.memory.info("a.css")->metadata->at(header::content_type) == "application/json");
}

TEST_CASE("bytes under a directory's own key are kept by what changes the directory") {
  KeptWorld world;
  world.memory.set("d/", "bytes of another", {{"note", "theirs"}});
  world.memory.set("d/f", "x");
  const InodeId d = world.inode("d");
  REQUIRE(world.setattr(d, {.mode = 0700}));
  CHECK(world.memory.contents("d/") == "bytes of another");
  CHECK(world.memory.info("d/")->metadata->at("mode") == "16832");
  CHECK(world.lost("d/", {{"note", "theirs"}}).empty());
  REQUIRE(world.setattr(world.lookup(d, "f")->attributes.inode, {.mode = 0600}));
  CHECK(world.memory.contents("d/") == "bytes of another");
  CHECK(world.memory.info("d/")->metadata->contains("penstock-children"));
  REQUIRE(world.set_xattr(d, "user.color", "blue"));
  CHECK(world.memory.contents("d/") == "bytes of another");
  REQUIRE(world.run<void>(
      [&](Done<void> done) { world.file_system->unlink(d, "f", std::move(done)); }));
  CHECK(world.rmdir("d").code() == Code::not_empty);
  CHECK(world.memory.contents("d/") == "bytes of another");
  REQUIRE(world.rename("d", "e"));
  CHECK(world.memory.contents("e/") == "bytes of another");
  CHECK(world.memory.keys() == std::vector<std::string>{".penstock/root", "e/"});
}

TEST_CASE("bytes that come under a directory's own key after a look at it are kept") {
  KeptWorld world;
  world.memory.set("d/f", "x");
  const bool marker = GENERATE(false, true);
  if (marker) world.memory.set("d/", "");
  const InodeId d = world.inode("d");
  REQUIRE(world.setattr(d, {.mode = 0700}));
  world.memory.set("d/", "late bytes", {{"note", "theirs"}});
  REQUIRE(world.setattr(d, {.mode = 0711}));
  CHECK(world.memory.contents("d/") == "late bytes");
  CHECK(world.memory.info("d/")->metadata->at("mode") == "16841");
}

TEST_CASE("a rename keeps the time of files whose time no program has set") {
  KeptWorld world;
  world.memory.turn_clock(-hours(5));
  world.memory.set("f", "bytes");
  world.memory.set("d/f", "bytes");
  world.memory.set("d/", "");
  const int64_t time = world.memory.info("f")->last_modified_ns;
  world.memory.turn_clock(hours(5));
  REQUIRE(world.rename("f", "g"));
  CHECK(world.memory.info("g")->last_modified_ns > time + hour_ns);
  CHECK(world.stored_time("g") == time);
  CHECK(world.lookup(root_inode, "g")->attributes.mtime_ns == time);
  REQUIRE(world.rename("d", "e"));
  CHECK(std::abs(world.stored_time("e/f") - time) < hour_ns);
  CHECK(std::abs(world.stored_time("e/") - time) < hour_ns);
  // A file that was just written keeps none: a later mount shows the same time but for a moment.
  REQUIRE(world.write_and_close(world.create(root_inode, "new")->opened.handle, "x"));
  REQUIRE(world.rename("new", "newer"));
  CHECK(world.stored_time("newer") == 0);
}

TEST_CASE("a call that changes a file's time and no byte is stored") {
  KeptWorld world;
  world.memory.turn_clock(-hours(5));
  world.memory.set("f", "bytes", {{"mtime", "1000000000"}});
  world.memory.turn_clock(hours(5));
  const InodeId f = world.inode("f");
  SECTION("truncate to the same size") { REQUIRE(world.setattr(f, {.size = 5})); }
  SECTION("fallocate inside") {
    const HandleId handle = world.open(f, {.read = true, .write = true});
    REQUIRE(world.run<void>([&](Done<void> done) {
      world.file_system->allocate(handle, {.range = {1, 2}}, std::move(done));
    }));
    REQUIRE(world.run<void>(
        [&](Done<void> done) { world.file_system->flush(handle, {}, std::move(done)); }));
    world.file_system->release(handle);
  }
  const int64_t shown = world.lookup(root_inode, "f")->attributes.mtime_ns;
  CHECK(shown > 1'700'000'000'000'000'000);
  CHECK(world.stored_time("f") == shown);
  CHECK(world.memory.contents("f") == "bytes");
}

TEST_CASE("a directory is renamed where the store copies no key that ends in a slash") {
  KeptWorld world;
  world.memory.set("d/", "", {{"mode", "16832"}});
  world.memory.set("d/sub/", "");
  world.memory.set("d/f", "x");
  for (const char* key : {"e/", "e/sub/"}) {
    world.store.add({.operation = "Copy",
                     .key = key,
                     .times = 1000,
                     .error = Error(Code::invalid_argument, "no copies of folders")});
  }
  REQUIRE(world.rename("d", "e"));
  CHECK(world.memory.keys() == std::vector<std::string>{"e/", "e/f", "e/sub/"});
  CHECK(world.memory.info("e/")->metadata->at("mode") == "16832");
}

TEST_CASE("a hard link is a copy, of what was written until then, where the name is free") {
  KeptWorld world;
  const Result<Created> created = world.create(root_inode, "tmp");
  const InodeId tmp = created->entry.attributes.inode;
  const HandleId handle = created->opened.handle;
  const std::string bytes = "unsent";
  REQUIRE(world.run<void>([&](Done<void> done) {
    world.file_system->write(handle, {}, std::as_bytes(std::span(bytes)), std::move(done));
  }));
  REQUIRE(world.link(tmp, "new"));
  CHECK(world.memory.contents("new") == "unsent");
  CHECK(world.memory.contents("tmp") == "unsent");
  REQUIRE(world.write_and_close(handle, "UN"));
  CHECK(world.memory.contents("new") == "unsent");
  CHECK(world.memory.contents("tmp") == "UNsent");
  CHECK(world.link(tmp, "new").code() == Code::already_exists);
  // Made by another client, and not known here.
  world.memory.set("theirs", "x");
  CHECK(world.link(tmp, "theirs").code() == Code::already_exists);
  CHECK(world.memory.contents("theirs") == "x");
  REQUIRE(world.run<void>(
      [&](Done<void> done) { world.file_system->unlink(root_inode, "tmp", std::move(done)); }));
  CHECK(world.memory.contents("new") == "unsent");
  CHECK(world.lookup(root_inode, "new")->attributes.size == 6);
}

TEST_CASE("a directory has no hard links, nor has a file that was deleted") {
  KeptWorld world;
  world.memory.set("d/f", "x");
  world.memory.set("f", "x");
  CHECK(world.link(world.inode("d"), "e").code() == Code::not_permitted);
  const InodeId f = world.lookup(root_inode, "f")->attributes.inode;
  const HandleId handle = world.open(f, {.read = true});
  REQUIRE(world.run<void>(
      [&](Done<void> done) { world.file_system->unlink(root_inode, "f", std::move(done)); }));
  CHECK(world.link(f, "g").code() == Code::not_found);
  world.file_system->release(handle);
}

}  // namespace
}  // namespace penstock::test
