// SPDX-License-Identifier: Apache-2.0
// A healthy disk: what is kept, what is found again.
#include "cache/disk_cache.h"

#include "unit/cache/cache_fixture.h"

namespace penstock {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace): fixtures of this folder

TEST_CASE("what was offered is there, whole chunks of it", "[cache]") {
  const TempDir dir;
  const TestCache cache({.directory = dir.path()});
  const Bytes object = object_bytes(10 * chunk + 100);
  const auto file = cache.open("a/b", object.size());
  REQUIRE(file != nullptr);
  CHECK_FALSE(file->complete());
  CHECK(file->missing_from(0, object.size()) == 0);
  CHECK(file->missing_from(5000, object.size()) == 5000);
  CHECK(file->backing() == nullptr);

  cache.fill(*file, object, chunk / 2, 3 * chunk + 10);
  CHECK(file->missing_from(0, object.size()) == 0);
  CHECK(file->missing_from(chunk, object.size()) == 3 * chunk);
  CHECK(file->missing_from(chunk + 7, 2 * chunk) == 2 * chunk);
  CHECK(read_bytes(*file, chunk, 2 * chunk) == part(object, chunk, 2 * chunk));
  CHECK(read_bytes(*file, chunk + 100, chunk) == part(object, chunk + 100, chunk));
  CHECK(read_bytes(*file, 2 * chunk + 1, 5) == part(object, 2 * chunk + 1, 5));
  CHECK(read_failure(*file, 0, 10) == Code::unavailable);

  cache.fill(*file, object, 9 * chunk, object.size());
  CHECK(file->missing_from(9 * chunk, object.size()) == object.size());
  CHECK(read_bytes(*file, 10 * chunk, 100) == part(object, 10 * chunk, 100));
  CHECK(read_bytes(*file, 9 * chunk + 5, chunk + 95) == part(object, 9 * chunk + 5, chunk + 95));

  cache.fill(*file, object);
  CHECK(file->complete());
  CHECK(file->missing_from(0, object.size()) == object.size());
  CHECK(read_bytes(*file, 0, object.size()) == object);
  CHECK(read_bytes(*file, 3, object.size() - 6) == part(object, 3, object.size() - 6));
}

TEST_CASE("parts of a large object do not stay in memory, and are there", "[cache]") {
  // A disk, and a file system in memory, which cannot do without.
  for (const fs::path& parent : {fs::temp_directory_path(), TempDir::fast_parent()}) {
    const TempDir dir(parent);
    const TestCache cache({.directory = dir.path()});
    const Bytes bytes = object_bytes(4 * chunk);
    const uint64_t at = 70ULL << 20;
    const auto file = cache.open("large", at + bytes.size());
    REQUIRE(file != nullptr);
    file->offer(at, bytes, nullptr);
    cache.scheduler->run();
    CHECK(file->missing_from(at, at + bytes.size()) == at + bytes.size());
    CHECK(read_bytes(*file, at, bytes.size()) == bytes);
  }
}

TEST_CASE("sizes around a chunk", "[cache]") {
  const TempDir dir;
  const TestCache cache({.directory = dir.path()});
  const uint64_t size = GENERATE(1, chunk - 1, chunk, chunk + 1, 2 * chunk - 1, 2 * chunk);
  const Bytes object = object_bytes(size);
  const auto file = cache.put("key", object);
  CHECK(read_bytes(*file, 0, size) == object);
  CHECK(read_bytes(*file, size - 1, 1) == part(object, size - 1, 1));
  CHECK(file->missing_from(0, size) == size);
  CHECK(file->missing_from(size, size + 10) == size + 10);
  CHECK(read_failure(*file, size, 1) == Code::invalid_argument);
  CHECK(file->read(0, {}).has_value());
  CHECK(fs::file_size(only_file(dir.path(), ".data")) == size);
}

