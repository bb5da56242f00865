// SPDX-License-Identifier: Apache-2.0
// What a file system tells of the names it knows, to who fetches ahead.
#include <fmt/format.h>

#include "fs/lookups/known_files.h"
#include "support/catch.h"
#include "unit/fs/shared_world.h"

namespace penstock {
namespace {

using test::World;

std::vector<std::string> keys_of(const KnownFiles& found) {
  std::vector<std::string> keys;
  for (const ObjectVersion& file : found.files) keys.push_back(file.key);
  return keys;
}

using Keys = std::vector<std::string>;

TEST_CASE("files of a directory are known when it is listed, each with its version") {
  const std::string prefix = GENERATE("", "some/where/");
  World world({.ttl = std::chrono::seconds(10)}, prefix);
  world.memory.set(prefix + "d/a", "1");
  world.memory.set(prefix + "d/b", "22");
  world.memory.set(prefix + "d/below/c", "3");
  world.memory.set(prefix + "d/empty", "");
  world.memory.set(prefix + "d/large", "too large");
  const KnownFilesRequest request{
      .directory = prefix + "d/", .below = false, .after = {}, .largest = 5, .most = 10};
  CHECK(world.file_system->known_files(request).files.empty());
  const InodeId directory = world.inode("d");
  world.list(directory);
  const KnownFiles found = world.file_system->known_files(request);
  CHECK(keys_of(found) == Keys{prefix + "d/a", prefix + "d/b"});
  CHECK(found.end);
  CHECK(found.total == 5);
  CHECK(found.files[1].size == 2);
  CHECK(found.files[1].etag == world.memory.info(prefix + "d/b")->etag);
}

TEST_CASE("files below a directory come by directory, from any of them on, in parts") {
  World world;
  Keys all;
  for (const char* directory : {"a", "a-b", "c"}) {
    for (int i = 0; i < 5; ++i) {
      all.push_back(fmt::format("d/{}/{}", directory, i));
      world.memory.set(all.back(), "x");
    }
  }
  world.memory.set("d/itself", "x");
  const InodeId parent = world.inode("d");
  world.list(parent);
  for (const char* directory : {"a", "a-b", "c"})
    world.list(world.lookup(parent, directory).value().attributes.inode);
  KnownFilesRequest request{.directory = "d/", .below = true, .after = {}, .largest = 5, .most = 4};
  Keys got;
  for (bool end = false; !end;) {
    const KnownFiles found = world.file_system->known_files(request);
    CHECK(found.total == 15);
    CHECK(found.files.size() <= 4);
    for (const std::string& key : keys_of(found)) got.push_back(key);
    REQUIRE(got.size() <= all.size());
    request.after = found.reached;
    end = found.end;
  }
  CHECK(got == all);
}

TEST_CASE("only so many names are looked at in one call, wherever its files lie") {
  World world;
  for (size_t i = 0; i < most_names_looked_at + 100; ++i)
    world.memory.set(fmt::format("d/a/{:05}", i), "too large");
  world.memory.set("d/b/f", "x");
  const InodeId parent = world.inode("d");
  world.list(parent);
  for (const char* directory : {"a", "b"})
    world.list(world.lookup(parent, directory).value().attributes.inode);
  KnownFilesRequest request{
      .directory = "d/a/", .below = false, .after = {}, .largest = 5, .most = 10};
  KnownFiles found = world.file_system->known_files(request);
  CHECK(found.files.empty());
  CHECK_FALSE(found.end);
  CHECK(found.reached == fmt::format("d/a/{:05}", most_names_looked_at - 1));
  request.after = found.reached;
  CHECK(world.file_system->known_files(request).end);

  request = {.directory = "d/", .below = true, .after = {}, .largest = 5, .most = 10};
  found = world.file_system->known_files(request);
  CHECK_FALSE(found.end);
  request.after = found.reached;
  found = world.file_system->known_files(request);
  CHECK(keys_of(found) == Keys{"d/b/f"});
  CHECK(found.end);
  CHECK(found.total == most_names_looked_at + 101);
}

TEST_CASE("directories without files are looked at in parts, too, and those left count about") {
  World world;
  for (size_t i = 0; i < most_names_looked_at; ++i)
    world.memory.set(fmt::format("d/{:05}", i), "x");
  for (const char* directory : {"x", "y"}) world.memory.set(fmt::format("d/{}/f", directory), "x");
  const InodeId parent = world.inode("d");
  world.list(parent);
  for (const char* directory : {"x", "y"})
    world.list(world.lookup(parent, directory).value().attributes.inode);
  KnownFilesRequest request{.directory = "d/", .below = true, .after = {}, .largest = 5, .most = 1};
  KnownFiles found = world.file_system->known_files(request);
  CHECK(found.files.empty());
  CHECK_FALSE(found.end);
  request.after = found.reached;
  found = world.file_system->known_files(request);
  CHECK(keys_of(found) == Keys{"d/x/f"});
  request.after = found.reached;
  CHECK(keys_of(world.file_system->known_files(request)) == Keys{"d/y/f"});
}

TEST_CASE("what is being written here is not told") {
  World world;
  for (const char* key : {"d/a", "d/b"}) world.memory.set(key, "x");
  const InodeId directory = world.inode("d");
  world.list(directory);
  const InodeId written = world.lookup(directory, "a").value().attributes.inode;
  const Opened opened =
      world
          .run<Opened>([&](Done<Opened> done) {
            world.file_system->open(written, {.read = true, .write = true}, std::move(done));
          })
          .value();
  const KnownFilesRequest request{
      .directory = "d/", .below = false, .after = {}, .largest = 5, .most = 10};
  CHECK(keys_of(world.file_system->known_files(request)) == Keys{"d/b"});
  world.file_system->release(opened.handle);
}

}  // namespace
}  // namespace penstock
