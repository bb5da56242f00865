// SPDX-License-Identifier: Apache-2.0
// What a cache keeps of data that are larger than it, and of other use.
#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <random>

#include "cache/seen_file.h"
#include "support/faulty_disk.h"
#include "unit/cache/cache_fixture.h"

namespace penstock {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

constexpr uint64_t file_size = 4096;
// A block of data, and one of the map.
constexpr uint64_t pair_size = 2 * 4096;
constexpr size_t kept = 256;
constexpr int64_t second = 1'000'000'000;

using Names = std::vector<std::string>;

Names names(const std::string& set, size_t count) {
  Names all;
  for (size_t i = 0; i < count; ++i) all.push_back(set + "/" + std::to_string(i));
  return all;
}

/// Reads names from a cache that has room for `kept` of them, at a pace of `pace` ns, by a clock
/// that stands still otherwise.
class Reader {
 public:
  explicit Reader(const std::string& directory, int64_t begin = 1'000'000 * second)
      : now_(begin), disk_(std::make_shared<FaultyDisk>()) {
    disk_->pretend_time([this] { return now_; });
    begin_process(directory);
  }
  ~Reader() {
    cache_.reset();
    scheduler_->stop();
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  /// Of all reads those that the cache had everything for.
  double read(const Names& reads) {
    size_t hits = 0;
    for (const std::string& name : reads) {
      now_ += pace;
      scheduler_->advance(std::chrono::nanoseconds(pace));
      const auto file = cache_->open(version(name, file_size), nullptr);
      if (file != nullptr && file->complete()) {
        ++hits;
      } else if (file != nullptr) {
        file->offer(0, contents_, nullptr);
      }
      scheduler_->run();
    }
    return static_cast<double>(hits) / static_cast<double>(reads.size());
  }
  double pass(Names all) {
    std::shuffle(all.begin(), all.end(), random_);
    return read(all);
  }
  void restart(const std::string& directory) {
    cache_.reset();
    scheduler_->stop();
    begin_process(directory);
  }
  int64_t now() const { return now_; }
  CacheStats stats() const { return cache_->stats(); }
  std::minstd_rand& random() { return random_; }

  int64_t pace = 10 * second;

 private:
  void begin_process(const std::string& directory) {
    scheduler_ = std::make_shared<ManualScheduler>();
    cache_ = DiskCache::open(
        {.directory = directory,
         .size_limit = {.bytes = kept * pair_size},
         .min_free = {.bytes = 1}},
        "s3://bucket", Log::none(),
        {.disk = disk_, .scheduler = scheduler_, .wall_clock = [this] { return now_; }});
  }

  int64_t now_;
  std::minstd_rand random_{7};
  const Bytes contents_ = object_bytes(file_size);
  const std::shared_ptr<FaultyDisk> disk_;
  std::shared_ptr<ManualScheduler> scheduler_;
  std::unique_ptr<DiskCache> cache_;
};

TEST_CASE("of data twice as large as the cache it has nearly half in each pass",
          "[cache][one-thread]") {
  const TempDir dir(TempDir::fast_parent());
  Reader reader(dir.path());
  const Names all = names("set", 2 * kept);
  SECTION("in a random order") {
    CHECK(reader.pass(all) == 0);
    CHECK(reader.pass(all) >= 0.45);
    for (int i = 0; i < 3; ++i) CHECK(reader.pass(all) >= 0.45);
  }
  SECTION("in always the same order") {
    CHECK(reader.read(all) == 0);
    for (int i = 0; i < 4; ++i) CHECK(reader.read(all) >= 0.45);
  }
  SECTION("within a minute") {
    reader.pace = second / 100;
    CHECK(reader.pass(all) == 0);
    for (int i = 0; i < 4; ++i) CHECK(reader.pass(all) >= 0.45);
  }
  CHECK(reader.stats().kept_out > kept);
}

TEST_CASE("a pass goes on where another process began it", "[cache][one-thread]") {
  const TempDir dir(TempDir::fast_parent());
  Reader reader(dir.path());
  const Names all = names("set", 2 * kept);
  reader.pass(all);
  for (int i = 0; i < 2; ++i) {
    reader.restart(dir.path());
    CHECK(reader.pass(all) >= 0.45);
  }
  // Half of it.
  Names shuffled = all;
  std::shuffle(shuffled.begin(), shuffled.end(), reader.random());
  const auto half = shuffled.begin() + static_cast<ptrdiff_t>(kept);
  CHECK(reader.read({shuffled.begin(), half}) >= 0.40);
  reader.restart(dir.path());
  CHECK(reader.read({half, shuffled.end()}) >= 0.40);
}

TEST_CASE("data that are no longer read leave for those that are", "[cache][one-thread]") {
  const TempDir dir(TempDir::fast_parent());
  Reader reader(dir.path());
  const Names before = names("before", 2 * kept);
  for (int i = 0; i < 3; ++i) reader.pass(before);
  SECTION("for new ones that are larger than the cache") {
    const Names after = names("after", 2 * kept);
    reader.pass(after);
    CHECK(reader.pass(after) >= 0.45);
    CHECK(reader.pass(after) >= 0.43);
  }
  SECTION("for new ones that fit") {
    const Names after = names("after", kept * 3 / 4);
    reader.pass(after);
    for (int i = 0; i < 3; ++i) CHECK(reader.pass(after) >= 0.95);
  }
  SECTION("for some of before") {
    const Names after = names("before", kept * 3 / 4);
    for (int i = 0; i < 4; ++i) reader.pass(after);
    CHECK(reader.pass(after) >= 0.9);
  }
}

/// The same reads from a cache that removes what was not used for longest, and no rule else.
double least_recently_used(const std::vector<Names>& parts) {
  std::map<std::string, uint64_t> used;
  uint64_t time = 0;
  size_t hits = 0;
  for (const Names& part : parts) {
    hits = 0;
    for (const std::string& name : part) {
      hits += used.contains(name) ? 1 : 0;
      used[name] = ++time;
      if (used.size() <= kept) continue;
      used.erase(std::min_element(used.begin(), used.end(), [](const auto& one, const auto& other) {
        return one.second < other.second;
      }));
    }
  }
  return static_cast<double>(hits) / static_cast<double>(parts.back().size());
}

TEST_CASE("what is read over and over is kept, also where it changes", "[cache][one-thread]") {
  const TempDir dir(TempDir::fast_parent());
  Reader reader(dir.path());
  const Names all = names("all", 5 * kept);
  std::vector<Names> parts;
  for (size_t i = 0; i < 6; ++i) {
    Names hot = all;
    std::shuffle(hot.begin(), hot.end(), reader.random());
    Names reads;
    for (size_t j = 0; j < 3 * kept; ++j) {
      const size_t of = reader.random()() % 10 == 0 ? all.size() : kept / 3;
      reads.push_back(hot[reader.random()() % of]);
    }
    parts.push_back(reads);
    const double rate = reader.read(parts.back());
    CHECK(rate >= least_recently_used(parts) - 0.03);
  }
}

TEST_CASE("what is new comes in while passes go on", "[cache][one-thread]") {
  const TempDir dir(TempDir::fast_parent());
  Reader reader(dir.path());
  const Names all = names("set", 2 * kept);
  for (int i = 0; i < 3; ++i) reader.pass(all);
  const Names checkpoints = names("checkpoint", 4);
  CHECK(reader.read(checkpoints) == 0);
  CHECK(reader.read(checkpoints) == 1);
  // That was not for nothing, and costs what it takes.
  CHECK(reader.pass(all) >= 0.45);
}

TEST_CASE("what was seen is found again, for the newest", "[cache]") {
  const TempDir dir;
  CacheDirectory directory(Disk::system(), dir.path());
  REQUIRE(directory.prepare() == 0);
  const SeenFile seen(Disk::system(), directory);
  const auto name = [](uint64_t i) { return fmt::format("{:02x}{:016x}{:022x}", 7, i, 0); };
  CHECK_FALSE(seen.last_read_ns(name(1)));
  REQUIRE(seen.note(name(1), 5 * second, 1ULL << 30) == 0);
  CHECK(seen.last_read_ns(name(1)) == 5 * second);
  REQUIRE(seen.note(name(1), 6 * second, 1ULL << 20) == 0);
  CHECK(seen.last_read_ns(name(1)) == 6 * second);
  CHECK_FALSE(seen.last_read_ns(name(2)));
  CHECK(fs::file_size(directory.seen_path()) == 128ULL << 10);
  // All of these have the same eight places.
  for (uint64_t i = 2; i < 12; ++i)
    REQUIRE(seen.note(name(i), static_cast<int64_t>(i) * 10 * second, 1ULL << 30) == 0);
  for (uint64_t i = 1; i < 4; ++i) CHECK_FALSE(seen.last_read_ns(name(i)));
  for (uint64_t i = 4; i < 12; ++i)
    CHECK(seen.last_read_ns(name(i)) == static_cast<int64_t>(i) * 10 * second);
}

TEST_CASE("a damaged file of what was seen tells nothing, and is begun anew", "[cache]") {
  const TempDir dir;
  CacheDirectory directory(Disk::system(), dir.path());
  REQUIRE(directory.prepare() == 0);
  const SeenFile seen(Disk::system(), directory);
  const std::string name = fmt::format("{:02x}{:016x}{:022x}", 7, 1, 0);
  const auto put = [&](size_t size, char byte) {
    std::ofstream(directory.seen_path(), std::ios::trunc) << std::string(size, byte);
  };
  for (const size_t size : {0, 1, 4096, 40000}) {
    put(size, 'x');
    CHECK_FALSE(seen.last_read_ns(name));
    REQUIRE(seen.note(name, second, 1) == 0);
    CHECK(seen.last_read_ns(name) == second);
    CHECK(fs::file_size(directory.seen_path()) == 32768);
  }
  // Times past all that 64 bits count.
  put(32768, '\xff');
  const std::string marked = fmt::format("{:02x}{:016x}{:022x}", 7, 0xffffff, 0);
  CHECK_FALSE(seen.last_read_ns(marked));
}

}  // namespace
}  // namespace penstock