TEST_CASE("an empty object is complete at once", "[cache]") {
  const TempDir dir;
  const TestCache cache({.directory = dir.path()});
  const auto file = cache.open("empty", 0);
  REQUIRE(file != nullptr);
  CHECK(file->complete());
  CHECK(file->missing_from(0, 0) == 0);
  file->offer(0, {}, nullptr);
  CHECK(file->backing() == nullptr);
  cache.scheduler->run();
  CHECK(file->backing() != nullptr);
}

TEST_CASE("objects over 16 GiB have larger chunks", "[cache]") {
  constexpr uint64_t limit = 16ULL << 30;
  CHECK(ChunkLayout(limit).chunk_size() == chunk);
  CHECK(ChunkLayout(limit).count() == ChunkLayout::most_small_chunks);
  CHECK(ChunkLayout(limit + 1).chunk_size() == 2 * chunk);
  CHECK(ChunkLayout(1ULL << 40).chunk_size() == ChunkLayout::largest_chunk);
  CHECK(ChunkLayout(50ULL << 40).chunk_size() == ChunkLayout::largest_chunk);

  const TempDir dir;
  const TestCache cache({.directory = dir.path()});
  const auto file = cache.open("huge", limit + 1);
  REQUIRE(file != nullptr);
  const Bytes bytes = object_bytes(4 * chunk);
  file->offer(limit - 2 * chunk, bytes, nullptr);
  cache.scheduler->run();
  CHECK(file->missing_from(limit - 2 * chunk, limit + 1) == limit + 1);
  CHECK(read_bytes(*file, limit, 1) == part(bytes, 2 * chunk, 1));
  CHECK(file->missing_from(0, limit) == 0);
  CHECK(cache.cache->stats().bytes < 1ULL << 20);
}

TEST_CASE("the same version is one file, others are others", "[cache]") {
  const TempDir dir;
  const TestCache cache({.directory = dir.path()});
  const TestCache other({.directory = dir.path()}, "s3://other");
  const Bytes object = object_bytes(chunk);
  const auto file = cache.put("key", object);
  CHECK(cache.open("key", chunk) == file);
  CHECK_FALSE(cache.open("key2", chunk)->complete());
  CHECK_FALSE(cache.open("key", chunk + 1)->complete());
  CHECK_FALSE(cache.cache->open({.key = "key", .etag = "new", .size = chunk}, nullptr)->complete());
  CHECK_FALSE(other.open("key", chunk)->complete());
}

TEST_CASE("files are found again, whatever the key", "[cache]") {
  const TempDir dir;
  const std::string key = GENERATE("a", "../../etc/passwd", "line\nend", "\xff\xfe", "a//b/",
                                   std::string("nul\0here", 8), std::string(1024, 'k'));
  const Bytes object = object_bytes(3 * chunk + 5);
  {
    const TestCache cache({.directory = dir.path()});
    const auto file = cache.open(key, object.size());
    REQUIRE(file != nullptr);
    cache.fill(*file, object, 0, 2 * chunk);
  }
  const TestCache cache({.directory = dir.path()});
  const auto file = cache.open(key, object.size());
  REQUIRE(file != nullptr);
  CHECK(file->missing_from(0, object.size()) == 2 * chunk);
  CHECK(read_bytes(*file, 0, 2 * chunk) == part(object, 0, 2 * chunk));
  std::vector<CachedEntry> entries;
  cache.cache->walk([&](const CachedEntry& entry) {
    entries.push_back(entry);
    return true;
  });
  REQUIRE(entries.size() == 1);
  CHECK(entries[0].id.key == key);
  CHECK(entries[0].id.store == "s3://bucket");
  CHECK(entries[0].id.etag == "etag-of-" + key);
  CHECK(entries[0].present_bytes == 2 * chunk);
  CHECK_FALSE(entries[0].complete);
}

