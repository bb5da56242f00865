// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "cache/disk_cache.h"
#include "support/captured_log.h"
#include "support/catch.h"
#include "support/manual_scheduler.h"
#include "support/temp_dir.h"

namespace penstock::test {

namespace fs = std::filesystem;

constexpr uint64_t chunk = ChunkLayout::smallest_chunk;

using Bytes = std::vector<std::byte>;

/// The contents that a test's object has: different for each seed, the same each time.
inline Bytes object_bytes(uint64_t size, uint32_t seed = 1) {
  Bytes bytes(size);
  std::minstd_rand random(seed);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() >> 8);
  return bytes;
}

inline CachedVersion version(const std::string& key, uint64_t size) {
  return {.key = key, .etag = "etag-of-" + key, .size = size};
}

/// A cache whose background work runs when the test says so.
struct TestCache {
  explicit TestCache(CacheOptions options, const std::string& store = "s3://bucket",
                     std::shared_ptr<Disk> disk = Disk::system())
      : scheduler(std::make_shared<ManualScheduler>()), log(std::make_shared<CapturedLog>()) {
    if (options.size_limit == CacheOptions{}.size_limit) options.size_limit = {.bytes = 1ULL << 30};
    if (options.min_free == CacheOptions{}.min_free) options.min_free = {.bytes = 1};
    cache = DiskCache::open(options, store, log, {.disk = std::move(disk), .scheduler = scheduler});
  }
  ~TestCache() {
    cache.reset();
    scheduler->stop();
  }
  TestCache(const TestCache&) = delete;
  TestCache& operator=(const TestCache&) = delete;

  std::shared_ptr<CacheFile> open(const std::string& key, uint64_t size) const {
    return cache->open(version(key, size), nullptr);
  }
  /// Offers [from, to) of the object and lets it be written.
  void fill(CacheFile& file, const Bytes& object, uint64_t from, uint64_t to) const {
    file.offer(from, std::span(object).subspan(from, to - from), nullptr);
    scheduler->run();
  }
  void fill(CacheFile& file, const Bytes& object) const { fill(file, object, 0, object.size()); }
  /// Opens a file with these contents, fills it and lets it be sealed.
  std::shared_ptr<CacheFile> put(const std::string& key, const Bytes& object) const {
    auto file = open(key, object.size());
    REQUIRE(file != nullptr);
    fill(*file, object);
    REQUIRE(file->complete());
    scheduler->advance(std::chrono::seconds(5));
    return file;
  }

  std::shared_ptr<ManualScheduler> scheduler;
  std::shared_ptr<CapturedLog> log;
  std::unique_ptr<DiskCache> cache;
};

/// What a read gives; empty where it fails.
inline Bytes read_bytes(CacheFile& file, uint64_t offset, uint64_t length) {
  Bytes out(length);
  if (!file.read(offset, out)) out.clear();
  return out;
}

/// The code with which a read fails.
inline std::optional<Code> read_failure(CacheFile& file, uint64_t offset, uint64_t length) {
  Bytes out(length);
  const Result<void> result = file.read(offset, out);
  if (result) return std::nullopt;
  return result.code();
}

inline Bytes part(const Bytes& object, uint64_t offset, uint64_t length) {
  return {object.begin() + static_cast<ptrdiff_t>(offset),
          object.begin() + static_cast<ptrdiff_t>(offset + length)};
}

/// The files below the cache's objects whose names end like this.
inline std::vector<fs::path> files_ending(const std::string& directory, const std::string& ending) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::recursive_directory_iterator(directory + "/v1/objects"))
    if (entry.is_regular_file() && entry.path().string().ends_with(ending))
      found.push_back(entry.path());
  return found;
}
inline fs::path only_file(const std::string& directory, const std::string& ending) {
  const auto found = files_ending(directory, ending);
  REQUIRE(found.size() == 1);
  return found.front();
}

/// Bytes that the cache's files occupy, as the file system says.
inline uint64_t occupied(const std::string& directory) {
  uint64_t total = 0;
  for (const std::string ending : {".data", ".map"}) {
    for (const fs::path& path : files_ending(directory, ending)) {
      struct stat status {};
      REQUIRE(stat(path.c_str(), &status) == 0);
      total += static_cast<uint64_t>(status.st_blocks) * 512;
    }
  }
  return total;
}

/// Changes one byte of a file.
inline void flip(const fs::path& path, uint64_t offset) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(offset));
  const int byte = file.get();
  REQUIRE(byte >= 0);
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(static_cast<char>(byte ^ 0x40));
  REQUIRE(file.good());
}

inline size_t open_descriptors() {
  size_t count = 0;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) count += entry.exists() ? 1 : 1;
  return count;
}

}  // namespace penstock::test
