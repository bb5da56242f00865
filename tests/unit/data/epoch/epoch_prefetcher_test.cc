// SPDX-License-Identifier: Apache-2.0
// The rest of a tree on its way into the cache, over a scripted store.
#include "data/epoch/epoch_prefetcher.h"

#include <fmt/format.h>

#include <set>

#include "data/epoch/watched_reads.h"
#include "support/captured_log.h"
#include "support/faulty_disk.h"
#include "support/sizes.h"
#include "support/temp_dir.h"
#include "unit/data/read/read_fixture.h"

namespace penstock::test {
namespace {

constexpr uint64_t object_size = 40 * kib;
constexpr uint32_t at_once = 8;

std::string key_of(size_t i) { return fmt::format("data/{:05}", i); }

/// Counts what is opened.
struct CountedReads final : ReadEngine {
  explicit CountedReads(ReadEngine& the_inner) : inner(the_inner) {}
  std::shared_ptr<ObjectReader> open(ObjectVersion version,
                                     std::function<void(const ObjectInfo&)> learned) override {
    ++opened;
    return inner.open(std::move(version), std::move(learned));
  }

  ReadEngine& inner;
  size_t opened = 0;
};

struct Fixture {
  explicit Fixture(uint64_t cache_size = gib, uint64_t memory = 256 * mib,
                   uint64_t queue = 64 * mib)
      : budget(memory) {
    CacheOptions options{
        .directory = dir.path(), .size_limit = {.bytes = cache_size}, .min_free = {.bytes = 1}};
    options.queue_limit = queue;
    cache = DiskCache::open(options, "scripted", log,
                            {.disk = std::make_shared<FaultyDisk>(),
                             .scheduler = scheduler,
                             .questions = nullptr,
                             .clock = scheduler});
    engine = make_read_engine({store, budget, pool, *scheduler, Log::none(), cache.get()}, {});
    ahead = std::make_unique<CountedReads>(*engine);
    prefetcher = std::make_shared<EpochPrefetcher>(EpochPrefetcherParts{.reads = *ahead,
                                                                        .cache = *cache,
                                                                        .scheduler = *scheduler,
                                                                        .most_at_once = at_once,
                                                                        .largest = mib,
                                                                        .metrics = metrics});
    hints = std::make_shared<OrderHints>(OrderHintsParts{.reads = *ahead,
                                                         .cache = *cache,
                                                         .scheduler = *scheduler,
                                                         .most_at_once = at_once,
                                                         .whole = mib});
    reads = make_watched_reads(*engine, prefetcher, hints);
    prefetcher->start([this](const KnownFilesRequest& request) { return known(request); });
  }
  ~Fixture() {
    prefetcher->stop();
    engine.reset();
    cache.reset();
    scheduler->stop();
  }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;

  KnownFiles known(const KnownFilesRequest& request) const {
    KnownFiles found{.files = {}, .total = files, .end = true, .reached = {}};
    for (size_t i = 0; i < files; ++i) {
      if (key_of(i) <= request.after) continue;
      if (found.files.size() == request.most) {
        found.end = false;
        if (!found.files.empty()) found.reached = found.files.back().key;
        break;
      }
      found.files.push_back({key_of(i), "v1", object_size});
    }
    return found;
  }

  std::shared_ptr<ObjectReader> open(size_t i) {
    return reads->open({key_of(i), "v1", object_size}, nullptr);
  }
  /// Reads a file as a program does; its own request is answered, what is fetched ahead is not.
  void read(size_t i) {
    const size_t before = store.gets.size();
    const auto reader = open(i);
    const auto reply = ReadFixture::read(*reader, 0, object_size);
    scheduler->run();
    for (size_t get = before; get < store.gets.size(); ++get) {
      if (store.gets[get]->request.key == key_of(i)) store.serve(get);
    }
    scheduler->run();
    REQUIRE(reply->is({0, object_size}));
  }
  void read_first(size_t count) {
    for (size_t i = 0; i < count; ++i) read(i);
  }
  /// Answers all, over and over.
  void serve() {
    for (size_t before = SIZE_MAX; before != store.gets.size();) {
      before = store.gets.size();
      scheduler->run();
      store.serve_all();
      scheduler->run();
    }
  }
  std::vector<std::string> in_background() const {
    std::vector<std::string> keys;
    for (const auto& get : store.gets) {
      if (get->request.request_class == RequestClass::background) keys.push_back(get->request.key);
    }
    return keys;
  }
  size_t gets_of(size_t i) const {
    return static_cast<size_t>(
        std::count_if(store.gets.begin(), store.gets.end(),
                      [&](const auto& get) { return get->request.key == key_of(i); }));
  }