TEST_CASE("what is known of an object is kept", "[cache]") {
  const TempDir dir;
  const ObjectInfo info{.last_modified_ns = -5, .metadata = Metadata{{"mode", "33188"}, {"", ""}}};
  {
    const TestCache cache({.directory = dir.path()});
    REQUIRE(cache.cache->open(version("key", 5), &info) != nullptr);
  }
  const TestCache cache({.directory = dir.path()});
  const auto file = cache.open("key", 5);
  REQUIRE(file != nullptr);
  CHECK(file->header().last_modified_ns == -5);
  CHECK(file->header().metadata == info.metadata);
  CHECK(cache.open("other", 5)->header().metadata == std::nullopt);
}

TEST_CASE("a complete file is sealed, then backs reads of the kernel", "[cache]") {
  const TempDir dir;
  const Bytes object = object_bytes(5 * chunk + 1);
  {
    const TestCache cache({.directory = dir.path()});
    const auto file = cache.put("key", object);
    const auto backing = file->backing();
    REQUIRE(backing != nullptr);
    Bytes seen(object.size() + 1);
    CHECK(pread(backing->fd(), seen.data(), seen.size(), 0) == static_cast<ssize_t>(object.size()));
    seen.pop_back();
    CHECK(seen == object);
  }
  const TestCache cache({.directory = dir.path()});
  CHECK(cache.open("key", object.size())->backing() != nullptr);
}

TEST_CASE("the bytes offered live until they are written", "[cache]") {
  const TempDir dir;
  const TestCache cache({.directory = dir.path()});
  const auto file = cache.open("key", chunk);
  auto owner = std::make_shared<Bytes>(object_bytes(chunk));
  file->offer(0, *owner, owner);
  file->offer(0, *owner, owner);
  CHECK(owner.use_count() == 2);
  cache.scheduler->run();
  CHECK(owner.use_count() == 1);
  CHECK(file->complete());
  CHECK(cache.cache->stats().stored == chunk);
}

TEST_CASE("no more than 64 MiB wait to be written", "[cache][one-thread]") {
  const TempDir dir;
  const TestCache cache({.directory = dir.path()});
  const Bytes object = object_bytes(CacheOptions{}.queue_limit + (4ULL << 20));
  const auto file = cache.open("key", object.size());
  file->offer(0, object, nullptr);
  CHECK(cache.cache->stats().refused == 4ULL << 20);
  cache.scheduler->run();
  CHECK(file->missing_from(0, object.size()) == CacheOptions{}.queue_limit);
  cache.fill(*file, object);
  CHECK(file->complete());
}

TEST_CASE("without a directory there is no cache", "[cache]") {
  const auto cache = DiskCache::open(CacheOptions{}, "s3://bucket", Log::none());
  CHECK(cache->open(version("key", 1), nullptr) == nullptr);
  CHECK(cache->stats().bytes == 0);
  cache->drain();
}

TEST_CASE("with its own threads a cache writes by itself", "[cache]") {
  const TempDir dir;
  const Bytes object = object_bytes(50 * chunk);
  const size_t before = open_descriptors();
  {
    const auto cache =
        DiskCache::open({.directory = dir.path() + "/made/by/it", .size_limit = {.bytes = 1 << 30}},
                        "s3://bucket", Log::none());
    const auto file = cache->open(version("key", object.size()), nullptr);
    REQUIRE(file != nullptr);
    file->offer(0, object, nullptr);
    cache->drain();
    CHECK(read_bytes(*file, 0, object.size()) == object);
    CHECK(file->backing() != nullptr);
    CHECK(cache->stats().hits == 1);
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("a file outlives its cache", "[cache]") {
  const TempDir dir;
  const Bytes object = object_bytes(2 * chunk);
  auto cache = DiskCache::open({.directory = dir.path()}, "s3://bucket", Log::none());
  const auto file = cache->open(version("key", object.size()), nullptr);
  REQUIRE(file != nullptr);
  file->offer(0, std::span(object).first(chunk), nullptr);
  cache->drain();
  cache.reset();
  file->offer(chunk, std::span(object).subspan(chunk), nullptr);
  CHECK(file->missing_from(0, 2 * chunk) == chunk);
  CHECK(read_bytes(*file, 0, chunk) == part(object, 0, chunk));
}

}  // namespace
}  // namespace penstock
