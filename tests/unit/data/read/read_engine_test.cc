// SPDX-License-Identifier: Apache-2.0
#include "data/read/read_engine.h"

#include "unit/data/read/read_fixture.h"

namespace penstock::test {
namespace {

TEST_CASE("a small object is fetched whole, once, with a plain guarded GET") {
  ReadFixture t(300 * kib);
  const auto reader = t.open();
  const auto middle = t.read(*reader, 100 * kib, 4 * kib);
  const auto end = t.read(*reader, 299 * kib, 100 * kib);
  REQUIRE(t.store.gets.size() == 1);
  CHECK_FALSE(t.store.gets[0]->request.range);
  CHECK(t.store.gets[0]->request.if_match == "v1");
  CHECK_FALSE(middle->arrived());
  t.store.serve(0);
  CHECK(middle->is({100 * kib, 4 * kib}));
  CHECK(end->is({299 * kib, kib}));
  t.scheduler.advance(std::chrono::seconds(60));
  CHECK(t.read(*reader, 0, 300 * kib)->is({0, 300 * kib}));
  CHECK(t.store.gets.size() == 1);
}

TEST_CASE("a reader ends with its last user, whoever still has a weak pointer to it") {
  ReadFixture t(10);
  const auto held = std::make_shared<int>();
  auto reader = t.open([held](const ObjectInfo&) {});
  const std::weak_ptr<ObjectReader> weak = reader;
  CHECK(held.use_count() == 2);
  reader.reset();
  CHECK(held.use_count() == 1);
}

TEST_CASE("beyond the end there is nothing, and nothing is asked for") {
  ReadFixture t(10);
  const auto reader = t.open();
  CHECK(t.read(*reader, 10, 5)->is({10, 0}));
  CHECK(t.read(*reader, 1000, 5)->is({0, 0}));
  ReadFixture empty(0);
  CHECK(empty.read(*empty.open(), 0, 5)->is({0, 0}));
  CHECK(t.store.gets.empty());
}

TEST_CASE("a read is answered as soon as its bytes have arrived") {
  ReadFixture t(512 * kib);
  const auto reader = t.open();
  const auto first = t.read(*reader, 0, 4 * kib);
  const auto second = t.read(*reader, 4 * kib, 4 * kib);
  t.store.send(0, 4 * kib - 1);
  CHECK_FALSE(first->arrived());
  t.store.send(0, 1);
  CHECK(first->is({0, 4 * kib}));
  CHECK_FALSE(second->arrived());
  t.store.send(0, 100 * kib);
  CHECK(second->is({4 * kib, 4 * kib}));
}

TEST_CASE("one fetch serves everyone who asks while it is in flight") {
  ReadFixture t(64 * mib);
  const auto reader = t.open();
  std::vector<std::shared_ptr<Reply>> replies;
  for (int i = 0; i < 10; ++i) replies.push_back(t.read(*reader, 32 * mib, 16 * kib));
  CHECK(t.store.gets.size() == 1);
  t.store.serve(0);
  for (const auto& reply : replies) CHECK(reply->is({32 * mib, 16 * kib}));
}

TEST_CASE("a random read costs one GET of little more than itself") {
  ReadFixture t(1024 * mib);
  const auto reader = t.open();
  uint64_t offset = 12345;
  for (int i = 0; i < 500; ++i) {
    offset = (offset * 6364136223846793005ULL + 1442695040888963407ULL) % (1024 * mib - 8 * kib);
    t.read_well(*reader, offset / 4096 * 4096, 4096);
  }
  CHECK(t.store.gets.size() <= 500);
  for (const ByteRange& range : t.ranges()) CHECK(range.length <= 32 * kib);
  CHECK(t.budget.used() <= 6 * mib);
}

TEST_CASE("the first read at the start is followed by 4 MiB over four connections") {
  ReadFixture t(256 * mib);
  const auto reader = t.open();
  const auto reply = t.read(*reader, 0, 128 * kib);
  CHECK(t.ranges() == std::vector<ByteRange>{{0, mib}, {mib, mib}, {2 * mib, mib}, {3 * mib, mib}});
  // The reader waits for the first alone.
  CHECK(t.store.gets[0]->request.request_class == RequestClass::demand);
  CHECK(t.store.gets[1]->request.request_class == RequestClass::background);
  CHECK_FALSE(t.store.gets[1]->request.awaited.stop_requested());
  t.store.send(0, 128 * kib);
  CHECK(reply->is({0, 128 * kib}));
}

TEST_CASE("who reads what is being fetched ahead makes it a demand") {
  ReadFixture t(256 * mib);
  const auto reader = t.open();
  const auto first = t.read(*reader, 0, 128 * kib);
  const auto awaited = [&](size_t index) {
    return t.store.gets[index]->request.awaited.stop_requested();
  };
  REQUIRE(t.store.gets.size() == 4);
  t.store.send(2, 256 * kib);
  // These bytes are here, so nobody waits.
  CHECK(t.read(*reader, 2 * mib, 128 * kib)->is({2 * mib, 128 * kib}));
  CHECK_FALSE(awaited(2));
  const auto later = t.read(*reader, 2 * mib + 128 * kib, 256 * kib);
  CHECK(awaited(2));
  CHECK_FALSE(awaited(1));
  CHECK_FALSE(awaited(3));
  const auto both = t.read(*reader, 2 * mib - 64 * kib, 128 * kib);
  CHECK(awaited(1));
  t.store.serve_all();
  CHECK(later->is({2 * mib + 128 * kib, 256 * kib}));
  CHECK(both->is({2 * mib - 64 * kib, 128 * kib}));
}

TEST_CASE("a stream's window grows quickly, in order, without gaps or repetition", "[one-thread]") {
  ReadFixture t(256 * mib);
  const auto reader = t.open();
  for (uint64_t offset = 0; offset < t.size; offset += mib) {
    if (offset == 4 * mib) CHECK(t.fetched() >= 32 * mib);
    t.read_well(*reader, offset, mib);
    t.scheduler.advance(std::chrono::milliseconds(2));
    CHECK(t.budget.used() <= 200 * mib);
  }
  uint64_t at = 0;
  uint64_t largest = 0;
  for (const ByteRange& range : t.ranges()) {
    CHECK(range.offset == at);
    at = range.end();
    largest = std::max(largest, range.length);
  }
  CHECK(at == t.size);
  CHECK(largest == 8 * mib);
  CHECK(t.store.gets.back()->range.length == mib);
  CHECK(t.budget.used() <= 2 * mib);
}

TEST_CASE("kernel read-ahead may come out of order", "[one-thread]") {
  ReadFixture t(64 * mib);
  const auto reader = t.open();
  const uint64_t step = 128 * kib;
  for (uint64_t block = 0; block < 64; block += 4) {
    for (const uint64_t i : {0, 2, 1, 3}) t.read_well(*reader, (block + i) * step, step);
  }
  uint64_t sum = 0;
  for (const ByteRange& range : t.ranges()) sum += range.length;
  CHECK(sum <= t.size);
  CHECK(t.store.gets.size() < 50);
}

TEST_CASE("eight interleaved streams each get their read-ahead, and no byte is fetched twice",
          "[one-thread]") {
  ReadFixture t(1024 * mib);
  const auto reader = t.open();
  const uint64_t apart = 128 * mib;
  for (uint64_t step = 0; step < 64; ++step) {
    for (uint64_t stream = 0; stream < 8; ++stream) {
      t.read_well(*reader, stream * apart + step * 256 * kib, 256 * kib);
    }
  }
  // 8 x 16 MiB were read in 512 reads.
  CHECK(t.store.gets.size() < 256);
  for (uint64_t stream = 0; stream < 8; ++stream) {
    uint64_t at = stream * apart;
    for (const ByteRange& range : t.ranges()) {
      if (range.offset / apart != stream) continue;
      CHECK(range.offset == at);
      at = range.end();
    }
    CHECK(at > stream * apart + 16 * mib);
  }
}

TEST_CASE("a reader with a constant stride gets its next pieces ahead") {
  ReadFixture t(1024 * mib);
  const auto reader = t.open();
  size_t waited = 0;
  for (uint64_t offset = 4 * mib; offset < t.size; offset += 4 * mib) {
    const auto reply = t.read(*reader, offset, 4 * kib);
    if (!reply->arrived()) ++waited;
    t.store.serve_all();
    CHECK(reply->is({offset, 4 * kib}));
  }
  CHECK(waited <= 5);
  CHECK(t.store.gets.size() <= 256);
  CHECK(t.fetched() <= 256 * 16 * kib);
}

TEST_CASE("two threads with strides of their own, backwards too, and jitter") {
  ReadFixture t(1024 * mib);
  const auto reader = t.open();
  size_t waited = 0;
  for (uint64_t i = 0; i < 100; ++i) {
    for (const uint64_t offset :
         {4 * mib + i * 5 * mib + i % 3 * 4 * kib, 1020 * mib - i * 3 * mib}) {
      const auto reply = t.read(*reader, offset, 128 * kib);
      if (!reply->arrived()) ++waited;
      t.store.serve_all();
      CHECK(reply->is({offset, 128 * kib}));
    }
  }
  CHECK(waited < 110);
}

TEST_CASE("a changed object fails the read and every later one that lacks bytes") {
  ReadFixture t(64 * mib);
  const auto reader = t.open();
  t.read_well(*reader, 8 * mib, 16 * kib);
  const auto reply = t.read(*reader, 32 * mib, 16 * kib);
  t.store.fail(1, Error(GENERATE(Code::changed, Code::not_found), "gone"));
  REQUIRE(reply->arrived());
  CHECK(reply->code() == Code::changed);
  CHECK(t.read(*reader, 48 * mib, 1)->code() == Code::changed);
  CHECK(t.read(*reader, 8 * mib, 16 * kib)->is({8 * mib, 16 * kib}));
  CHECK(t.store.gets.size() == 2);
}

TEST_CASE("an answer about another version is a changed object, whatever the server let through") {
  ReadFixture t(64 * mib);
  const auto reader = t.open();
  t.store.etag = "v2";
  t.read(*reader, 32 * mib, 16 * kib);
  t.store.serve(0);
  CHECK(t.read(*reader, 48 * mib, 1)->code() == Code::changed);
}

TEST_CASE("a failed fetch fails those who wait; a later read tries again") {
  ReadFixture t(64 * mib);
  const auto reader = t.open();
  const auto one = t.read(*reader, 32 * mib, 16 * kib);
  const auto two = t.read(*reader, 32 * mib, 4 * kib);
  t.store.send(0, 4 * kib);
  CHECK(two->is({32 * mib, 4 * kib}));
  t.store.fail(0, Error(Code::unavailable, "no luck"));
  CHECK(one->code() == Code::unavailable);
  CHECK(t.budget.used() == 16 * kib);
  two->result.reset();
  CHECK(t.budget.used() == 0);
  t.served = 1;
  t.read_well(*reader, 32 * mib, 16 * kib);
  CHECK(t.store.gets.size() == 2);
}

TEST_CASE("a cancelled read ends at once, its fetch goes on for others") {
  ReadFixture t(64 * mib);
  const auto reader = t.open();
  std::stop_source stop;
  const auto cancelled = t.read(*reader, 32 * mib, 16 * kib, stop.get_token());
  const auto other = t.read(*reader, 32 * mib, 16 * kib);
  stop.request_stop();
  REQUIRE(cancelled->arrived());
  CHECK(cancelled->code() == Code::interrupted);
  CHECK_FALSE(t.store.gets[0]->request.cancel.stop_requested());
  t.store.serve(0);
  CHECK(other->is({32 * mib, 16 * kib}));
  CHECK(t.read(*reader, 40 * mib, 1, stop.get_token())->code() == Code::interrupted);
}

TEST_CASE("dropping the reader cancels its gets, answers its waiters and frees its memory") {
  ReadFixture t(64 * mib);
  auto reader = t.open();
  const auto reply = t.read(*reader, 0, 16 * kib);
  t.store.send(0, 8 * kib);
  reader.reset();
  REQUIRE(reply->arrived());
  CHECK(reply->code() == Code::cancelled);
  for (const auto& get : t.store.gets) CHECK(get->request.cancel.stop_requested());
  CHECK_FALSE(t.store.send(0, 8 * kib));
  t.store.serve_all();
  CHECK(t.budget.used() == 0);
}

TEST_CASE("a reply keeps its bytes when everything else is gone") {
  ReadFixture t(64 * mib);
  auto reader = t.open();
  const auto reply = t.read(*reader, 32 * mib, 16 * kib);
  t.store.serve(0);
  reader.reset();
  CHECK(reply->is({32 * mib, 16 * kib}));
}

TEST_CASE("what a GET tells of the object is passed on once") {
  ReadFixture t(64 * mib);
  int times = 0;
  const auto reader = t.open([&](const ObjectInfo& info) {
    ++times;
    CHECK(info.metadata->at("mode") == "33188");
  });
  for (uint64_t i = 1; i < 4; ++i) t.read_well(*reader, i * 10 * mib, 4 * kib);
  CHECK(times == 1);
}

TEST_CASE("idle read-ahead is dropped after a while, but not that of a slow stream") {
  ReadFixture t(64 * mib);
  const auto reader = t.open();
  t.read_well(*reader, 0, 128 * kib);
  for (int i = 1; i < 8; ++i) {
    t.scheduler.advance(std::chrono::seconds(6));
    t.read_well(*reader, static_cast<uint64_t>(i) * 128 * kib, 128 * kib);
  }
  const size_t before = t.store.gets.size();
  CHECK(t.fetched() <= 16 * mib);
  CHECK(t.budget.used() >= 3 * mib);
  t.scheduler.advance(std::chrono::seconds(25));
  CHECK(t.budget.used() == 0);
  t.read_well(*reader, mib, 128 * kib);
  CHECK(t.store.gets.size() > before);
}

TEST_CASE("64 readers under the smallest budget all finish, within it", "[one-thread]") {
  ReadFixture t(32 * mib, 16 * mib);
  std::vector<std::shared_ptr<ObjectReader>> readers;
  for (int i = 0; i < 64; ++i) readers.push_back(t.open());
  for (uint64_t offset = 0; offset < 4 * mib; offset += mib) {
    std::vector<std::shared_ptr<Reply>> replies;
    for (const auto& reader : readers) replies.push_back(t.read(*reader, offset, mib));
    size_t left = replies.size();
    for (int round = 0; left != 0 && round < 1000; ++round) {
      t.store.serve_all();
      t.store.gets.clear();
      t.scheduler.run();
      CHECK(t.budget.used() <= 17 * mib);
      for (const auto& reply : replies) {
        if (!reply->good()) continue;
        REQUIRE(reply->is({offset, mib}));
        reply->result = Error(Code::internal);
        --left;
      }
    }
    REQUIRE(left == 0);
  }
  readers.clear();
  CHECK(t.budget.used() == 0);
}

TEST_CASE("memory that others need is taken from what is idle first", "[one-thread]") {
  ReadFixture t(900 * kib, 16 * mib);
  std::vector<std::shared_ptr<ObjectReader>> readers;
  for (int i = 0; i < 100; ++i) {
    readers.push_back(t.open());
    t.read_well(*readers.back(), 0, 900 * kib);
  }
  CHECK(t.budget.used() <= 17 * mib);
  bool granted = false;
  t.budget.reserve(MemoryBudget::Use::write, 14 * mib, [&](Reservation) { granted = true; });
  CHECK(granted);
}

TEST_CASE("a parked read can be interrupted, and its grant is not lost") {
  ReadFixture t(64 * mib, 16 * mib);
  const auto reader = t.open();
  std::optional<Reservation> all = t.budget.try_reserve(MemoryBudget::Use::demand, 17 * mib);
  REQUIRE(all);
  std::stop_source stop;
  const auto cancelled = t.read(*reader, 32 * mib, 16 * kib, stop.get_token());
  const auto waiting = t.read(*reader, 48 * mib, 16 * kib);
  CHECK(t.store.gets.empty());
  stop.request_stop();
  CHECK(cancelled->code() == Code::interrupted);
  all->release();
  t.scheduler.run();
  REQUIRE(t.store.gets.size() == 1);
  t.store.serve(0);
  CHECK(waiting->is({48 * mib, 16 * kib}));
  CHECK(t.budget.used() == 16 * kib);
}

}  // namespace
}  // namespace penstock::test
