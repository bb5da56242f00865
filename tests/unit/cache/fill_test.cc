// SPDX-License-Identifier: Apache-2.0
// How what has arrived gets to the disk.
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "support/faulty_disk.h"
#include "unit/cache/cache_fixture.h"

namespace penstock {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

constexpr uint64_t mib = 1ULL << 20;

/// Memory as buffers have it: it begins with a page.
class PageMemory {
 public:
  explicit PageMemory(const Bytes& bytes)
      : length_(bytes.size()),
        memory_(
            mmap(nullptr, length_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
    REQUIRE(memory_ != MAP_FAILED);
    std::copy(bytes.begin(), bytes.end(), static_cast<std::byte*>(memory_));
  }
  ~PageMemory() { munmap(memory_, length_); }
  PageMemory(const PageMemory&) = delete;
  PageMemory& operator=(const PageMemory&) = delete;

  std::span<const std::byte> bytes() const {
    return {static_cast<const std::byte*>(memory_), length_};
  }

 private:
  const size_t length_;
  void* const memory_;
};

/// A cache whose calls to the disk are counted, and the end of a large object.
struct FillWorld {
  explicit FillWorld(uint64_t tail_size = 6 * mib + 100)
      : tail(object_bytes(tail_size)), memory(tail), size(at + tail_size) {
    disk->decide([this](DiskCall call, uint64_t) {
      ++calls[call];
      return answer ? answer(call) : 0;
    });
    // The fixture's cache is made after the disk was told what to do.
    cache.emplace(CacheOptions{.directory = dir.path(), .queue_limit = 32 * mib}, "s3://bucket",
                  disk);
    file = cache->open("large", size);
    REQUIRE(file != nullptr);
    cache->scheduler->run();  // What a cache does first.
    calls.clear();
  }
  void check() const {
    CHECK(file->missing_from(at, size) == size);
    CHECK(read_bytes(*file, at, tail.size()) == tail);
    CHECK(file->verify() == 0);
    CHECK(cache->log->lines().empty());
  }

