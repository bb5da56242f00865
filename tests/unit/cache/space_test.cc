// SPDX-License-Identifier: Apache-2.0
// How much is kept, and what goes first.
#include <fcntl.h>

#include "support/faulty_disk.h"
#include "unit/cache/cache_fixture.h"

namespace penstock {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

constexpr uint64_t file_size = 4 * chunk;
// A pair of such files: their data and one block of the map.
constexpr uint64_t pair_size = file_size + 4096;

/// Puts a file whose last use was so many minutes ago.
void put_used(const TestCache& cache, const std::string& dir, const std::string& key,
              int minutes_ago) {
  const auto before = files_ending(dir, ".map");
  cache.put(key, object_bytes(file_size));
  for (const fs::path& path : files_ending(dir, ".map")) {
    if (std::ranges::find(before, path) != before.end()) continue;
    fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::minutes(minutes_ago));
  }
}

bool has(const TestCache& cache, const std::string& key) {
  bool found = false;
  cache.cache->walk([&](const CachedEntry& entry) {
    found = found || (entry.id.key == key && entry.complete);
    return true;
  });
  return found;
}

TEST_CASE("what was not used for longest goes first", "[cache][one-thread]") {
  const TempDir dir;
  const TestCache cache({.directory = dir.path(), .size_limit = {.bytes = 30 * pair_size + 100}});
  for (int i = 0; i < 30; ++i) put_used(cache, dir.path(), std::to_string(i), 100 - i);
  // Opening is a use.
  REQUIRE(cache.open("0", file_size) != nullptr);
  CHECK(cache.cache->stats().evicted == 0);
  const auto file = cache.put("new", object_bytes(file_size));
  // The new map is one too much, and 95 % of the limit leave room for 28.
  CHECK_FALSE(has(cache, "1"));
  CHECK_FALSE(has(cache, "2"));
  for (int i = 3; i < 30; ++i) CHECK(has(cache, std::to_string(i)));
  for (const char* key : {"0", "new"}) CHECK(has(cache, key));
  CHECK(cache.cache->stats().evicted == 2);
  CHECK(cache.cache->stats().bytes == occupied(dir.path()));
  CHECK(cache.cache->stats().bytes <= 30 * pair_size);
}

TEST_CASE("a use is noted once a minute", "[cache]") {
  const TempDir dir;
  const TestCache cache({.directory = dir.path()});
  cache.put("key", object_bytes(file_size)).reset();
  const fs::path map = only_file(dir.path(), ".map");
  const auto set = [&](std::chrono::seconds ago) {
    fs::last_write_time(map, fs::file_time_type::clock::now() - ago);
    return fs::last_write_time(map);
  };
  auto before = set(std::chrono::seconds(30));
  cache.open("key", file_size).reset();
  CHECK(fs::last_write_time(map) == before);
  before = set(std::chrono::seconds(90));
  cache.open("key", file_size).reset();
  CHECK(fs::last_write_time(map) > before);
  before = set(-std::chrono::hours(1));
  cache.open("key", file_size).reset();
  CHECK(fs::last_write_time(map) < before);
}

TEST_CASE("where everything is in use new data are refused", "[cache]") {
  const TempDir dir;
  const TestCache cache({.directory = dir.path(), .size_limit = {.bytes = 2 * pair_size + 4096}});
  auto one = cache.put("one", object_bytes(file_size));
  const auto two = cache.put("two", object_bytes(file_size));
  const auto three = cache.open("three", file_size);
  REQUIRE(three != nullptr);
  const Bytes object = object_bytes(file_size);
  cache.fill(*three, object);
  CHECK(three->missing_from(0, file_size) == 0);
  CHECK(cache.cache->stats().refused == file_size);
  CHECK(cache.open("four", file_size) == nullptr);
  CHECK(cache.open("one", file_size) == one);
  CHECK(read_bytes(*one, 0, file_size) == object);

  one.reset();
  cache.scheduler->advance(std::chrono::seconds(1));
  cache.fill(*three, object);
  CHECK(three->complete());
  CHECK(cache.open("four", file_size) != nullptr);
}

