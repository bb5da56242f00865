// SPDX-License-Identifier: Apache-2.0
// Many threads that read, fill and evict at once, in two caches on one directory.
#include <atomic>
#include <thread>

#include "unit/cache/cache_fixture.h"

namespace penstock {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

constexpr uint32_t objects = 24;
constexpr int rounds = 60;

struct Target {
  std::string key;
  Bytes bytes;
};

std::vector<Target> make_targets() {
  std::vector<Target> targets;
  for (uint32_t i = 0; i < objects; ++i)
    targets.push_back({std::to_string(i), object_bytes(chunk * (1 + i % 5) + i * 13, i)});
  return targets;
}

/// Reads or fills random ranges of random objects; counts wrong bytes.
void use_cache(DiskCache& cache, const std::vector<Target>& targets, uint32_t seed,
               std::atomic<int>& wrong) {
  std::minstd_rand random(seed);
  for (int i = 0; i < rounds; ++i) {
    const Target& target = targets[random() % targets.size()];
    const uint64_t size = target.bytes.size();
    const auto file = cache.open(version(target.key, size), nullptr);
    if (file == nullptr) continue;
    const uint64_t from = random() % size;
    const uint64_t to = from + 1 + random() % (size - from);
    if (file->missing_from(from, to) == to) {
      Bytes out(to - from);
      const Result<void> result = file->read(from, out);
      if (result ? out != part(target.bytes, from, to - from) : result.code() == Code::corrupt)
        ++wrong;
    } else {
      file->offer(0, target.bytes, nullptr);
    }
    if (const auto backing = file->backing(); backing != nullptr) {
      Bytes seen(size);
      const ssize_t count = pread(backing->fd(), seen.data(), size, 0);
      if (count != static_cast<ssize_t>(size) || seen != target.bytes) ++wrong;
    }
  }
}

TEST_CASE("readers, fillers and an evictor at once", "[cache]") {
  const TempDir dir;
  const auto targets = make_targets();
  const size_t descriptors = open_descriptors();
  std::atomic<int> wrong = 0;
  // Room for about a third of the objects.
  const CacheOptions options{
      .directory = dir.path(), .size_limit = {.bytes = objects * chunk}, .min_free = {.bytes = 1}};
  {
    const auto one = DiskCache::open(options, "s3://bucket", Log::none());
    const auto two = DiskCache::open(options, "s3://bucket", Log::none());
    {
      std::vector<std::jthread> threads;
      for (uint32_t i = 0; i < 6; ++i)
        threads.emplace_back([&, i] { use_cache(i % 2 == 0 ? *one : *two, targets, i, wrong); });
      threads.emplace_back([&] {
        for (int i = 0; i < 5; ++i) {
          one->evict_to(4 * chunk);
          two->evict_prefix("1");
          two->verify([](const auto&) { return true; });
        }
      });
    }
    one->drain();
    two->drain();
    CHECK(wrong == 0);
    CHECK(one->stats().corrupt == 0);
    CHECK(two->stats().corrupt == 0);
  }
  CHECK(open_descriptors() == descriptors);
  const auto after = DiskCache::open(options, "s3://bucket", Log::none());
  // A cache that is alone counts anew, in the background.
  const auto counted = [&] {
    const CacheStats stats = after->stats();
    return stats.bytes == occupied(dir.path()) &&
           stats.files == files_ending(dir.path(), ".map").size() &&
           stats.files == files_ending(dir.path(), ".data").size();
  };
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!counted() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  CHECK(counted());
  const auto report = after->verify([](const auto&) { return true; });
  CHECK(report.damaged_chunks == 0);
  CHECK(report.broken_files == 0);
}

}  // namespace
}  // namespace penstock
