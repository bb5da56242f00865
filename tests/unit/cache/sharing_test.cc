// SPDX-License-Identifier: Apache-2.0
// Several caches on one directory, in one process and in two.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include <fstream>

#include "support/faulty_disk.h"
#include "unit/cache/cache_fixture.h"

namespace penstock {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

TEST_CASE("what one cache fills the other one finds", "[cache]") {
  const TempDir dir;
  const TestCache ours({.directory = dir.path()});
  const TestCache theirs({.directory = dir.path()});
  const Bytes object = object_bytes(6 * chunk);
  const auto our_file = ours.open("key", object.size());
  const auto their_file = theirs.open("key", object.size());
  ours.fill(*our_file, object, 0, 3 * chunk);
  CHECK(their_file->missing_from(0, object.size()) == 3 * chunk);
  CHECK(read_bytes(*their_file, 0, 3 * chunk) == part(object, 0, 3 * chunk));
  theirs.fill(*their_file, object, 3 * chunk, object.size());
  CHECK(our_file->missing_from(0, object.size()) == object.size());
  CHECK(our_file->complete());
  CHECK(read_bytes(*our_file, 0, object.size()) == object);
  CHECK(their_file->backing() != nullptr);
  theirs.scheduler->advance(std::chrono::seconds(5));
  CHECK(our_file->backing() != nullptr);
}

TEST_CASE("what is there is not written again", "[cache]") {
  const TempDir dir;
  const TestCache ours({.directory = dir.path()});
  const TestCache theirs({.directory = dir.path()});
  const Bytes object = object_bytes(6 * chunk);
  const auto our_file = ours.open("key", object.size());
  const auto their_file = theirs.open("key", object.size());
  ours.fill(*our_file, object, chunk, 3 * chunk);
  theirs.fill(*their_file, object);
  CHECK(theirs.cache->stats().stored == 4 * chunk);
  CHECK(their_file->missing_from(0, object.size()) == object.size());
}

TEST_CASE("a file that is open anywhere is not removed", "[cache]") {
  const TempDir dir;
  const TestCache ours({.directory = dir.path()});
  const TestCache theirs({.directory = dir.path()});
  const Bytes object = object_bytes(2 * chunk);
  auto file = ours.put("key", object);
  ours.scheduler->advance(std::chrono::seconds(1));
  auto backing = file->backing();
  file.reset();
  theirs.put("other", object).reset();
  theirs.scheduler->advance(std::chrono::seconds(1));

  CHECK(theirs.cache->evict_prefix("").in_use == 1);
  CHECK(files_ending(dir.path(), ".data").size() == 1);
  CHECK(ours.open("key", object.size())->complete());
  backing.reset();
  CHECK(theirs.cache->evict_prefix("k").files == 1);
  CHECK(files_ending(dir.path(), ".data").empty());
  CHECK(files_ending(dir.path(), ".map").empty());
  CHECK_FALSE(ours.open("key", object.size())->complete());
}

TEST_CASE("a pair that is removed while it is opened is made anew", "[cache]") {
  const TempDir dir;
  bool removed = false;  // the cache still locks files when it ends
  const auto disk = std::make_shared<FaultyDisk>();
  const TestCache cache({.directory = dir.path()}, "s3://bucket", disk);
  const Bytes object = object_bytes(2 * chunk);
  cache.put("key", object).reset();
  disk->decide([&](DiskCall call, uint64_t) {
    // Between the open and the lock of the data: as another process would.
    if (call == DiskCall::flock && !removed) {
      removed = true;
      fs::remove(only_file(dir.path(), ".map"));
      fs::remove(only_file(dir.path(), ".data"));
    }
    return 0;
  });
  const auto file = cache.open("key", object.size());
  REQUIRE(file != nullptr);
  CHECK(removed);
  CHECK_FALSE(file->complete());
  cache.fill(*file, object);
  CHECK(file->complete());
  CHECK(files_ending(dir.path(), ".data").size() == 1);
  CHECK(files_ending(dir.path(), ".map").size() == 1);
}

TEST_CASE("what is used while it is about to be evicted stays", "[cache]") {
  const TempDir dir;
  const auto disk = std::make_shared<FaultyDisk>();
  const TestCache cache({.directory = dir.path()}, "s3://bucket", disk);
  for (const char* key : {"a", "b"}) cache.put(key, object_bytes(chunk)).reset();
  for (const fs::path& map : files_ending(dir.path(), ".map"))
    fs::last_write_time(map, fs::file_time_type::clock::now() - std::chrono::hours(1));
  // Eviction has looked at all of them before it locks the first one.
  disk->decide([&](DiskCall call, uint64_t) {
    if (call == DiskCall::flock) {
      for (const fs::path& map : files_ending(dir.path(), ".map"))
        fs::last_write_time(map, fs::file_time_type::clock::now());
    }
    return 0;
  });
  CHECK(cache.cache->evict_to(0).files == 0);
  CHECK(files_ending(dir.path(), ".data").size() == 2);
}

TEST_CASE("caches share the count of what they occupy", "[cache]") {
  const TempDir dir;
  const TestCache ours({.directory = dir.path()});
  const TestCache theirs({.directory = dir.path()});
  const auto one = ours.put("one", object_bytes(5 * chunk));
  const auto two = theirs.put("two", object_bytes(3 * chunk));
  ours.scheduler->advance(std::chrono::seconds(1));
  theirs.scheduler->advance(std::chrono::seconds(1));
  CHECK(theirs.cache->stats().bytes == occupied(dir.path()));
  CHECK(theirs.cache->stats().files == 2);
  const auto three = ours.put("three", object_bytes(1));
  ours.scheduler->advance(std::chrono::seconds(1));
  CHECK(ours.cache->stats().bytes == occupied(dir.path()));
  CHECK(ours.cache->stats().files == 3);
}

TEST_CASE("a cache that is alone counts anew", "[cache]") {
  const TempDir dir;
  const Bytes object = object_bytes(5 * chunk);
  { TestCache({.directory = dir.path()}).put("key", object); }
  const auto spoil = [&] {
    const UsageBytes wrong = encode_usage({.bytes = 12345, .files = 99});
    std::ofstream file(dir.path() + "/v1/usage", std::ios::binary);
    file.write(reinterpret_cast<const char*>(wrong.data()), wrong.size());
  };
  spoil();
  const TestCache first({.directory = dir.path()});
  first.scheduler->run();
  CHECK(first.cache->stats().bytes == occupied(dir.path()));
  CHECK(first.cache->stats().files == 1);

  spoil();
  const TestCache second({.directory = dir.path()});
  second.scheduler->run();
  CHECK(second.cache->stats().bytes == 12345);

  std::ofstream(dir.path() + "/v1/usage", std::ios::binary) << "no usage";
  const TestCache third({.directory = dir.path()});
  third.scheduler->run();
  CHECK(third.cache->stats().bytes == occupied(dir.path()));
}

/// Runs `work` in a process of its own, which ends without a goodbye. Returns its wait status.
template <typename Work>
int in_child(Work&& work) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    work();
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return status;
}