  const TempDir dir;
  const std::shared_ptr<ManualScheduler> scheduler = std::make_shared<ManualScheduler>();
  const std::shared_ptr<CapturedLog> log = std::make_shared<CapturedLog>();
  MemoryBudget budget;
  BufferPool pool{64 * mib};
  ScriptedStore store{object_size};
  std::unique_ptr<DiskCache> cache;
  std::unique_ptr<ReadEngine> engine;
  std::unique_ptr<CountedReads> ahead;
  const std::shared_ptr<EpochMetrics> metrics = std::make_shared<EpochMetrics>();
  std::shared_ptr<EpochPrefetcher> prefetcher;
  std::shared_ptr<OrderHints> hints;
  std::unique_ptr<ReadEngine> reads;
  size_t files = 100;
};

TEST_CASE("the rest of a tree is fetched in the background, so many at once, each file once") {
  Fixture fixture;
  fixture.read_first(31);
  CHECK(fixture.in_background().empty());
  fixture.read(31);
  CHECK(fixture.in_background().size() == at_once);
  CHECK(fixture.store.in_flight() == at_once);
  // It begins behind the reader.
  CHECK(fixture.in_background().front() == key_of(32));
  fixture.serve();
  CHECK(fixture.in_background().size() == 100 - 32);
  for (size_t i = 0; i < 100; ++i) CHECK(fixture.gets_of(i) == 1);
  CHECK(fixture.metrics->files.value() == 68);
  CHECK(fixture.metrics->bytes.value() == 68 * object_size);
}

TEST_CASE("what was fetched ahead is read without a request, and counted") {
  Fixture fixture;
  fixture.read_first(32);
  fixture.serve();
  // The disk has all of it by then, and memory none.
  fixture.scheduler->advance(EpochWatch::pause + std::chrono::seconds(2));
  const size_t gets = fixture.store.gets.size();
  for (size_t i = 32; i < 100; ++i) fixture.read(i);
  CHECK(fixture.store.gets.size() == gets);
  CHECK(fixture.metrics->read_files.value() == 68);
  CHECK(fixture.metrics->read_bytes.value() == 68 * object_size);
}

TEST_CASE("the walk goes round to what lies before the reader, and begins again for new names") {
  Fixture fixture;
  for (size_t i = 60; i < 92; ++i) fixture.read(i);
  fixture.serve();
  for (size_t i = 0; i < 100; ++i) CHECK(fixture.gets_of(i) == 1);
  fixture.files = 120;
  fixture.scheduler->advance(std::chrono::seconds(1));
  fixture.serve();
  for (size_t i = 0; i < 120; ++i) CHECK(fixture.gets_of(i) == 1);
}

TEST_CASE("a reader of what is under way shares its request, which is a demand from then on") {
  Fixture fixture;
  fixture.read_first(32);
  REQUIRE(fixture.gets_of(33) == 1);
  const auto reader = fixture.open(33);
  const auto reply = ReadFixture::read(*reader, 0, object_size);
  fixture.scheduler->run();
  CHECK(fixture.gets_of(33) == 1);
  for (const auto& get : fixture.store.gets) {
    if (get->request.key == key_of(33)) CHECK(get->request.awaited.stop_requested());
    if (get->request.key == key_of(34)) CHECK_FALSE(get->request.awaited.stop_requested());
  }
  fixture.serve();
  CHECK(reply->is({0, object_size}));
  CHECK(fixture.metrics->read_files.value() == 1);
}

TEST_CASE("another version than the one under way is fetched by itself") {
  Fixture fixture;
  fixture.read_first(32);
  REQUIRE(fixture.gets_of(33) == 1);
  const auto reader = fixture.reads->open({key_of(33), "v2", object_size}, nullptr);
  const auto reply = ReadFixture::read(*reader, 0, object_size);
  fixture.scheduler->run();
  CHECK(fixture.gets_of(33) == 2);
  CHECK(fixture.store.gets.back()->request.if_match == "v2");
}

TEST_CASE("what was overwritten or deleted meanwhile is dropped, and the rest goes on") {
  Fixture fixture;
  fixture.read_first(32);
  const Code code = GENERATE(Code::changed, Code::not_found);
  for (size_t i = 0; i < fixture.store.gets.size(); ++i) {
    if (!fixture.store.gets[i]->finished) fixture.store.fail(i, Error(code));
  }
  fixture.serve();
  CHECK(fixture.metrics->files.value() == 68 - at_once);
}

TEST_CASE("a store in trouble is left alone for a while") {
  Fixture fixture;
  fixture.read_first(32);
  for (size_t i = 0; i < fixture.store.gets.size(); ++i) {
    if (!fixture.store.gets[i]->finished) fixture.store.fail(i, Error(Code::unavailable));
  }
  const size_t gets = fixture.store.gets.size();
  fixture.serve();
  fixture.read(99);
  fixture.scheduler->advance(std::chrono::seconds(2));
  CHECK(fixture.store.gets.size() <= gets + at_once);
}

TEST_CASE("only free room of the cache is filled, and nothing is evicted for it") {
  Fixture fixture(3 * mib);
  fixture.read_first(32);
  fixture.serve();
  fixture.scheduler->advance(std::chrono::seconds(1));
  fixture.read(99);
  fixture.serve();
  fixture.scheduler->advance(EpochWatch::pause + std::chrono::seconds(2));
  CHECK(fixture.metrics->files.value() > 10);
  CHECK(fixture.metrics->files.value() < 45);
  CHECK(fixture.cache->stats().evicted == 0);
  CHECK(fixture.cache->stats().bytes <= 3 * mib);
}

TEST_CASE("it takes at most half of what may wait for the cache's disk") {
  Fixture fixture(gib, 256 * mib, 5 * object_size);
  fixture.read_first(32);
  CHECK(fixture.in_background().size() == 2);
}

TEST_CASE("names that come while it goes on are fetched, and the others are not looked at again") {
  Fixture fixture;
  fixture.files = 200;
  fixture.read_first(32);
  fixture.serve();
  for (const size_t files : {240, 280}) {
    fixture.files = files;
    fixture.read(files - 100);
    fixture.scheduler->advance(std::chrono::seconds(1));
    fixture.serve();
    CHECK(fixture.metrics->files.value() == files - 32);
    // Some of those that were read before there was an epoch may be.
    CHECK(fixture.ahead->opened < files);
  }
}

TEST_CASE("a tree that the cache has is left alone") {
  Fixture fixture;
  fixture.files = 300;
  for (size_t i = 0; i < 300; ++i) {
    const auto reader = fixture.engine->open({key_of(i), "v1", object_size}, nullptr);
    const auto reply = ReadFixture::read(*reader, 0, object_size);
    fixture.serve();
    REQUIRE(reply->is({0, object_size}));
  }
  fixture.read_first(31);
  REQUIRE_FALSE(fixture.prefetcher->epoch());
  fixture.read(31);
  fixture.serve();
  CHECK_FALSE(fixture.prefetcher->epoch());
  CHECK(fixture.store.gets.size() == 300);
  CHECK(fixture.metrics->files.value() == 0);
}

TEST_CASE("what is under way is told, and nothing once it is over") {
  Fixture fixture;
  CHECK_FALSE(fixture.prefetcher->epoch());
  fixture.read_first(32);
  fixture.serve();
  fixture.read(50);
  const std::optional<EpochWatch::Epoch> epoch = fixture.prefetcher->epoch();
  REQUIRE(epoch);
  CHECK(epoch->directory == "data/");
  CHECK(epoch->fetched == 68);
  CHECK(epoch->used == 1);
  CHECK(epoch->known == 100);
  fixture.scheduler->advance(EpochWatch::pause);
  CHECK_FALSE(fixture.prefetcher->epoch());
}

TEST_CASE("another version than the one that was fetched ahead is fetched, and not counted as it") {
  Fixture fixture;
  fixture.read_first(32);
  fixture.serve();
  REQUIRE(fixture.gets_of(40) == 1);
  const auto reader = fixture.reads->open({key_of(40), "v2", object_size}, nullptr);
  const auto reply = ReadFixture::read(*reader, 0, object_size);
  fixture.scheduler->run();
  CHECK(fixture.gets_of(40) == 2);
  CHECK(fixture.store.gets.back()->request.if_match == "v2");
  fixture.prefetcher->read_whole({key_of(40), "v2", object_size}, false);
  CHECK(fixture.metrics->read_files.value() == 0);
  fixture.prefetcher->read_whole({key_of(40), "v1", object_size}, false);
  CHECK(fixture.metrics->read_files.value() == 1);
}

TEST_CASE("it stops when the reader stops") {
  Fixture fixture;
  fixture.files = 10'000;
  fixture.read_first(32);
  fixture.scheduler->advance(EpochWatch::pause);
  const size_t gets = fixture.store.gets.size();
  fixture.serve();
  CHECK(fixture.store.gets.size() == gets);
}

TEST_CASE("it stops at once when it is told to, with what is under way") {
  Fixture fixture;
  fixture.read_first(32);
  REQUIRE(fixture.store.in_flight() == at_once);
  fixture.prefetcher->stop();
  for (const auto& get : fixture.store.gets)
    CHECK((get->finished || get->request.cancel.stop_requested()));
  const size_t gets = fixture.store.gets.size();
  fixture.serve();
  fixture.read(99);
  CHECK(fixture.store.gets.size() == gets + 1);
  CHECK(fixture.metrics->files.value() == 0);
}

TEST_CASE("reads come before it where memory is short") {
  Fixture fixture(gib, 16 * mib);
  fixture.read_first(31);
  const auto taken = fixture.budget.try_reserve(MemoryBudget::Use::demand, 16 * mib - 64 * kib);
  REQUIRE(taken);
  fixture.read(31);
  CHECK(fixture.in_background().size() < 2);
  fixture.read(60);
}

}  // namespace
}  // namespace penstock::test
