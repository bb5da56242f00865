// SPDX-License-Identifier: Apache-2.0
// What an open asks the store, and what it costs where something of the file is cached.
#include <algorithm>

#include "cache/disk_cache.h"
#include "support/catch.h"
#include "support/temp_dir.h"
#include "unit/fs/world.h"

namespace penstock::test {
namespace {

using Freshness = MetadataOptions::Freshness;
using Operations = std::vector<std::string>;

/// Mounts of one bucket on one machine, one after the other, with a disk cache.
struct CachingNode {
  explicit CachingNode(MemoryStore& the_bucket, Freshness the_mode = Freshness::close_to_open)
      : bucket(the_bucket), mode(the_mode) {
    cache = DiskCache::open(
        {.directory = dir.path(), .size_limit = {.bytes = 1ULL << 30}, .min_free = {.bytes = 1}},
        "bucket", Log::none(), {.disk = Disk::system(), .scheduler = disk, .clock = disk});
  }
  ~CachingNode() {
    // What is read ahead or written to the cache holds all that it needs until it has ended.
    for (int i = 0; world != nullptr && i < 200; ++i) {
      world->scheduler.advance(milliseconds(1));
      disk->run();
    }
    world.reset();
    disk->run();
    cache.reset();
    disk->run();
    disk->stop();
  }
  CachingNode(const CachingNode&) = delete;
  CachingNode& operator=(const CachingNode&) = delete;

