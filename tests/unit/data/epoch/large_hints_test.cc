// SPDX-License-Identifier: Apache-2.0
// Files that were hinted, large and small, on their way into the cache, over a scripted store.
#include "data/epoch/large_hints.h"

#include <algorithm>
#include <cerrno>

#include "data/epoch/order_hints.h"
#include "unit/data/read/cached_fixture.h"

namespace penstock::test {
namespace {

constexpr uint64_t object_size = 64 * mib;
constexpr uint32_t at_once = 16;

/// Counts what its readers are asked about the cache.
class CountedReads final : public ReadEngine {
 public:
  explicit CountedReads(ReadEngine& inner) : inner_(inner) {}

  std::shared_ptr<ObjectReader> open(ObjectVersion version,
                                     std::function<void(const ObjectInfo&)> learned) override {
    return std::make_shared<Reader>(inner_.open(std::move(version), std::move(learned)), *this);
  }

  uint64_t shares = 0;   ///< How often what the cache has was asked.
  uint64_t fetches = 0;  ///< How often something was to be fetched ahead.
  uint64_t refused = 0;  ///< How many of the next of these find that the cache takes nothing.

 private:
  class Reader final : public ObjectReader {
   public:
    Reader(std::shared_ptr<ObjectReader> inner, CountedReads& counted)
        : inner_(std::move(inner)), counted_(counted) {}

    void read(ByteRange range, std::stop_token cancel, Done<Slices> done) override {
      inner_->read(range, std::move(cancel), std::move(done));
    }
    void begin(Done<bool> done) override { inner_->begin(std::move(done)); }
    void find_backing(Done<std::shared_ptr<const BackingFile>> done) override {
      inner_->find_backing(std::move(done));
    }
    void cache_share(Done<CacheShare> done) override {
      ++counted_.shares;
      inner_->cache_share(std::move(done));
    }
    void fetch_ahead(ByteRange range, Done<uint64_t> done) override {
      ++counted_.fetches;
      if (counted_.refused > 0) {
        --counted_.refused;
        return done(Error(Code::no_space, "the cache takes nothing now"));
      }
      inner_->fetch_ahead(range, std::move(done));
    }

   private:
    const std::shared_ptr<ObjectReader> inner_;
    CountedReads& counted_;
  };

  ReadEngine& inner_;
};

/// Shards of one size on a store that is answered by hand.
struct Fixture : CachedFixture {
  explicit Fixture(uint64_t size = object_size, uint32_t most_at_once = at_once)
      : CachedFixture(size) {
    hints = std::make_shared<OrderHints>(OrderHintsParts{.reads = counted,
                                                         .cache = *cache,
                                                         .scheduler = *scheduler,
                                                         .most_at_once = most_at_once,
                                                         .whole = mib,
                                                         .metrics = metrics});
    hints->start([size](std::string name, Callback<void(std::optional<ObjectVersion>)> answer) {
      const bool small = name.starts_with("small");
      answer(ObjectVersion{std::move(name), "v1", small ? mib : size});
    });
    list = hints->begin();
  }
  ~Fixture() { hints->stop(); }

