// SPDX-License-Identifier: Apache-2.0
// Disks that are too small for what is read and written, with the file systems that people use.
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <mutex>
#include <numeric>
#include <system_error>
#include <thread>

#include "mount/loop_disk.h"
#include "mount/mounted_bucket.h"
#include "support/catch.h"
#include "support/sizes.h"

namespace penstock::test {
namespace {

namespace fs = std::filesystem;

LoopDisk small_disk(const std::string& type) {
  return {type, type == "xfs" ? 320 * mib : 96 * mib};
}

MountSettings on_disk(const LoopDisk& disk, std::vector<std::string> more = {}) {
  std::vector<std::string> options = {"--cache-dir", (disk.path() / "cache").string(),
                                      "--cache-size", "100%"};
  options.insert(options.end(), more.begin(), more.end());
  return {.options = std::move(options)};
}

size_t count(const std::string& text, const std::string& what) {
  size_t found = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

/// Calls `work` with 0, 1, ... from several threads; the first thing that went wrong, or nothing.
std::string in_parallel(size_t threads, size_t works, const std::function<void(size_t)>& work) {
  std::atomic<size_t> next = 0;
  std::mutex mutex;
  std::string problem;
  {
    std::vector<std::jthread> crew;
    for (size_t i = 0; i < threads; ++i) {
      crew.emplace_back([&] {
        try {
          for (size_t index = next++; index < works; index = next++) work(index);
        } catch (const std::exception& error) {
          const std::lock_guard lock(mutex);
          if (problem.empty()) problem = error.what();
        }
      });
    }
  }
  return problem;
}

std::string numbered(const std::string& name, size_t index) { return name + std::to_string(index); }

/// Of every size there is: some in one PUT, some in parts.
uint64_t size_of(size_t index) {
  return index % 8 == 0 ? 9 * mib + index : (index % 8) * 300'000 + index;
}

std::string contents(size_t index) {
  return random_bytes(size_of(index), static_cast<uint32_t>(index) + 1);
}

/// So many files of size_of() that they have that many bytes together.
size_t files_of(uint64_t bytes) {
  size_t files = 0;
  for (uint64_t all = 0; all < bytes; ++files) all += size_of(files);
  return files;
}

bool all_in_bucket(const TestServer& server, size_t files) {
  for (size_t i = 0; i < files; ++i) {
    const auto object = server.object("test", numbered("f", i));
    if (!object || object->size() != size_of(i)) return false;
  }
  return true;
}

void check_bucket(const TestServer& server, size_t files) {
  for (size_t i = 0; i < files; ++i) {
    CAPTURE(i);
    const bool right = server.object("test", numbered("f", i)) == contents(i);
    CHECK(right);
  }
}

/// What the log says once of a cache whose disk is full. On a busy machine it may also say that the
/// disk does not answer, which is another matter.
constexpr const char* full = "the disk is full, so new data are not kept";

TEST_CASE("a disk that holds less than what is read keeps its floor, and every read is right") {
  const std::string type = GENERATE("ext4", "xfs");
  CAPTURE(type);
  const LoopDisk disk = small_disk(type);
  TestServer server;
  const size_t files = files_of(2 * disk.size());
  for (size_t i = 0; i < files; ++i) server.put_synthetic("test", numbered("f", i), size_of(i));
  Mounted mount(server, on_disk(disk, {"--cache-min-free", "10%"}));
  const uint64_t floor = disk.size() / 10;
  std::atomic<uint64_t> least_free = UINT64_MAX;
  for (int epoch = 0; epoch < 2; ++epoch) {
    const std::string problem = in_parallel(4, files, [&](size_t index) {
      const std::string name = numbered("f", index);
      if (read_file(mount.path(name)) != synthetic_bytes(name, 0, size_of(index)))
        throw std::runtime_error("wrong bytes in " + name);
      least_free = std::min(least_free.load(), disk.available());
    });
    CHECK(problem.empty());
    CAPTURE(problem);
    REQUIRE(problem.empty());
  }
  // What the file system takes for itself, for directories and maps, comes on top of what was kept.
  CHECK(least_free + disk.size() / 100 >= floor);
  CHECK(disk.available() < disk.size() / 2);
  CHECK(count(mount.log(), full) == 0);
  CHECK(mount.unmount() == 0);
}

TEST_CASE("a disk that others have filled costs the cache, and one line in the log") {
  const std::string type = GENERATE("ext4", "xfs");
  const bool before = GENERATE(true, false);
  CAPTURE(type, before);
  const LoopDisk disk = small_disk(type);
  TestServer server;
  const size_t files = 60;
  for (size_t i = 0; i < files; ++i) server.put_synthetic("test", numbered("f", i), size_of(i));
  if (before) disk.fill(0);
  Mounted mount(server, on_disk(disk, {"--cache-min-free", "0"}));
  const auto read_all = [&] {
    return in_parallel(4, files, [&](size_t index) {
      const std::string name = numbered("f", index);
      if (read_file(mount.path(name)) != synthetic_bytes(name, 0, size_of(index)))
        throw std::runtime_error("wrong bytes in " + name);
    });
  };
  CHECK(read_all() == "");
  disk.fill(0);
  CHECK(read_all() == "");
  CHECK(count(mount.log(), full) <= 1);
  CHECK(mount.unmount() == 0);
}

TEST_CASE("a disk that takes no more files costs the cache, and one line in the log") {
  const LoopDisk disk = small_disk("ext4");
  TestServer server;
  const size_t files = 40;
  for (size_t i = 0; i < files; ++i) server.put_synthetic("test", numbered("f", i), size_of(i));
  Mounted mount(server, on_disk(disk));
  const auto read_some = [&](size_t some) {
    return in_parallel(4, some, [&](size_t index) {
      const std::string name = numbered("f", index);
      if (read_file(mount.path(name)) != synthetic_bytes(name, 0, size_of(index)))
        throw std::runtime_error("wrong bytes in " + name);
    });
  };
  // What is kept before gives way later, and what comes then fails again.
  CHECK(read_some(files / 2) == "");
  disk.use_up_inodes();
  CHECK(read_some(files) == "");
  CHECK(read_some(files) == "");
  CHECK(count(mount.log(), full) == 1);
  CHECK(mount.unmount() == 0);
}

TEST_CASE("writers of more than the disk holds wait for uploads, and everything arrives") {
  const std::string type = GENERATE("ext4", "xfs");
  CAPTURE(type);
  const LoopDisk disk = small_disk(type);
  TestServer server({.total_mbps = 60});
  const size_t files = files_of(3 * disk.size() / 2);
  Mounted mount(server, on_disk(disk, {"--write-back"}));
  const std::string problem = in_parallel(4, files, [&](size_t index) {
    write_file(mount.path(numbered("f", index)), contents(index));
  });
  CHECK(problem == "");
  CHECK(eventually([&] { return all_in_bucket(server, files); }, 60));
  check_bucket(server, files);
  CHECK(count(mount.log(), "the disk of the journal is full") <= 1);
  CHECK(mount.unmount() == 0);
}

TEST_CASE("small files wait for room as large ones do") {
  const LoopDisk disk = small_disk("ext4");
  TestServer server({.total_mbps = 40});
  disk.fill(12 * mib);
  const std::string bytes = random_bytes(50'000, 7);
  const size_t files = 1500;
  Mounted mount(server, on_disk(disk, {"--write-back"}));
  const std::string problem = in_parallel(
      16, files, [&](size_t index) { write_file(mount.path(numbered("s", index)), bytes); });
  CHECK(problem == "");
  CHECK(eventually([&] { return server.keys("test").size() == files; }, 60));
  for (size_t i = 0; i < files; ++i) {
    const bool right = server.object("test", numbered("s", i)) == bytes;
    CHECK(right);
  }
  CHECK(mount.unmount() == 0);
}

TEST_CASE("what the cache keeps makes room for what is written") {
  const std::string type = GENERATE("ext4", "xfs");
  CAPTURE(type);
  const LoopDisk disk = small_disk(type);
  TestServer server;
  const size_t files = files_of(2 * disk.size());
  for (size_t i = 0; i < files; ++i) server.put_synthetic("test", numbered("r", i), size_of(i));
  Mounted mount(server, on_disk(disk, {"--write-back"}));
  CHECK(in_parallel(4, files, [&](size_t index) { read_file(mount.path(numbered("r", index))); }) ==
        "");
  const std::string bytes = random_bytes(disk.size() / 2, 3);
  CHECK_NOTHROW(write_file(mount.path("f"), bytes));
  CHECK(eventually([&] { return server.object("test", "f") == bytes; }, 30));
  CHECK(mount.unmount() == 0);
}

TEST_CASE("where no upload gets through a full disk is told after a wait, and nothing is lost") {
  const LoopDisk disk = small_disk("ext4");
  TestServer server;
  for (const char* operation : {"PutObject", "CreateMultipartUpload", "UploadPart"})
    server.add_fault({.operation = operation, .kind = "error:500:InternalError", .times = -1});
  Mounted mount(server, on_disk(disk, {"--write-back"}));
  size_t files = 0;
  int error = 0;
  std::chrono::steady_clock::duration waited{};
  while (error == 0) {
    const auto begin = std::chrono::steady_clock::now();
    try {
      write_file(mount.path(numbered("f", files)), contents(files));
      ++files;
    } catch (const std::system_error& problem) {
      error = problem.code().value();
      waited = std::chrono::steady_clock::now() - begin;
    }
    REQUIRE(files < 1000);
  }
  CHECK(error == ENOSPC);
  CHECK(waited >= std::chrono::seconds(55));
  CHECK(waited < std::chrono::seconds(90));
  CHECK(files > 5);
  // Read while it is only in the journal.
  for (size_t i = 0; i < files; ++i) {
    const bool right = read_file(mount.path(numbered("f", i))) == contents(i);
    CHECK(right);
  }
  server.clear_faults();
  CHECK(eventually([&] { return all_in_bucket(server, files); }, 90));
  check_bucket(server, files);
  CHECK_NOTHROW(write_file(mount.path("after"), "after"));
  CHECK(mount.unmount() == 0);
  CHECK(server.object("test", "after") == "after");
}

TEST_CASE("a journal that is left on a disk that is full is uploaded by the next mount") {
  const std::string type = GENERATE("ext4", "xfs");
  CAPTURE(type);
  const LoopDisk disk = small_disk(type);
  TestServer server;
  const size_t files = files_of(disk.size() / 4);
  {
    for (const char* operation : {"PutObject", "CreateMultipartUpload", "UploadPart"})
      server.add_fault({.operation = operation, .kind = "error:500:InternalError", .times = -1});
    Mounted mount(server, on_disk(disk, {"--write-back"}));
    REQUIRE(in_parallel(4, files, [&](size_t index) {
              write_file(mount.path(numbered("f", index)), contents(index));
            }) == "");
    mount.kill();
  }
  server.clear_faults();
  disk.fill(0);
  Mounted mount(server, on_disk(disk, {"--write-back"}));
  CHECK(eventually([&] { return all_in_bucket(server, files); }, 60));
  check_bucket(server, files);
  CHECK(mount.unmount() == 0);
}

TEST_CASE("on a disk without any room a write-back mount says so at once") {
  const std::string type = GENERATE("ext4", "xfs");
  CAPTURE(type);
  const LoopDisk disk = small_disk(type);
  disk.fill(0);
  TestServer server;
  bool mounted = false;
  try {
    Mounted mount(server, on_disk(disk, {"--write-back"}));
    mounted = true;
    // Where there was room for the journal's own files there is none for a file's.
    CHECK_THROWS_AS(write_file(mount.path("f"), random_bytes(mib, 1)), std::system_error);
    disk.remove_filling();
    CHECK_NOTHROW(write_file(mount.path("g"), "g"));
    CHECK(mount.unmount() == 0);
  } catch (const std::runtime_error& problem) {
    if (mounted) throw;
    CHECK(std::string(problem.what()).find("No space left on device") != std::string::npos);
    disk.remove_filling();
    Mounted mount(server, on_disk(disk, {"--write-back"}));
    CHECK_NOTHROW(write_file(mount.path("g"), "g"));
    CHECK(mount.unmount() == 0);
  }
  CHECK(server.object("test", "g") == "g");
}

}  // namespace
}  // namespace penstock::test
