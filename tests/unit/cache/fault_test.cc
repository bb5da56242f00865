// SPDX-License-Identifier: Apache-2.0
// Disks that fail: bytes are right or absent, and the cache comes back.
#include <array>
#include <cerrno>
#include <functional>

#include "support/faulty_disk.h"
#include "unit/cache/cache_fixture.h"

namespace penstock {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

constexpr std::array errors{ENOSPC, EIO, EROFS, EACCES, ENOENT, EMFILE, EDQUOT};
constexpr uint64_t object_size = 3 * chunk + 100;

/// What is there is right.
void check_bytes(CacheFile& file, const Bytes& object) {
  for (uint64_t at = 0; at < object.size(); at += chunk) {
    const uint64_t length = std::min(chunk, object.size() - at);
    if (file.missing_from(at, at + length) != at + length) continue;
    Bytes out(length);
    const Result<void> result = file.read(at, out);
    if (result) {
      CHECK(out == part(object, at, length));
    } else {
      CHECK((result.code() == Code::unavailable || result.code() == Code::corrupt));
    }
  }
  const auto backing = file.backing();
  if (backing == nullptr) return;
  Bytes seen(object.size());
  CHECK(pread(backing->fd(), seen.data(), seen.size(), 0) == static_cast<ssize_t>(seen.size()));
  CHECK(seen == object);
}

/// Opens, reads and fills more than fits.
void use_files(const TestCache& cache) {
  for (const char* key : {"one", "two", "one", "three", "four"}) {
    const Bytes object = object_bytes(object_size, static_cast<uint32_t>(key[0]));
    const auto file = cache.open(key, object_size);
    if (file == nullptr) continue;
    check_bytes(*file, object);
    cache.fill(*file, object, 0, 2 * chunk);
    check_bytes(*file, object);
    cache.fill(*file, object);
    check_bytes(*file, object);
  }
}

/// What the process after a faulty one finds on a healthy disk.
void use_leftovers(const std::string& dir) {
  const TestCache cache({.directory = dir});
  use_files(cache);
  CHECK(cache.put("new", object_bytes(object_size)) != nullptr);
}

/// Everything that a cache does, once.
void use_everything(const std::shared_ptr<FaultyDisk>& disk, const std::string& dir) {
  const TestCache cache({.directory = dir, .size_limit = {.bytes = 4 * object_size}}, "s3://bucket",
                        disk);
  cache.scheduler->run();
  use_files(cache);
  cache.scheduler->advance(std::chrono::seconds(1));
  cache.cache->walk([](const CachedEntry&) { return true; });
  cache.cache->verify([](const auto&) { return true; });
  cache.cache->evict_prefix("t");
  cache.cache->evict_to(0);
}

/// Decides by the number of the call, of which there are few enough to try each: of the many
/// listings of folders one in 64 counts.
FaultyDisk::Decide by_number(std::function<int(uint64_t)> decide) {
  return [decide = std::move(decide), lists = 0, number = uint64_t{0}](DiskCall call,
                                                                       uint64_t) mutable {
    if (call == DiskCall::list && lists++ % 64 != 0) return 0;
    return decide(++number);
  };
}

uint64_t calls_of_scenario() {
  const TempDir dir(TempDir::fast_parent());
  const auto disk = std::make_shared<FaultyDisk>();
  uint64_t calls = 0;
  disk->decide(by_number([&](uint64_t number) {
    calls = number;
    return 0;
  }));
  use_everything(disk, dir.path());
  return calls;
}

TEST_CASE("any one call fails", "[cache][one-thread]") {
  const uint64_t calls = calls_of_scenario();
  REQUIRE(calls > 100);
  // Each call fails once, and the errors take turns, in another order from call to call.
  for (uint64_t k = 1; k <= calls; ++k) {
    const int error = errors[(k + k / errors.size()) % errors.size()];
    const TempDir dir(TempDir::fast_parent());
    const auto disk = std::make_shared<FaultyDisk>();
    disk->decide(by_number([&](uint64_t number) { return number == k ? -error : 0; }));
    INFO("call " << k << " fails with errno " << error);
    use_everything(disk, dir.path());
    if (k % 3 == 0) use_leftovers(dir.path());
  }
}

TEST_CASE("every k-th call fails", "[cache]") {
  const int error = GENERATE(from_range(errors));
  for (uint64_t k = 1; k <= 30; ++k) {
    const TempDir dir(TempDir::fast_parent());
    const auto disk = std::make_shared<FaultyDisk>();
    disk->decide(by_number([&](uint64_t number) { return number % k == 0 ? -error : 0; }));
    INFO("every " << k << "th call fails with errno " << error);
    use_everything(disk, dir.path());
    use_leftovers(dir.path());
  }
}

TEST_CASE("a disk that fails from some call on", "[cache]") {
  const uint64_t calls = calls_of_scenario();
  const int error = GENERATE(from_range(errors));
  for (uint64_t k = 1; k <= calls; k += 29) {
    const TempDir dir(TempDir::fast_parent());
    const auto disk = std::make_shared<FaultyDisk>();
    disk->decide(by_number([&](uint64_t number) { return number >= k ? -error : 0; }));
    INFO("from call " << k << " on errno " << error);
    use_everything(disk, dir.path());
  }
}

TEST_CASE("a fault is said once, and the disk tried again after a minute", "[cache]") {
  const TempDir dir;
  const auto disk = std::make_shared<FaultyDisk>();
  const TestCache cache({.directory = dir.path()}, "s3://bucket", disk);
  const Bytes object = object_bytes(object_size);
  const auto file = cache.put("key", object);
  disk->decide([](DiskCall call, uint64_t) { return call == DiskCall::pread ? -EIO : 0; });
  CHECK(read_failure(*file, chunk, 10) == Code::unavailable);
  const uint64_t calls = disk->calls();
  CHECK(read_failure(*file, 0, 10) == Code::unavailable);
  CHECK(file->missing_from(5, object_size) == 5);
  CHECK(file->backing() == nullptr);
  CHECK(cache.open("other", object_size) == nullptr);
  cache.fill(*file, object);
  CHECK(disk->calls() == calls);
  REQUIRE(cache.log->lines().size() == 1);
  CHECK(cache.log->lines()[0].find(dir.path()) != std::string::npos);
  CHECK(cache.log->lines()[0].find("the disk fails; see the kernel's log") != std::string::npos);

  cache.scheduler->advance(std::chrono::seconds(60));
  CHECK(read_failure(*file, chunk, 10) == Code::unavailable);
  CHECK(cache.log->lines().size() == 1);
  disk->decide(nullptr);
  CHECK(read_failure(*file, 0, 10) == Code::unavailable);
  cache.scheduler->advance(std::chrono::seconds(60));
  CHECK(read_bytes(*file, 0, 10) == part(object, 0, 10));
  cache.fill(*file, object);
  CHECK(read_bytes(*file, 0, object_size) == object);
}

TEST_CASE("a full disk stops writes, not reads", "[cache]") {
  const TempDir dir;
  const auto disk = std::make_shared<FaultyDisk>();
  const TestCache cache({.directory = dir.path()}, "s3://bucket", disk);
  const Bytes object = object_bytes(object_size);
  const auto file = cache.put("key", object);
  const auto other = cache.open("other", object_size);
  disk->decide([](DiskCall call, uint64_t) { return call == DiskCall::pwrite ? -ENOSPC : 0; });
  cache.fill(*other, object);
  CHECK(other->missing_from(0, object_size) == 0);
  CHECK(read_bytes(*file, 0, object_size) == object);
  CHECK(cache.open("key", object_size) == file);
  CHECK(cache.open("new", object_size) == nullptr);
  CHECK(cache.cache->stats().refused == 0);
  cache.fill(*other, object);
  CHECK(cache.cache->stats().refused == object_size);
  REQUIRE(cache.log->lines().size() == 1);
  CHECK(cache.log->lines()[0].find("the disk is full") != std::string::npos);
  disk->decide(nullptr);
  cache.scheduler->advance(std::chrono::seconds(60));
  cache.fill(*other, object);
  CHECK(other->complete());
}

TEST_CASE("a disk that is full before its floor says so costs a part of the cache", "[cache]") {
  const TempDir dir;
  bool full = true;  // the cache still closes files when it ends
  const auto disk = std::make_shared<FaultyDisk>();
  const TestCache cache({.directory = dir.path()}, "s3://bucket", disk);
  const Bytes object = object_bytes(object_size);
  cache.put("old", object).reset();
  const auto file = cache.open("new", object_size);
  disk->decide([&](DiskCall call, uint64_t) {
    if (call == DiskCall::unlink) full = false;
    return call == DiskCall::pwrite && full ? -EDQUOT : 0;
  });
  cache.fill(*file, object);
  CHECK_FALSE(file->complete());
  CHECK_FALSE(full);
  cache.fill(*file, object);
  CHECK(file->complete());
  CHECK(cache.cache->stats().evicted == 1);
}

TEST_CASE("a seal needs a disk that takes the data", "[cache]") {
  const TempDir dir;
  const auto disk = std::make_shared<FaultyDisk>();
  auto cache =
      std::make_unique<TestCache>(CacheOptions{.directory = dir.path()}, "s3://bucket", disk);
  const Bytes object = object_bytes(object_size);
  disk->decide([](DiskCall call, uint64_t) { return call == DiskCall::syncfs ? -EIO : 0; });
  auto file = cache->put("key", object);
  CHECK(file->backing() == nullptr);
  disk->decide(nullptr);
  cache->scheduler->advance(std::chrono::seconds(60));
  // What was in memory may be lost: everything is read again.
  CHECK(file->backing() == nullptr);
  cache->scheduler->run();
  CHECK(file->backing() != nullptr);
}

TEST_CASE("many files are sealed with one flush", "[cache]") {
  const TempDir dir;
  const auto disk = std::make_shared<FaultyDisk>();
  const Bytes object = object_bytes(object_size);
  const auto key = [](int i) { return std::to_string(i); };
  {
    const TestCache cache({.directory = dir.path()}, "s3://bucket", disk);
    int flushes = 0;
    disk->decide([&](DiskCall call, uint64_t) {
      flushes += call == DiskCall::syncfs ? 1 : 0;
      return 0;
    });
    for (int i = 0; i < 50; ++i) {
      const auto file = cache.open(key(i), object_size);
      cache.fill(*file, object);
      // Who has fetched it may use it at once.
      CHECK(file->backing() != nullptr);
    }
    CHECK(flushes == 0);
    cache.cache->evict_prefix("49");
    cache.scheduler->advance(std::chrono::seconds(5));
    CHECK(flushes == 1);
    CHECK(cache.log->lines().empty());
    cache.fill(*cache.open("late", object_size), object);
    disk->decide(nullptr);
  }
  const TestCache cache({.directory = dir.path()}, "s3://bucket", disk);
  for (int i = 0; i < 49; ++i) CHECK(cache.open(key(i), object_size)->backing() != nullptr);
  const auto late = cache.open("late", object_size);
  CHECK(late->complete());
  CHECK(late->backing() == nullptr);
  cache.scheduler->run();
  CHECK(late->backing() != nullptr);
}

TEST_CASE("a directory that vanishes", "[cache]") {
  const TempDir dir;
  const std::string directory = dir.path() + "/cache";
  const TestCache cache({.directory = directory});
  const Bytes object = object_bytes(object_size);
  auto file = cache.put("key", object);
  fs::remove_all(directory);
  CHECK(read_bytes(*file, 0, object_size) == object);
  CHECK(cache.open("new", object_size) == nullptr);
  CHECK_FALSE(fs::exists(directory));
  CHECK(cache.log->lines().size() == 1);
  cache.scheduler->advance(std::chrono::seconds(60));
  cache.scheduler->run();
  cache.put("new", object);
  file.reset();
  cache.put("key", object);
  CHECK(cache.log->lines().size() == 1);
  cache.scheduler->advance(std::chrono::seconds(1));
  CHECK(cache.cache->stats().bytes == occupied(directory));
}

TEST_CASE("a directory is not made anew on another file system", "[cache]") {
  const TempDir links;
  const TempDir before;
  const TempDir after(TempDir::fast_parent());
  struct stat one {};
  struct stat two {};
  REQUIRE(stat(before.path().c_str(), &one) == 0);
  REQUIRE(stat(after.path().c_str(), &two) == 0);
  if (one.st_dev == two.st_dev) return;  // a machine with a single file system
  const std::string root = links.path() + "/cache";
  fs::create_directory_symlink(before.path(), root);
  const TestCache cache({.directory = root});
  cache.put("key", object_bytes(chunk)).reset();
  // As if the cache's disk were no longer mounted.
  fs::remove(root);
  fs::create_directory_symlink(after.path(), root);
  for (int i = 0; i < 3; ++i) {
    CHECK(cache.open("other", chunk) == nullptr);
    cache.scheduler->advance(std::chrono::minutes(1));
  }
  CHECK(fs::is_empty(after.path()));
}

TEST_CASE("a directory that cannot be used", "[cache]") {
  const std::string directory =
      GENERATE(as<std::string>{}, "/dev/null", "/dev/null/below", "/proc/penstock");
  const TestCache cache({.directory = directory});
  CHECK(cache.log->lines().size() == 1);
  CHECK(cache.open("key", object_size) == nullptr);
  CHECK(cache.cache->stats().files == 0);
  CHECK(cache.log->lines().size() == 1);
}

TEST_CASE("a disk that waits holds up nobody who offers", "[cache]") {
  const TempDir dir;
  const auto disk = std::make_shared<FaultyDisk>();
  Mutex mutex;
  CondVar changed;
  bool stuck = false;
  bool go_on = false;
  disk->decide([&](DiskCall call, uint64_t) {
    if (call != DiskCall::pwrite) return 0;
    const MutexLock lock(mutex);
    stuck = true;
    changed.notify_all();
    while (!go_on) changed.wait(mutex);
    return 0;
  });
  const auto pool = std::make_shared<WorkerPool>("cache", 2);
  const auto let_go = [&] {
    const MutexLock lock(mutex);
    go_on = true;
    changed.notify_all();
  };
  {
    const MutexLock lock(mutex);
    go_on = true;
  }
  const auto cache = DiskCache::open(
      {.directory = dir.path(), .size_limit = {.bytes = 1ULL << 30}, .min_free = {.bytes = 1}},
      "s3://bucket", Log::none(), {.disk = disk, .scheduler = pool});
  const Bytes object = object_bytes(CacheOptions{}.queue_limit + 4 * chunk);
  const auto file = cache->open(version("key", object.size()), nullptr);
  REQUIRE(file != nullptr);
  cache->drain();
  {
    const MutexLock lock(mutex);
    go_on = false;
    stuck = false;
  }
  file->offer(0, object, nullptr);
  {
    const MutexLock lock(mutex);
    while (!stuck) changed.wait(mutex);
  }
  file->offer(0, object, nullptr);
  CHECK(cache->stats().refused >= 4 * chunk);
  CHECK(file->missing_from(0, object.size()) == 0);
  let_go();
  cache->drain();
  CHECK(file->missing_from(0, object.size()) >= CacheOptions{}.queue_limit);
  pool->stop();
}

TEST_CASE("the end of a process breaks off the check of a large file", "[cache]") {
  const TempDir dir;
  const Bytes object = object_bytes(5ULL << 20);
  {
    const TestCache before({.directory = dir.path()});
    before.put("key", object);
  }
  const fs::path map = only_file(dir.path(), ".map");
  flip(map, fs::file_size(map) - 1);  // no seal
  const auto disk = std::make_shared<FaultyDisk>();
  TestCache cache({.directory = dir.path()}, "s3://bucket", disk);
  const auto file = cache.open("key", object.size());
  CHECK(file->backing() == nullptr);
  int reads = 0;
  disk->decide([&](DiskCall call, uint64_t) {
    // Of each MiB the sums are read, then the bytes.
    if (call == DiskCall::pread && ++reads == 3) cache.cache.reset();
    return 0;
  });
  cache.scheduler->run();
  CHECK(reads >= 3);
  CHECK(reads < 8);
}

TEST_CASE("what was just filled, closed and opened again is trusted before it is sealed",
          "[cache]") {
  const TempDir dir;
  const auto disk = std::make_shared<FaultyDisk>();
  const TestCache cache({.directory = dir.path()}, "s3://bucket", disk);
  const Bytes object = object_bytes(object_size);
  {
    const auto file = cache.open("key", object_size);
    cache.fill(*file, object);
    CHECK(file->backing() != nullptr);
  }
  CHECK(cache.open("key", object_size)->backing() != nullptr);
  // But not where somebody has written to it.
  const fs::path data = only_file(dir.path(), ".data");
  flip(data, 5);
  fs::last_write_time(data, fs::last_write_time(data) + std::chrono::seconds(1));
  CHECK(cache.open("key", object_size)->backing() == nullptr);
}

TEST_CASE("what was not flushed is trusted by nobody who opens it again", "[cache]") {
  const TempDir dir;
  const auto disk = std::make_shared<FaultyDisk>();
  const TestCache cache({.directory = dir.path()}, "s3://bucket", disk);
  {
    const auto file = cache.open("key", object_size);
    cache.fill(*file, object_bytes(object_size));
  }
  const auto file = cache.open("key", object_size);
  CHECK(file->backing() != nullptr);
  disk->decide([](DiskCall call, uint64_t) { return call == DiskCall::syncfs ? -EIO : 0; });
  cache.scheduler->advance(std::chrono::seconds(5));
  disk->decide(nullptr);
  cache.scheduler->advance(std::chrono::seconds(60));
  CHECK(file->backing() == nullptr);
}

}  // namespace
}  // namespace penstock
