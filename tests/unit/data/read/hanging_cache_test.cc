// SPDX-License-Identifier: Apache-2.0
// Reads whose bytes are in the cache, on a disk that hangs.
#include "base/worker_pool.h"
#include "unit/data/read/cached_fixture.h"

namespace penstock::test {
namespace {

// Fetched as a whole, by one request.
constexpr uint64_t small_object = 1 * mib;

/// An engine whose cache has the object, and asks its disk on two real threads. The disk's calls of
/// a kind hang until the test lets go, or ends.
struct HangingCache : CachedFixture {
  explicit HangingCache(uint64_t object_size = small_object)
      : HangingCache(object_size, std::make_shared<WorkerPool>("questions", 2)) {}
  HangingCache(uint64_t object_size, const std::shared_ptr<WorkerPool>& pool)
      : CachedFixture(object_size, {}, pool), threads(pool) {
    const auto file = cache->open({.key = "key", .etag = "v1", .size = size}, nullptr);
    const std::vector<std::byte> bytes = bytes_at(0, size);
    file->offer(0, bytes, nullptr);
    scheduler->advance(std::chrono::seconds(10));
    REQUIRE(file->complete());
    disk->decide([this](DiskCall call, uint64_t) {
      const MutexLock lock(mutex);
      if (hangs && call == kind && before > 0) {
        --before;
        return 0;
      }
      while (hangs && call == kind) {
        ++stuck;
        changed.notify_all();
        changed.wait(mutex);
        --stuck;
      }
      return 0;
    });
  }
  ~HangingCache() {
    let_go();
    threads->stop();
    disk->decide(nullptr);
  }
  HangingCache(const HangingCache&) = delete;
  HangingCache& operator=(const HangingCache&) = delete;

  /// From now on, after so many calls that do not.
  void hang(DiskCall call, int calls_before = 0) {
    const MutexLock lock(mutex);
    before = calls_before;
    kind = call;
    hangs = true;
  }
  void let_go() {
    const MutexLock lock(mutex);
    hangs = false;
    changed.notify_all();
  }
  void wait_until_stuck() {
    const MutexLock lock(mutex);
    while (stuck == 0) changed.wait(mutex);
  }
  /// So long that no disk that works takes it.
  void wait_in_vain() { scheduler->advance(std::chrono::seconds(1)); }

  const std::shared_ptr<WorkerPool> threads;
  Mutex mutex;
  CondVar changed;
  bool hangs GUARDED_BY(mutex) = false;
  int before GUARDED_BY(mutex) = 0;
  DiskCall kind GUARDED_BY(mutex) = DiskCall::pread;
  int stuck GUARDED_BY(mutex) = 0;
};

TEST_CASE("a read whose cached bytes do not come is answered by the store, and so are the next") {
  HangingCache fixture;
  const auto reader = fixture.open();
  fixture.hang(DiskCall::pread);
  const auto reply = ReadFixture::read(*reader, 0, 1000);
  fixture.wait_until_stuck();
  CHECK(fixture.store.gets.empty());
  fixture.wait_in_vain();
  REQUIRE(fixture.store.gets.size() == 1);
  fixture.store.serve_all();
  CHECK(reply->is({0, 1000}));
  REQUIRE(fixture.log->lines().size() == 1);
  CHECK(fixture.log->lines()[0].find("the disk does not answer") != std::string::npos);

  // The disk is not asked again, not even after a minute, for as long as it hangs.
  for (int minute = 0; minute < 2; ++minute) {
    const uint64_t calls = fixture.disk->calls();
    const auto next = fixture.open();
    const size_t gets = fixture.store.gets.size();
    const auto other = ReadFixture::read(*next, 512 * kib, 1000);
    CHECK(fixture.store.gets.size() == gets + 1);
    fixture.store.serve_all();
    CHECK(other->is({512 * kib, 1000}));
    CHECK(fixture.disk->calls() == calls);
    fixture.scheduler->advance(std::chrono::minutes(1));
  }
  // What the thread reads when it comes back goes nowhere.
  fixture.let_go();
  const auto again = ReadFixture::read(*reader, 700 * kib, 1000);
  fixture.store.serve_all();
  fixture.scheduler->run();
  CHECK(fixture.log->lines().size() == 1);
}

TEST_CASE("the rest of a fetch that the cache has begun comes from the store") {
  HangingCache fixture(16 * mib);
  const auto reader = fixture.open();
  // The map is read twice, then of each MiB its sums and its bytes.
  fixture.hang(DiskCall::pread, 5);
  const ByteRange range{8 * mib, 4 * mib};
  const auto reply = ReadFixture::read(*reader, range.offset, range.length);
  fixture.wait_until_stuck();
  CHECK_FALSE(reply->arrived());
  fixture.wait_in_vain();
  REQUIRE(fixture.store.gets.size() == 1);
  CHECK(fixture.store.gets[0]->range.offset > range.offset);
  CHECK(fixture.store.gets[0]->range.end() == range.end());
  fixture.store.serve_all();
  CHECK(reply->is(range));
}

TEST_CASE("an open waits least for a disk that hangs, and the next ones not at all") {
  HangingCache fixture;
  fixture.hang(DiskCall::fstat);
  int answers = 0;
  const auto count = [&](const Result<std::shared_ptr<const BackingFile>>& backing) {
    CHECK(backing.value() == nullptr);
    ++answers;
  };
  const auto reader = fixture.open();
  reader->find_backing(count);
  fixture.wait_until_stuck();
  fixture.scheduler->advance(std::chrono::milliseconds(300));
  CHECK(answers == 1);
  // It is slow, but not yet said to hang.
  CHECK(fixture.log->lines().empty());
  fixture.open()->find_backing(count);
  CHECK(answers == 2);
  fixture.wait_in_vain();
  CHECK(fixture.log->lines().size() == 1);
}

TEST_CASE("questions that wait behind one that hangs are answered with it") {
  HangingCache fixture;
  fixture.hang(DiskCall::pread);
  std::vector<std::shared_ptr<ObjectReader>> readers;
  std::vector<std::shared_ptr<Reply>> replies;
  for (int i = 0; i < 10; ++i) {
    readers.push_back(fixture.open());
    replies.push_back(ReadFixture::read(*readers.back(), 0, 1000));
  }
  fixture.wait_until_stuck();
  fixture.wait_in_vain();
  fixture.store.serve_all();
  for (const auto& reply : replies) CHECK(reply->is({0, 1000}));
}

TEST_CASE("a mount does not end later because the cache's disk hangs") {
  HangingCache fixture;
  const auto reader = fixture.open();
  fixture.hang(DiskCall::pread);
  const auto reply = ReadFixture::read(*reader, 0, 1000);
  fixture.wait_until_stuck();
  CHECK_FALSE(fixture.cache->finish());
  fixture.wait_in_vain();
  fixture.store.serve_all();
  CHECK(reply->is({0, 1000}));
}

}  // namespace
}  // namespace penstock::test
