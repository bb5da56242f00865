// SPDX-License-Identifier: Apache-2.0
// The cache on the local disk, as programs meet it.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "mount/mounted_bucket.h"
#include "support/catch.h"
#include "support/sizes.h"

namespace penstock::test {
namespace {

namespace fs = std::filesystem;

MountSettings with_cache(const fs::path& cache, std::vector<std::string> more = {}) {
  std::vector<std::string> options = {"--cache-dir", cache.string()};
  options.insert(options.end(), more.begin(), more.end());
  return {.options = std::move(options)};
}

std::vector<fs::path> data_files(const fs::path& cache) {
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(cache, error)) {
    if (entry.path().extension() == ".data") found.push_back(entry.path());
  }
  return found;
}

/// Reads the file until the store is no longer asked for its bytes: it is kept.
void read_until_kept(TestServer& server, const fs::path& path, const std::string& expected) {
  REQUIRE(eventually([&] {
    server.reset_stats();
    if (read_file(path) != expected) throw std::runtime_error("wrong bytes");
    // The kernel has them too: what comes next must come from the disk.
    const int fd = open(path.c_str(), O_RDONLY);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    close(fd);
    return server.stats().requests["GetObject"] == 0;
  }));
}

TEST_CASE("what was read once is read from the disk, also by the next mount") {
  TestServer server;
  TempFolder cache;
  const uint64_t size = GENERATE(as<uint64_t>{}, 1, 100'000, 20 * mib + 12'345);
  server.put_synthetic("test", "f", size);
  const std::string expected = synthetic_bytes("f", 0, size);
  {
    Mounted mount(server, with_cache(cache.path()));
    CHECK(read_file(mount.path("f")) == expected);
    const uint64_t gets = server.stats().requests["GetObject"];
    CHECK(gets > 0);
    read_until_kept(server, mount.path("f"), expected);
    CHECK(mount.unmount() == 0);
  }
  Mounted again(server, with_cache(cache.path()));
  server.reset_stats();
  CHECK(read_file(again.path("f")) == expected);
  const int fd = open(again.path("f").c_str(), O_RDONLY);
  REQUIRE(fd >= 0);
  const void* map = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  REQUIRE(map != MAP_FAILED);
  CHECK(std::string_view(static_cast<const char*>(map), size) == expected);
  munmap(const_cast<void*>(map), size);
  char byte = 0;
  CHECK(pread(fd, &byte, 1, static_cast<off_t>(size)) == 0);
  close(fd);
  CHECK(server.stats().requests["GetObject"] == 0);
}

TEST_CASE("the cache is filled by random reads as well, and read in another pattern") {
  TestServer server;
  TempFolder cache;
  server.put_synthetic("test", "f", 4 * mib);
  const std::string expected = synthetic_bytes("f", 0, 4 * mib);
  Mounted mount(server, with_cache(cache.path()));
  const int fd = open(mount.path("f").c_str(), O_RDONLY | O_DIRECT);
  REQUIRE(fd >= 0);
  std::string block(4096, '\0');
  for (uint64_t i = 0; i < 1024; ++i) {
    const uint64_t offset = (i * 397 % 1024) * 4096;
    REQUIRE(pread(fd, block.data(), 4096, static_cast<off_t>(offset)) == 4096);
    REQUIRE(block == expected.substr(offset, 4096));
  }
  close(fd);
  read_until_kept(server, mount.path("f"), expected);
}

TEST_CASE("an object that changed in the bucket is fetched, and an open file keeps its version") {
  TestServer server;
  TempFolder cache;
  server.put_object("test", "f", std::string(2 * mib, 'o'));
  Mounted mount(server, with_cache(cache.path(), {"--metadata-ttl", "0"}));
  read_until_kept(server, mount.path("f"), std::string(2 * mib, 'o'));
  const int fd = open(mount.path("f").c_str(), O_RDONLY);
  REQUIRE(fd >= 0);
  server.put_object("test", "f", std::string(3 * mib, 'n'));
  CHECK(read_file(mount.path("f")) == std::string(3 * mib, 'n'));
  std::string old(2 * mib, '\0');
  CHECK(pread(fd, old.data(), old.size(), 0) == static_cast<ssize_t>(old.size()));
  CHECK(old == std::string(2 * mib, 'o'));
  close(fd);
}

TEST_CASE("what this mount writes is read back new, whatever the cache has") {
  TestServer server;
  TempFolder cache;
  server.put_object("test", "f", std::string(2 * mib, 'o'));
  Mounted mount(server, with_cache(cache.path()));
  read_until_kept(server, mount.path("f"), std::string(2 * mib, 'o'));
  write_file(mount.path("f"), "new");
  CHECK(read_file(mount.path("f")) == "new");
  CHECK(fs::file_size(mount.path("f")) == 3);
}

TEST_CASE("damaged files of the cache are never served") {
  TestServer server;
  TempFolder cache;
  const uint64_t size = 3 * mib + 5;
  server.put_synthetic("test", "f", size);
  const std::string expected = synthetic_bytes("f", 0, size);
  const bool while_mounted = GENERATE(true, false);
  const std::string damage = GENERATE("flip", "truncate", "empty map", "remove map");
  CAPTURE(while_mounted, damage);
  auto mount = std::make_unique<Mounted>(server, with_cache(cache.path()));
  read_until_kept(server, mount->path("f"), expected);
  if (!while_mounted) {
    CHECK(mount->unmount() == 0);
    mount.reset();
  }
  const std::vector<fs::path> files = data_files(cache.path());
  REQUIRE(files.size() == 1);
  fs::path map = files.front();
  map.replace_extension(".map");
  if (damage == "flip") {
    std::fstream file(files.front(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(mib + 7);
    const auto byte = static_cast<char>(file.get() ^ 1);
    file.seekp(mib + 7);
    file.put(byte);
  } else if (damage == "truncate") {
    fs::resize_file(files.front(), size / 2);
  } else if (damage == "empty map") {
    fs::resize_file(map, 0);
  } else {
    fs::remove(map);
  }
  if (mount == nullptr) mount = std::make_unique<Mounted>(server, with_cache(cache.path()));
  CHECK(read_file(mount->path("f")) == expected);
}

TEST_CASE("two mounts share a cache, and one that was killed leaves a good one") {
  TestServer server;
  TempFolder cache;
  const uint64_t size = 9 * mib;
  server.put_synthetic("test", "f", size);
  const std::string expected = synthetic_bytes("f", 0, size);
  Mounted first(server, with_cache(cache.path()));
  Mounted second(server, with_cache(cache.path()));
  read_until_kept(server, first.path("f"), expected);
  server.reset_stats();
  CHECK(read_file(second.path("f")) == expected);
  CHECK(server.stats().requests["GetObject"] == 0);
  first.kill();
  server.put_synthetic("test", "g", size);
  CHECK(read_file(second.path("g")) == synthetic_bytes("g", 0, size));
  second.kill();
  Mounted third(server, with_cache(cache.path()));
  CHECK(read_file(third.path("f")) == expected);
  CHECK(read_file(third.path("g")) == synthetic_bytes("g", 0, size));
}

TEST_CASE("a cache that is asked for and cannot be used is an error at the start") {
  TestServer server;
  TempFolder folder;
  const std::string file = folder.path() / "file";
  write_file(file, "x");
  using Catch::Matchers::Contains;
  CHECK_THROWS_WITH(Mounted(server, with_cache(file)),
                    Contains("penstock: --cache-dir " + file + " cannot be used: Not a directory"));
  const std::string below = file + "/cache";
  CHECK_THROWS_WITH(Mounted(server, with_cache(below)),
                    Contains("penstock: --cache-dir " + below + " cannot be used: "));
}

TEST_CASE("a cache that is too small, or goes away, costs nothing but its use") {
  TestServer server;
  server.put_synthetic("test", "f", 3 * mib);
  const std::string expected = synthetic_bytes("f", 0, 3 * mib);
  SECTION("removed while it is in use") {
    TempFolder cache;
    Mounted mount(server, with_cache(cache.path() / "c"));
    CHECK(read_file(mount.path("f")) == expected);
    fs::remove_all(cache.path() / "c");
    CHECK(read_file(mount.path("f")) == expected);
    server.put_synthetic("test", "g", 3 * mib);
    CHECK(read_file(mount.path("g")) == synthetic_bytes("g", 0, 3 * mib));
  }
  SECTION("too small for anything") {
    TempFolder cache;
    Mounted mount(server, with_cache(cache.path(), {"--cache-size", "64K"}));
    CHECK(read_file(mount.path("f")) == expected);
    CHECK(read_file(mount.path("f")) == expected);
  }
}

}  // namespace
}  // namespace penstock::test