  void hint(std::vector<std::string> names) {
    CHECK(hints->add(list, std::move(names), 0));
    scheduler->run();
  }
  std::shared_ptr<ObjectReader> open_large(const std::string& key) {
    const ObjectVersion version{key, "v1", size};
    return hints->open_large(version, [&] { return counted.open(version, nullptr); });
  }
  /// Lets the timers of a second run out, many times.
  void rest() {
    for (int i = 0; i < 20; ++i) {
      serve_in_turn();
      scheduler->advance(std::chrono::milliseconds(100));
    }
  }
  /// The disk fails, and is found to.
  void lose_disk() {
    disk->decide([](DiskCall, uint64_t) { return -EIO; });
    engine->open(ObjectVersion{"other", "v1", size}, nullptr)->cache_share([](const auto&) {});
    scheduler->run();
  }
  /// The keys of the requests, each once where they follow each other.
  std::vector<std::string> order() const {
    std::vector<std::string> found;
    for (const auto& get : store.gets)
      if (found.empty() || found.back() != get->request.key) found.push_back(get->request.key);
    return found;
  }
  uint64_t bytes_in_flight() const {
    uint64_t sum = 0;
    for (const auto& get : store.gets) sum += get->finished ? 0 : get->range.length;
    return sum;
  }
  uint64_t bytes_of(const std::string& key) const {
    uint64_t sum = 0;
    for (const auto& get : store.gets) sum += get->request.key == key ? get->range.length : 0;
    return sum;
  }
  /// Answers one request after the other, until there are no more; true where never more than half
  /// of what may wait for the disk was on its way.
  bool serve_in_turn() {
    bool bounded = true;
    for (size_t i = 0; i < store.gets.size(); ++i) {
      bounded = bounded && bytes_in_flight() + cache->queue().bytes <= cache->queue().limit / 2;
      store.serve(i);
      scheduler->run();
    }
    return bounded;
  }