TEST_CASE("an object over the limit does not empty the cache", "[cache]") {
  const TempDir dir;
  const TestCache cache({.directory = dir.path(), .size_limit = {.bytes = 3 * pair_size}});
  cache.put("one", object_bytes(file_size)).reset();
  const Bytes object = object_bytes(4 * pair_size);
  const auto file = cache.open("large", object.size());
  REQUIRE(file != nullptr);
  cache.fill(*file, object);
  CHECK_FALSE(file->complete());
  CHECK(has(cache, "one"));
}

TEST_CASE("the floor of free space is kept", "[cache]") {
  const TempDir dir;
  const auto disk = std::make_shared<FaultyDisk>();
  constexpr uint64_t total = 100ULL << 20;
  constexpr uint64_t others = 99ULL << 20;
  disk->pretend_space([&]() -> Disk::Space {
    const bool made = fs::exists(dir.path() + "/v1/objects");
    return {.total = total, .available = total - others - (made ? occupied(dir.path()) : 0)};
  });
  const TestCache cache(
      {.directory = dir.path(), .min_free = {.bytes = (1ULL << 20) - 5 * pair_size - 4096}},
      "s3://bucket", disk);
  for (int i = 0; i < 20; ++i) {
    put_used(cache, dir.path(), std::to_string(i), 100 - i);
    CHECK(occupied(dir.path()) <= 5 * pair_size + 4096);
  }
  CHECK(has(cache, "19"));
  CHECK_FALSE(has(cache, "0"));
}

TEST_CASE("that the disk has less free than shall stay so is said once, with figures", "[cache]") {
  const TempDir dir;
  const auto disk = std::make_shared<FaultyDisk>();
  disk->pretend_space(
      []() -> Disk::Space { return {.total = 1ULL << 30, .available = 40ULL << 20}; });
  const TestCache cache({.directory = dir.path(), .min_free = {.bytes = 50ULL << 20}},
                        "s3://bucket", disk);
  for (int i = 0; i < 5; ++i) {
    const std::string key = std::to_string(i);
    // Soon after a failed attempt to make room no file is begun.
    const auto file = cache.open(key, file_size);
    if (file != nullptr) cache.fill(*file, object_bytes(file_size));
    CHECK_FALSE(has(cache, key));
    cache.scheduler->advance(std::chrono::seconds(10));
  }
  const std::vector<std::string> lines = cache.log->lines();
  REQUIRE(lines.size() == 1);
  CHECK(lines[0] == "the cache in " + dir.path() +
                        " keeps nothing new: 40 MiB of its disk are free, and 50 MiB of it shall "
                        "stay so (--cache-min-free); the cache itself has 0 MiB. Make room on the "
                        "disk, or mount with a lower --cache-min-free");
  CacheShare share;
  cache.cache->add_room(share);
  CHECK(share.room() == 0);
  CHECK(share.free == 40ULL << 20);
  CHECK(share.min_free == 50ULL << 20);
}

TEST_CASE("what others take of the disk is noticed while much is written", "[cache]") {
  const TempDir dir(TempDir::fast_parent());
  const auto disk = std::make_shared<FaultyDisk>();
  uint64_t available = 1ULL << 40;
  disk->pretend_space(
      [&]() -> Disk::Space { return {.total = 1ULL << 40, .available = available}; });
  const TestCache cache({.directory = dir.path()}, "s3://bucket", disk);
  const Bytes object = object_bytes(1 << 20);
  const auto fill = [&](int i) {
    const auto file = cache.open(std::to_string(i), object.size());
    if (file == nullptr) return false;
    cache.fill(*file, object);
    return file->complete();
  };
  REQUIRE(fill(0));
  available = 0;
  // No time passes meanwhile: what was written is all that tells when to look again.
  int kept = 0;
  for (int i = 1; i < 80; ++i) kept += fill(i) ? 1 : 0;
  CHECK(kept >= 60);
  CHECK(kept <= 64);
}