  const TempDir dir;
  const std::shared_ptr<FaultyDisk> disk = std::make_shared<FaultyDisk>();
  std::map<DiskCall, int> calls;
  std::function<int(DiskCall)> answer;
  const uint64_t at = 64 * mib;
  const Bytes tail;
  const PageMemory memory;
  const uint64_t size;
  std::optional<TestCache> cache;
  std::shared_ptr<CacheFile> file;
};

TEST_CASE("what has come while others were written is written together", "[cache]") {
  FillWorld world;
  const auto bytes = world.memory.bytes();
  // As a stream's pieces come from several connections: not in order.
  for (const uint64_t piece : {0, 3, 1, 5, 2, 4}) {
    const uint64_t offset = piece * mib;
    const uint64_t length = std::min(mib, bytes.size() - offset);
    world.file->offer(world.at + offset, bytes.subspan(offset, length), nullptr);
  }
  world.file->offer(world.at + 6 * mib, bytes.subspan(6 * mib), nullptr);
  world.cache->scheduler->run();
  CHECK(world.calls[DiskCall::flock] == 2);
  CHECK(world.calls[DiskCall::fstat] == 4);
  CHECK(world.calls[DiskCall::pread] == 1);
  // The entries of all.
  CHECK(world.calls[DiskCall::pwrite] == 1);
  // The whole pages, and the rest of the last one.
  CHECK(world.calls[DiskCall::open_direct] == 1);
  CHECK(world.calls[DiskCall::pwrite_uncached] == 2);
  world.check();
}

TEST_CASE("a gap between pieces stays one", "[cache]") {
  FillWorld world;
  const auto bytes = world.memory.bytes();
  world.file->offer(world.at, bytes.first(mib), nullptr);
  world.file->offer(world.at + 2 * mib, bytes.subspan(2 * mib), nullptr);
  world.cache->scheduler->run();
  CHECK(world.file->missing_from(world.at, world.size) == world.at + mib);
  CHECK(read_bytes(*world.file, world.at, mib) == part(world.tail, 0, mib));
  CHECK(read_bytes(*world.file, world.at + 2 * mib, 4 * mib) == part(world.tail, 2 * mib, 4 * mib));
}

TEST_CASE("what does not begin with a page, or is small, goes through the page cache", "[cache]") {
  FillWorld world;
  const auto bytes = world.memory.bytes();
  // Chunks that lie in memory one byte behind a page's beginning.
  Bytes moved(mib + 4097);
  const auto page = reinterpret_cast<uintptr_t>(moved.data()) % 4096;
  const auto start = static_cast<ptrdiff_t>(4097 - page);
  std::copy_n(bytes.begin(), mib, moved.begin() + start);
  world.file->offer(world.at, std::span(moved).subspan(static_cast<size_t>(start), mib), nullptr);
  world.cache->scheduler->run();
  world.file->offer(world.at + mib, bytes.subspan(mib, 4 * chunk), nullptr);
  world.cache->scheduler->run();
  CHECK(world.calls[DiskCall::open_direct] == 0);
  world.file->offer(world.at, bytes, nullptr);
  world.cache->scheduler->run();
  CHECK(world.calls[DiskCall::open_direct] == 1);
  world.check();
}

TEST_CASE("a file system that takes nothing past the page cache is written through it", "[cache]") {
  const bool opens = GENERATE(false, true);
  CAPTURE(opens);
  FillWorld world;
  const auto bytes = world.memory.bytes();
  bool refused = false;
  world.answer = [&](DiskCall call) {
    if (call != (opens ? DiskCall::pwrite_uncached : DiskCall::open_direct)) return 0;
    return std::exchange(refused, true) ? 0 : -EINVAL;
  };
  world.file->offer(world.at, bytes.first(4 * mib), nullptr);
  world.cache->scheduler->run();
  world.file->offer(world.at, bytes, nullptr);
  world.cache->scheduler->run();
  CHECK(refused);
  CHECK(world.calls[DiskCall::open_direct] == 1);
  world.check();
}

TEST_CASE("what is written past the page cache is seen by all who read the file", "[cache]") {
  FillWorld world;
  const std::string path = only_file(world.dir.path(), ".data");
  const int reader = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(reader >= 0);
  // The hole is in the page cache by then, for one who reads and for one who has mapped it.
  void* const mapped = mmap(nullptr, world.size, PROT_READ, MAP_SHARED, reader, 0);
  REQUIRE(mapped != MAP_FAILED);
  const auto* const seen = static_cast<const std::byte*>(mapped) + world.at;
  Bytes out(world.tail.size());
  CHECK(pread(reader, out.data(), out.size(), static_cast<off_t>(world.at)) ==
        static_cast<ssize_t>(out.size()));
  CHECK(std::all_of(seen, seen + out.size(), [](std::byte byte) { return byte == std::byte{0}; }));
  world.file->offer(world.at, world.memory.bytes(), nullptr);
  world.cache->scheduler->run();
  CHECK(world.calls[DiskCall::open_direct] == 1);
  CHECK(pread(reader, out.data(), out.size(), static_cast<off_t>(world.at)) ==
        static_cast<ssize_t>(out.size()));
  CHECK(out == world.tail);
  CHECK(std::equal(world.tail.begin(), world.tail.end(), seen));
  munmap(mapped, world.size);
  ::close(reader);
}

TEST_CASE("also while the disk is behind, the page cache takes nothing of a large object",
          "[cache]") {
  FillWorld world(12 * mib);
  world.file->offer(world.at, world.memory.bytes(), nullptr);
  int uncached_before = -1;
  world.answer = [&](DiskCall call) {
    if (call == DiskCall::open_direct) uncached_before = world.calls[DiskCall::pwrite_uncached];
    return 0;
  };
  world.cache->scheduler->run();
  // Of 12 MiB in a queue of 32 the first 8 go the same way as the other 4, for which less waits.
  CHECK(uncached_before == 0);
  CHECK(world.calls[DiskCall::open_direct] == 1);
  CHECK(world.calls[DiskCall::pwrite_uncached] == 2);
  world.check();
}

TEST_CASE("checksums that come with the bytes are those that are kept", "[cache]") {
  const TempDir dir;
  const TestCache cache({.directory = dir.path()});
  const Bytes object = object_bytes(3 * chunk + 100);
  std::vector<uint64_t> sums;
  for (uint64_t at = 0; at < object.size(); at += chunk)
    sums.push_back(chunk_sum(std::span(object).subspan(at, std::min(chunk, object.size() - at))));
  const auto file = cache.open("key", object.size());
  cache.fill(*file, object, chunk, 2 * chunk);
  // The others only, which are not next to each other.
  file->offer(0, object, nullptr, sums);
  cache.scheduler->run();
  CHECK(file->complete());
  CHECK(file->verify() == 0);
  // They are believed: nobody makes them again.
  const auto other = cache.open("other", object.size());
  sums[2] ^= 1;
  other->offer(0, object, nullptr, sums);
  cache.scheduler->run();
  CHECK(other->verify() == 1);
}

TEST_CASE("a file lacks what is neither on the disk nor waits to be written", "[cache]") {
  using Ranges = std::vector<ByteRange>;
  const TempDir dir;
  const TestCache cache({.directory = dir.path()});
  const Bytes object = object_bytes(4 * chunk + 100);
  const ByteRange all{0, object.size()};
  const auto file = cache.open("key", object.size());
  CHECK(file->lacking(all) == Ranges{all});
  file->offer(chunk, std::span(object).subspan(chunk, chunk), nullptr);
  const Ranges rest{{0, chunk}, {2 * chunk, object.size() - 2 * chunk}};
  CHECK(file->lacking(all) == rest);
  CHECK(file->writes({2 * chunk - 1, 1}));
  CHECK_FALSE(file->writes({0, chunk}));
  CHECK_FALSE(file->writes({2 * chunk, 10 * chunk}));
  CHECK(file->share().coming == chunk);
  cache.scheduler->run();
  CHECK(file->lacking(all) == rest);
  CHECK_FALSE(file->writes(all));
  CHECK(file->share().coming == 0);
  // A part of a chunk means all of it; nothing lies behind the end.
  CHECK(file->lacking({2 * chunk - 1, 2}) == Ranges{{2 * chunk, chunk}});
  CHECK(file->lacking({chunk, chunk}) == Ranges{});
  CHECK(file->lacking({object.size(), chunk}) == Ranges{});
  // What another process has written is found.
  const TestCache other({.directory = dir.path()});
  const auto same = other.open("key", object.size());
  other.fill(*same, object, 2 * chunk, object.size());
  CHECK(file->lacking(all) == Ranges{{0, chunk}});
}

TEST_CASE("what a file lacks is not told while its disk takes nothing", "[cache]") {
  const int error = GENERATE(-EIO, -ENOSPC);
  FillWorld world;
  const ByteRange tail{world.at, world.tail.size()};
  REQUIRE(world.file->lacking(tail).has_value());
  world.answer = [&](DiskCall call) { return call == DiskCall::pwrite_uncached ? error : 0; };
  world.file->offer(world.at, world.memory.bytes(), nullptr);
  world.cache->scheduler->run();
  CHECK_FALSE(world.file->lacking(tail).has_value());
}

}  // namespace
}  // namespace penstock