TEST_CASE("another process fills, and dies", "[cache]") {
  const TempDir dir;
  const Bytes object = object_bytes(40 * chunk + 3);
  const TestCache ours({.directory = dir.path()});
  const auto file = ours.open("key", object.size());
  REQUIRE(file != nullptr);
  const int status = in_child([&] {
    // What the parent has open is not this process's to use.
    const auto theirs = std::make_unique<TestCache>(CacheOptions{.directory = dir.path()});
    const auto their_file = theirs->open("key", object.size());
    for (uint64_t i = 0; i < 40; i += 2)
      theirs->fill(*their_file, object, i * chunk, (i + 1) * chunk);
    their_file->offer(chunk, std::span(object).subspan(chunk), nullptr);
  });
  CHECK(WIFSIGNALED(status));
  for (uint64_t i = 0; i < 40; ++i) {
    const bool there = file->missing_from(i * chunk, (i + 1) * chunk) == (i + 1) * chunk;
    CHECK(there == (i % 2 == 0));
    if (there) CHECK(read_bytes(*file, i * chunk, chunk) == part(object, i * chunk, chunk));
  }
  ours.fill(*file, object);
  CHECK(read_bytes(*file, 0, object.size()) == object);
  CHECK(file->backing() != nullptr);
}

TEST_CASE("the pins of a dead process do not stay", "[cache]") {
  const TempDir dir;
  in_child([&] {
    const auto theirs = std::make_unique<TestCache>(CacheOptions{.directory = dir.path()});
    const auto file = theirs->put("key", object_bytes(chunk));
  });
  const TestCache ours({.directory = dir.path()});
  CHECK(ours.cache->evict_prefix("").files == 1);
}