TEST_CASE("limits follow from the disk", "[cache]") {
  const TempDir dir;
  const auto disk = std::make_shared<FaultyDisk>();
  uint64_t available = 1ULL << 40;
  disk->pretend_space(
      [&]() -> Disk::Space { return {.total = 1ULL << 40, .available = available}; });
  const auto scheduler = std::make_shared<ManualScheduler>();
  auto cache = DiskCache::open({.directory = dir.path()}, "s3://bucket", Log::none(),
                               {.disk = disk, .scheduler = scheduler});
  CHECK(cache->stats().size_limit == (1ULL << 40) / 5);
  const Bytes object = object_bytes(chunk);
  const auto fill = [&](const std::string& key) {
    scheduler->advance(std::chrono::seconds(1));
    const auto file = cache->open(version(key, chunk), nullptr);
    if (file == nullptr) return false;
    file->offer(0, object, nullptr);
    scheduler->run();
    return file->complete();
  };
  CHECK(fill("one"));
  const uint64_t floor = CacheOptions{}.min_free.of(1ULL << 40);
  available = floor + chunk - 1;
  CHECK_FALSE(fill("two"));
  available = floor + chunk;
  CHECK(fill("three"));
  cache.reset();
  scheduler->stop();
}

TEST_CASE("many files: evictions go by samples", "[cache][one-thread]") {
  const TempDir dir;
  const TestCache cache({.directory = dir.path(), .size_limit = {.bytes = 500 * 8192 + 100}},
                        "s3://bucket", std::make_shared<FaultyDisk>());
  for (int i = 0; i < 600; ++i) cache.put(std::to_string(i), object_bytes(100));
  const CacheStats stats = cache.cache->stats();
  CHECK(stats.evicted >= 100);
  CHECK(stats.files == 600 - stats.evicted);
  CHECK(stats.files >= 400);
  CHECK(stats.bytes == occupied(dir.path()));
  CHECK(files_ending(dir.path(), ".data").size() == stats.files);
  CHECK(files_ending(dir.path(), ".map").size() == stats.files);
}

TEST_CASE("empty objects take room too", "[cache]") {
  const TempDir dir;
  const TestCache cache({.directory = dir.path(), .size_limit = {.bytes = 50 * 4096}},
                        "s3://bucket", std::make_shared<FaultyDisk>());
  for (int i = 0; i < 200; ++i) {
    REQUIRE(cache.open(std::to_string(i), 0) != nullptr);
    cache.scheduler->run();
    CHECK(cache.cache->stats().bytes <= 50 * 4096);
  }
  CHECK(cache.cache->stats().files >= 40);
  CHECK(cache.cache->stats().bytes == occupied(dir.path()));
}

TEST_CASE("eviction by size and by prefix", "[cache]") {
  const TempDir dir;
  const TestCache cache({.directory = dir.path()});
  const TestCache other({.directory = dir.path()}, "s3://other");
  for (int i = 0; i < 6; ++i)
    put_used(cache, dir.path(), (i < 3 ? "a/" : "b/") + std::to_string(i), 100 - i);
  put_used(other, dir.path(), "a/x", 1);
  const auto by_prefix = cache.cache->evict_prefix("a/");
  CHECK(by_prefix.files == 3);
  CHECK(by_prefix.bytes == 3 * pair_size);
  CHECK(by_prefix.in_use == 0);
  CHECK(has(other, "a/x"));
  other.scheduler->advance(std::chrono::seconds(1));
  cache.scheduler->advance(std::chrono::seconds(1));
  const auto by_size = cache.cache->evict_to(2 * pair_size);
  CHECK(by_size.files == 2);
  CHECK(has(cache, "b/5"));
  CHECK(has(cache, "a/x"));
  CHECK(cache.cache->evict_to(0).files == 2);
  CHECK(occupied(dir.path()) == 0);
  CHECK(cache.cache->stats().bytes == 0);
}

TEST_CASE("who writes while another thread makes room is refused, and does not wait", "[cache]") {
  const TempDir dir;
  const auto disk = std::make_shared<FaultyDisk>();
  CacheDirectory directory(disk, dir.path());
  const auto scheduler = std::make_shared<ManualScheduler>();
  REQUIRE(directory.prepare() == 0);
  CacheSpace* inside = nullptr;
  bool admitted = true;
  CacheSpace space(
      disk, directory,
      {.directory = dir.path(), .size_limit = {.bytes = 100}, .min_free = {.bytes = 1}}, scheduler,
      Log::none(), [&](uint64_t, int64_t) {
        admitted = inside->admit(50);
        return inside->changed(-100, -1) ? 100 : 0;
      });
  inside = &space;
  REQUIRE(space.learn_limits() == 0);
  REQUIRE(space.changed(100, 1));
  CHECK(space.admit(50));
  CHECK_FALSE(admitted);
}

}  // namespace
}  // namespace penstock