  void mount() {
    world.reset();
    const MetadataOptions metadata{.freshness = mode, .ttl = milliseconds(60'000)};
    world = std::make_unique<World>(metadata, "", MountIdentity{}, &bucket, true, cache.get());
  }
  template <typename T, typename F>
  Result<T> run(F&& start) {
    std::optional<Result<T>> result;
    start(Done<T>([&result](Result<T> answer) { result = std::move(answer); }));
    for (int i = 0; i < 200 && !result; ++i) {
      world->scheduler.advance(milliseconds(1));
      disk->run();
    }
    REQUIRE(result);
    return *std::move(result);
  }
  Result<Opened> open(InodeId inode) {
    return run<Opened>([&](Done<Opened> done) {
      world->file_system->open(inode, {.read = true}, std::move(done));
    });
  }
  std::string read(HandleId handle) {
    const Result<Slices> slices = run<Slices>([&](Done<Slices> done) {
      world->file_system->read(handle, {0, 1ULL << 20}, {}, std::move(done));
    });
    REQUIRE(slices);
    std::string bytes;
    for (const auto& span : slices->spans)
      bytes.append(reinterpret_cast<const char*>(span.data()), span.size());
    return bytes;
  }
  /// As the kernel does: an open that finds another version is told so, looks the name up again,
  /// which is answered by what the open has learnt, and opens that.
  std::string cat(const std::string& name) {
    const auto look = [&] {
      Result<Entry> found = world->lookup(root_inode, name);
      REQUIRE(found);
      return found->attributes.inode;
    };
    Result<Opened> opened = open(look());
    if (!opened && opened.code() == Code::changed) opened = open(look());
    REQUIRE(opened);
    std::string bytes = read(opened->handle);
    world->file_system->release(opened->handle);
    disk->run();
    return bytes;
  }
  /// Looked up already, as by `ls`, and long enough ago for an open that asks only then.
  void know(const std::string& name) {
    CHECK(world->lookup(root_inode, name));
    world->scheduler.advance(milliseconds(1500));
  }
  template <typename F>
  Operations requests(F&& what) {
    bucket.clear_requests();
    what();
    Operations operations;
    for (const LoggedRequest& request : bucket.requests()) operations.push_back(request.operation);
    return operations;
  }

  MemoryStore& bucket;
  const Freshness mode;
  const TempDir dir;
  const std::shared_ptr<ManualScheduler> disk = std::make_shared<ManualScheduler>();
  std::unique_ptr<DiskCache> cache;
  std::unique_ptr<World> world;
};

TEST_CASE("an open of what is not cached asks by the GET of its bytes, and by nothing else") {
  const Freshness mode = GENERATE(Freshness::close_to_open, Freshness::adaptive);
  const uint64_t size = GENERATE(1000ULL, 20ULL << 20);
  CAPTURE(size);
  MemoryStore bucket;
  bucket.turn_clock(-old);
  bucket.set("f", std::string(size, 'x'));
  CachingNode node(bucket, mode);
  node.mount();
  node.know("f");
  Result<Opened> opened = Error(Code::internal);
  const InodeId inode = node.world->inode("f");
  CHECK(node.requests([&] { opened = node.open(inode); }) == Operations{"Get"});
  REQUIRE(opened);
  // The first bytes are here.
  const Operations further = node.requests([&] {
    CHECK(node.run<Slices>([&](Done<Slices> done) {
      node.world->file_system->read(opened->handle, {0, 1000}, {}, std::move(done));
    }));
  });
  CHECK(std::ranges::count(further, "Head") == 0);
  if (size == 1000) CHECK(further.empty());
  node.world->file_system->release(opened->handle);
}

TEST_CASE("with close-to-open, an open of what is in memory asks by one HEAD") {
  MemoryStore bucket;
  bucket.turn_clock(-old);
  bucket.set("f", "bytes");
  CachingNode node(bucket);
  node.mount();
  const InodeId inode = node.world->inode("f");
  const Result<Opened> first = node.open(inode);
  CHECK(node.read(first->handle) == "bytes");
  CHECK(node.requests([&] { CHECK(node.cat("f") == "bytes"); }) == Operations{"Head"});
  node.world->file_system->release(first->handle);
  // The kernel may have it in its page cache now.
  CHECK(node.requests([&] { CHECK(node.cat("f") == "bytes"); }) == Operations{"Head"});
}

TEST_CASE("with close-to-open, an open of what is in the disk cache asks by one HEAD") {
  MemoryStore bucket;
  bucket.turn_clock(-old);
  bucket.set("f", "bytes");
  CachingNode node(bucket);
  node.mount();
  CHECK(node.cat("f") == "bytes");
  node.mount();
  node.know("f");
  CHECK(node.requests([&] { CHECK(node.cat("f") == "bytes"); }) == Operations{"Head"});
  SECTION("and one of another version by the GET of that as well") {
    node.mount();
    node.know("f");
    bucket.set("f", "longer bytes");
    CHECK(node.requests([&] { CHECK(node.cat("f") == "longer bytes"); }) ==
          Operations{"Head", "Get"});
  }
  SECTION("and one of what has gone finds that") {
    node.mount();
    node.know("f");
    const InodeId inode = node.world->inode("f");
    bucket.erase("f");
    CHECK(node.open(inode).code() == Code::changed);
    CHECK(node.world->lookup(root_inode, "f").code() == Code::not_found);
  }
}

TEST_CASE("with close-to-open, an open that asks by a GET finds another version, or nothing") {
  MemoryStore bucket;
  bucket.turn_clock(-old);
  bucket.set("f", "bytes");
  CachingNode node(bucket);
  node.mount();
  node.know("f");
  const InodeId inode = node.world->inode("f");
  bucket.set("f", "longer bytes");
  CHECK(node.requests([&] { CHECK(node.open(inode).code() == Code::changed); }) ==
        Operations{"Get", "Head"});
  CHECK(node.requests([&] { CHECK(node.cat("f") == "longer bytes"); }) == Operations{"Get"});
  node.mount();
  node.know("f");
  const InodeId present = node.world->inode("f");
  bucket.erase("f");
  CHECK(node.open(present).code() == Code::changed);
  CHECK(node.world->lookup(root_inode, "f").code() == Code::not_found);
}

TEST_CASE("within its time, an open of what is cached asks for nothing") {
  MemoryStore bucket;
  bucket.turn_clock(-old);
  bucket.set("f", "bytes");
  CachingNode node(bucket, Freshness::adaptive);
  node.mount();
  CHECK(node.cat("f") == "bytes");
  node.mount();
  node.know("f");
  CHECK(node.requests([&] { CHECK(node.cat("f") == "bytes"); }).empty());
}

}  // namespace
}  // namespace penstock::test
