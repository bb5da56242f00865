// SPDX-License-Identifier: Apache-2.0
// A real file system of 64 MiB that fills up. Needs root, for the mount.
#include <sys/statvfs.h>

#include "support/sizes.h"
#include "unit/cache/cache_fixture.h"

namespace penstock {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

/// An ext4 in a file, mounted on a loop device for as long as it lives.
class SmallDisk {
 public:
  explicit SmallDisk(const std::string& options) {
    INFO("this test mounts an ext4 image: it needs root, mkfs.ext4 and loop devices");
    REQUIRE(geteuid() == 0);
    fs::create_directory(path());
    run("truncate -s 64M " + image());
    run("mkfs.ext4 -q -F -m 0 " + options + " " + image());
    run("mount -o loop " + image() + " " + path());
  }
  ~SmallDisk() {
    // The cache's threads are gone; lazily, should a failed test have left something open.
    if (std::system(("umount " + path() + " || umount -l " + path()).c_str()) != 0)
      FAIL_CHECK("cannot unmount " << path());
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  std::string path() const { return dir_.path() + "/mnt"; }
  uint64_t available() const {
    struct statvfs found {};
    REQUIRE(statvfs(path().c_str(), &found) == 0);
    return found.f_bavail * found.f_frsize;
  }

 private:
  static void run(const std::string& command) {
    INFO(command);
    REQUIRE(std::system(command.c_str()) == 0);
  }
  std::string image() const { return dir_.path() + "/image"; }

  TempDir dir_;
};

/// Fills objects until far more than the disk holds was offered; what is there must be right.
void overfill(const TestCache& cache, const SmallDisk& disk, uint64_t floor) {
  constexpr uint64_t size = 3 * mib + 1;
  std::vector<std::shared_ptr<CacheFile>> pinned;
  for (uint32_t i = 0; i < 40; ++i) {
    const Bytes object = object_bytes(size, i);
    auto file = cache.open(std::to_string(i), size);
    if (file == nullptr) continue;
    cache.fill(*file, object);
    for (uint64_t at = 0; at < size; at += mib) {
      const uint64_t length = std::min(mib, size - at);
      if (file->missing_from(at, at + length) == at + length)
        CHECK(read_bytes(*file, at, length) == part(object, at, length));
    }
    CHECK(disk.available() >= floor);
    if (i % 4 == 0) pinned.push_back(std::move(file));
    cache.scheduler->advance(std::chrono::seconds(1));
  }
  CHECK(cache.cache->verify([](const auto&) { return true; }).damaged_chunks == 0);
}

TEST_CASE("a small disk fills up to the floor", "[cache][root]") {
  const SmallDisk disk("");
  const uint64_t floor = 16 * mib;
  {
    const TestCache cache({.directory = disk.path() + "/cache", .min_free = {.bytes = floor}});
    // A map's or a folder's block may come on top of what was asked for.
    overfill(cache, disk, floor - mib / 4);
    CHECK(cache.cache->stats().evicted > 0);
    CHECK(cache.log->lines().empty());
  }
}

TEST_CASE("a small disk fills up to the last block", "[cache][root]") {
  const SmallDisk disk("");
  {
    const TestCache cache({.directory = disk.path() + "/cache", .min_free = {.bytes = 1}});
    overfill(cache, disk, 0);
    CHECK(cache.cache->stats().evicted > 0);
  }
}

TEST_CASE("a small disk runs out of inodes", "[cache][root]") {
  const SmallDisk disk("-N 1024");
  {
    const TestCache cache({.directory = disk.path() + "/cache"});
    const Bytes object = object_bytes(100);
    for (int i = 0; i < 1000; ++i) {
      const auto file = cache.open(std::to_string(i), object.size());
      if (file != nullptr) {
        cache.fill(*file, object);
        if (file->complete()) CHECK(read_bytes(*file, 0, object.size()) == object);
      }
      cache.scheduler->run();
    }
    CHECK(cache.cache->stats().evicted > 0);
    CHECK(cache.log->lines().size() == 1);
    // It goes on with what the evictions gave back: the disk may give it a moment later.
    std::shared_ptr<CacheFile> last;
    for (int i = 0; i < 100 && last == nullptr; ++i) {
      last = cache.open("last", object.size());
      cache.scheduler->advance(std::chrono::seconds(1));
    }
    REQUIRE(last != nullptr);
    cache.fill(*last, object);
    CHECK(last->complete());
  }
}

}  // namespace
}  // namespace penstock