TEST_CASE("halves of pairs and drafts of the dead are removed", "[cache]") {
  const TempDir dir;
  { TestCache({.directory = dir.path()}).put("one", object_bytes(chunk)); }
  fs::remove(only_file(dir.path(), ".map"));
  { TestCache({.directory = dir.path()}).put("two", object_bytes(chunk)); }
  const fs::path two = only_file(dir.path(), ".map");
  const fs::path draft = two.string() + ".new-0123456789abcdef";
  const fs::path young = two.string() + ".new-0123456789abcdee";
  fs::rename(two, draft);
  std::ofstream(young) << "x";
  fs::last_write_time(draft, fs::file_time_type::clock::now() - std::chrono::hours(2));
  const fs::path alone = two.parent_path() /
                         (std::string(two.filename()).substr(0, 2) + std::string(38, 'a') + ".map");
  std::ofstream(alone) << "x";
  const fs::path foreign = two.parent_path() / "README";
  std::ofstream(foreign) << "x";

  const TestCache cache({.directory = dir.path()});
  cache.scheduler->run();
  CHECK(files_ending(dir.path(), ".data").empty());
  CHECK(files_ending(dir.path(), ".map").empty());
  CHECK_FALSE(fs::exists(draft));
  CHECK(fs::exists(young));
  CHECK(fs::exists(foreign));
  CHECK(cache.cache->stats().files == 0);
}

/// A lock on a file, as another process would hold it that was stopped just then.
class HeldLock {
 public:
  HeldLock(const fs::path& path, int operation) : file_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    REQUIRE(file_ >= 0);
    REQUIRE(flock(file_, operation | LOCK_NB) == 0);
  }
  ~HeldLock() { close(file_); }
  HeldLock(const HeldLock&) = delete;
  HeldLock& operator=(const HeldLock&) = delete;

 private:
  const int file_;
};

TEST_CASE("a process that was stopped while it wrote a file keeps nobody from the others",
          "[cache]") {
  const TempDir dir;
  const TestCache cache({.directory = dir.path()});
  const Bytes object = object_bytes(4 * chunk);
  const auto file = cache.open("key", object.size());
  {
    const HeldLock held(only_file(dir.path(), ".map"), LOCK_EX);
    cache.fill(*file, object, 0, chunk);
    cache.fill(*file, object, chunk, 2 * chunk);
    CHECK(file->missing_from(0, object.size()) == 0);
    CHECK(cache.cache->stats().refused == 2 * chunk);
    cache.put("other", object);
  }
  cache.fill(*file, object);
  CHECK(file->complete());
  CHECK(cache.log->lines().empty());
}

TEST_CASE("a process that was stopped while it removed a file costs that file", "[cache]") {
  const TempDir dir;
  const TestCache cache({.directory = dir.path()});
  const Bytes object = object_bytes(2 * chunk);
  cache.put("key", object).reset();
  {
    const HeldLock held(only_file(dir.path(), ".data"), LOCK_EX);
    CHECK(cache.open("key", object.size()) == nullptr);
    cache.put("other", object);
  }
  CHECK(cache.open("key", object.size())->complete());
  CHECK(cache.log->lines().empty());
}

TEST_CASE("a process that was stopped while it counted keeps nobody from counting on", "[cache]") {
  const TempDir dir;
  const Bytes object = object_bytes(2 * chunk);
  const TestCache ours({.directory = dir.path()});
  {
    const HeldLock held(dir.path() + "/v1/usage", LOCK_EX);
    const TestCache theirs({.directory = dir.path()});
    CHECK(theirs.cache->usable());
    ours.put("key", object).reset();
    CHECK(ours.cache->stats().bytes == occupied(dir.path()));
  }
  // What could not be told then is told later, without another change.
  ours.scheduler->advance(std::chrono::seconds(1));
  const TestCache later({.directory = dir.path()});
  CHECK(later.cache->stats().bytes == occupied(dir.path()));
  CHECK(ours.log->lines().empty());
}

TEST_CASE("a process that was stopped as it began keeps nobody from beginning", "[cache]") {
  const TempDir dir;
  { const TestCache first({.directory = dir.path()}); }
  const HeldLock held(dir.path() + "/v1/members", LOCK_EX);
  const TestCache cache({.directory = dir.path()});
  CHECK(cache.cache->usable());
  cache.put("key", object_bytes(chunk));
}

}  // namespace
}  // namespace penstock