  CountedReads counted{*engine};
  const std::shared_ptr<EpochMetrics> metrics = std::make_shared<EpochMetrics>();
  std::shared_ptr<OrderHints> hints;
  OrderHints::ListId list = 0;
};

TEST_CASE(
    "a large file that was hinted is fetched in ranges, in the background, and read without "
    "a request") {
  Fixture fixture;
  fixture.hint({"a"});
  REQUIRE(fixture.store.gets.size() > 1);
  CHECK(fixture.store.in_flight() <= at_once);
  CHECK(fixture.serve_in_turn());
  uint64_t at = 0;
  for (const auto& get : fixture.store.gets) {
    CHECK(get->request.request_class == RequestClass::background);
    CHECK(get->request.if_match == "v1");
    CHECK(get->range.offset == at);
    at = get->range.end();
  }
  CHECK(at == object_size);
  fixture.scheduler->advance(std::chrono::seconds(1));
  CHECK(fixture.metrics->hinted_files.value() == 1);
  CHECK(fixture.metrics->hinted_bytes.value() == object_size);
  const size_t made = fixture.store.gets.size();
  const auto reader = fixture.open_large("a");
  for (uint64_t offset = 0; offset < object_size; offset += mib) {
    const auto reply = ReadFixture::read(*reader, offset, mib);
    fixture.scheduler->run();
    REQUIRE(reply->is({offset, mib}));
  }
  CHECK(fixture.store.gets.size() == made);
}

TEST_CASE("large files are fetched in the order of the hints, each byte once") {
  Fixture fixture;
  fixture.hint({"c", "a", "b"});
  CHECK(fixture.serve_in_turn());
  CHECK(fixture.order() == std::vector<std::string>{"c", "a", "b"});
  for (const char* key : {"a", "b", "c"}) CHECK(fixture.bytes_of(key) == object_size);
}

TEST_CASE("who reads a large file that is being fetched shares its requests") {
  Fixture fixture;
  fixture.hint({"a"});
  const auto reader = fixture.open_large("a");
  const auto reply = ReadFixture::read(*reader, 0, mib);
  fixture.scheduler->run();
  CHECK(fixture.store.gets[0]->request.awaited.stop_requested());
  CHECK(fixture.serve_in_turn());
  CHECK(reply->is({0, mib}));
  CHECK(fixture.bytes_of("a") == object_size);
}

TEST_CASE("a large file that was overwritten or deleted while it is fetched is dropped") {
  const Code code = GENERATE(Code::changed, Code::not_found);
  Fixture fixture;
  fixture.hint({"a", "b"});
  const size_t first = fixture.store.in_flight();
  for (size_t i = 0; i < first; ++i) fixture.store.fail(i, Error(code));
  fixture.scheduler->run();
  CHECK(fixture.serve_in_turn());
  CHECK(fixture.bytes_of("a") < object_size);
  CHECK(fixture.bytes_of("b") == object_size);
  CHECK(fixture.metrics->hints_ignored.value() == 1);
}

TEST_CASE("a file that is larger than half of the cache is passed over, without a request") {
  Fixture fixture(gib);
  fixture.hint({"a"});
  fixture.scheduler->advance(std::chrono::seconds(1));
  CHECK(fixture.store.gets.empty());
  CHECK(fixture.metrics->hints_ignored.value() == 1);
}

TEST_CASE("what is under way of large files is given up at once, and nothing is begun after it") {
  Fixture fixture;
  fixture.hint({"a", "b"});
  const size_t made = fixture.store.gets.size();
  fixture.hints->stop();
  for (const auto& get : fixture.store.gets) CHECK(get->request.cancel.stop_requested());
  fixture.store.serve_all();
  fixture.scheduler->advance(std::chrono::seconds(1));
  CHECK(fixture.store.gets.size() == made);
}

TEST_CASE("small and large files of two lists have their turns, also with one request at a time") {
  Fixture fixture(object_size, 1);
  fixture.hint({"a", "b"});
  const OrderHints::ListId other = fixture.hints->begin();
  CHECK(fixture.hints->add(other, {"small 1", "small 2", "small 3"}, 0));
  fixture.rest();
  const std::vector<std::string> order = fixture.order();
  // Between the first and the last piece of a large file, not after all of them.
  const auto first = std::find(order.begin(), order.end(), "small 1");
  const auto last = std::find(order.begin(), order.end(), "small 3");
  REQUIRE(last != order.end());
  CHECK(first < std::find(order.begin(), order.end(), "b"));
  CHECK(std::count(first, order.end(), "a") > 0);
  for (const char* key : {"a", "b"}) CHECK(fixture.bytes_of(key) == object_size);
}

TEST_CASE("what is fetched of large files and not read takes half of the cache") {
  Fixture fixture(128 * mib);
  // Half of 1 GiB holds three of them, with what their maps take.
  fixture.hint({"a", "b", "c", "d", "e"});
  fixture.rest();
  CHECK(fixture.order() == std::vector<std::string>{"a", "b", "c"});
  CHECK(fixture.hints->state().waiting == 2);
  CHECK(fixture.hints->state().ahead > 3 * 128 * mib);
  CHECK(fixture.hints->state().ahead <= gib / 2);
  fixture.open_large("a").reset();
  fixture.rest();
  CHECK(fixture.order() == std::vector<std::string>{"a", "b", "c", "d"});
  // One that is open is not read yet.
  const auto reader = fixture.open_large("b");
  fixture.rest();
  CHECK(fixture.order().size() == 4);
  CHECK(fixture.hints->active());
  fixture.open_large("c").reset();
  fixture.rest();
  CHECK(fixture.order().back() == "e");
  CHECK_FALSE(fixture.hints->active());
  CHECK(fixture.metrics->hinted_files.value() == 5);
}

TEST_CASE("large files whose list has ended are given up after a minute") {
  Fixture fixture;
  fixture.hint({"a", "b"});
  const size_t made = fixture.store.gets.size();
  fixture.hints->end(fixture.list);
  fixture.scheduler->advance(std::chrono::seconds(61));
  for (const auto& get : fixture.store.gets) CHECK(get->request.cancel.stop_requested());
  fixture.rest();
  CHECK(fixture.store.gets.size() == made);
  CHECK(fixture.hints->state().waiting == 0);
  CHECK(fixture.hints->state().ahead == 0);
}

TEST_CASE("a large file that finds no memory for a piece is fetched when there is some") {
  Fixture fixture;
  auto taken = fixture.budget.try_reserve(MemoryBudget::Use::demand, 254 * mib);
  REQUIRE(taken);
  fixture.hint({"a"});
  fixture.rest();
  CHECK(fixture.store.gets.empty());
  taken.reset();
  fixture.rest();
  CHECK(fixture.bytes_of("a") == object_size);
  CHECK(fixture.metrics->hints_ignored.value() == 0);
}

TEST_CASE("a small file that finds no memory is fetched when there is some") {
  Fixture fixture(mib);
  auto taken = fixture.budget.try_reserve(MemoryBudget::Use::demand, 256 * mib);
  REQUIRE(taken);
  fixture.hint({"small-a", "small-b"});
  fixture.rest();
  CHECK(fixture.store.gets.empty());
  // Others have their turn meanwhile, and it is tried less and less often.
  CHECK(fixture.counted.fetches >= 4);
  CHECK(fixture.counted.fetches <= 2 * 6);
  taken.reset();
  for (int i = 0; i < 3; ++i) fixture.rest();
  CHECK(fixture.bytes_of("small-a") == mib);
  CHECK(fixture.bytes_of("small-b") == mib);
  CHECK(fixture.metrics->hinted_files.value() == 2);
  CHECK(fixture.metrics->hints_ignored.value() == 0);
}

TEST_CASE("a small file that the cache's disk says nothing of for a moment is fetched later") {
  Fixture fixture(mib);
  fixture.counted.refused = 1;
  fixture.hint({"small-a"});
  CHECK(fixture.store.gets.empty());
  fixture.rest();
  CHECK(fixture.bytes_of("small-a") == mib);
  CHECK(fixture.metrics->hinted_files.value() == 1);
  CHECK(fixture.metrics->hints_ignored.value() == 0);
}

TEST_CASE("a small file that fails is fetched once more, and not where that is the object's") {
  const auto [code, tries, fetched] = GENERATE(table<Code, int, bool>(
      {{Code::unavailable, 1, true}, {Code::unavailable, 2, false}, {Code::changed, 1, false}}));
  Fixture fixture(mib);
  fixture.hint({"small-a"});
  for (int i = 0; i < tries; ++i) {
    REQUIRE(fixture.store.gets.size() == static_cast<size_t>(i) + 1);
    fixture.store.fail(static_cast<size_t>(i), Error(code));
    fixture.scheduler->run();
    // Not at once.
    CHECK(fixture.store.gets.size() == static_cast<size_t>(i) + 1);
    if (i + 1 < tries) fixture.scheduler->advance(HintRoom::rest + GrowingPause::shortest);
  }
  fixture.rest();
  CHECK(fixture.metrics->hinted_files.value() == (fetched ? 1 : 0));
  CHECK(fixture.metrics->hints_ignored.value() == (fetched ? 0 : 1));
  CHECK(fixture.store.gets.size() == static_cast<size_t>(tries) + (fetched ? 1 : 0));
  // Its place is free.
  fixture.hint({"small-b"});
  fixture.rest();
  CHECK(fixture.bytes_of("small-b") == mib);
  CHECK_FALSE(fixture.hints->active());
}

TEST_CASE("a read of a large file finds a change that its fetching ahead has found no sooner") {
  Fixture fixture;
  fixture.hint({"a"});
  const auto reader = fixture.open_large("a");
  // The first piece has arrived as it was; then the object is replaced.
  fixture.store.serve(0);
  for (size_t i = 1; i < fixture.store.gets.size(); ++i)
    fixture.store.fail(i, Error(Code::changed));
  fixture.scheduler->run();
  const auto there = ReadFixture::read(*reader, 0, mib);
  fixture.scheduler->run();
  CHECK(there->is({0, mib}));
  const auto changed = ReadFixture::read(*reader, 32 * mib, mib);
  fixture.scheduler->run();
  for (size_t i = 0; i < fixture.store.gets.size(); ++i)
    if (!fixture.store.gets[i]->finished) fixture.store.fail(i, Error(Code::changed));
  fixture.scheduler->run();
  REQUIRE(changed->arrived());
  CHECK_FALSE(changed->good());
  CHECK(changed->code() == Code::changed);
}

TEST_CASE("a piece of a large file that fails is fetched once more, and then the file is dropped") {
  const bool lasting = GENERATE(false, true);
  Fixture fixture;
  fixture.hint({"a", "b"});
  const size_t first = fixture.store.in_flight();
  REQUIRE(first > 2);
  // All that is under way, as when the store is away for a while.
  for (size_t i = 0; i < first; ++i) fixture.store.fail(i, Error(Code::unavailable));
  fixture.scheduler->run();
  // Not at once.
  CHECK(fixture.store.gets.size() == first);
  fixture.scheduler->advance(GrowingPause::shortest);
  REQUIRE(fixture.store.gets.size() > first);
  if (lasting) fixture.store.fail(first, Error(Code::unavailable));
  fixture.rest();
  CHECK(fixture.metrics->hints_ignored.value() == (lasting ? 1 : 0));
  CHECK(fixture.metrics->hinted_files.value() == (lasting ? 1 : 2));
  CHECK(fixture.order() == std::vector<std::string>{"a", "b"});
  CHECK(fixture.bytes_of("b") == object_size);
  CHECK_FALSE(fixture.hints->active());
}

TEST_CASE("what could not be fetched ahead fails no read of what is in the cache") {
  Fixture fixture;
  fixture.hint({"a"});
  const auto reader = fixture.open_large("a");
  fixture.store.serve(0);
  // The disk has it; then the memory that had it goes to the next piece.
  fixture.scheduler->run();
  fixture.store.serve(1);
  fixture.scheduler->run();
  for (size_t i = 2; i < fixture.store.gets.size(); ++i)
    fixture.store.fail(i, Error(Code::changed));
  fixture.scheduler->run();
  CHECK(fixture.metrics->hints_ignored.value() == 1);
  const auto there = ReadFixture::read(*reader, 0, mib);
  CHECK_FALSE(there->arrived());
  // The disk answers, the store does not.
  fixture.scheduler->run();
  CHECK(there->is({0, mib}));
}

TEST_CASE("of a file that a program has opened and closed before its turn the hint is late") {
  const uint64_t size = GENERATE(mib, object_size);
  Fixture fixture(size, 1);
  fixture.hint({"a", "b"});
  if (size == mib) fixture.hints->opened({"b", "v1", size});
  if (size != mib) fixture.open_large("b").reset();
  fixture.rest();
  CHECK(fixture.order() == std::vector<std::string>{"a"});
  CHECK(fixture.metrics->hints_late.value() == 1);
  CHECK(fixture.metrics->hints_ignored.value() == 0);
}

TEST_CASE("while the cache's disk is away it is asked less and less often, and then fetched on") {
  const std::string name = GENERATE("small", "large");
  Fixture fixture(name == "small" ? mib : object_size);
  fixture.lose_disk();
  fixture.hint({name});
  const auto asked = [&] { return fixture.counted.shares + fixture.counted.fetches; };
  // Every 100 ms these would be 300.
  fixture.scheduler->advance(std::chrono::seconds(30));
  CHECK(asked() <= 16);
  CHECK(fixture.store.gets.empty());
  CHECK(fixture.hints->active() == (name == "large"));
  fixture.disk->decide({});
  for (int i = 0; i < 400 && fixture.metrics->hinted_files.value() == 0; ++i) fixture.rest();
  CHECK(fixture.metrics->hinted_files.value() == 1);
  CHECK(fixture.metrics->hints_ignored.value() == 0);
}

TEST_CASE("a pause grows until something could be done") {
  using std::chrono::milliseconds;
  GrowingPause pause;
  for (const int expected : {100, 200, 400, 800, 1600, 3200, 3200, 3200})
    CHECK(pause.next() == milliseconds(expected));
  pause.reset();
  CHECK(pause.next() == milliseconds(100));
  CHECK(pause.next() == milliseconds(200));
}

}  // namespace
}  // namespace penstock::test
