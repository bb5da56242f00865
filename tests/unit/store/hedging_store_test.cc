// SPDX-License-Identifier: Apache-2.0
#include "store/hedging_store.h"

#include <stop_token>
#include <string>
#include <vector>

#include "scripted_store.h"
#include "support/await.h"
#include "support/catch.h"
#include "support/manual_scheduler.h"

namespace penstock {
namespace {

using namespace std::chrono_literals;
using test::Outcome;

struct Bytes final : BodySink {
  void started(const ObjectInfo& info) noexcept override { etags.push_back(info.etag); }
  bool write(uint64_t offset, std::span<const std::byte> more) noexcept override {
    if (offset != bytes.size()) return false;
    bytes.append(reinterpret_cast<const char*>(more.data()), more.size());
    return true;
  }
  std::string bytes;
  std::vector<ETag> etags;
};

/// A store whose gets and heads wait for the test, one that was asked 40 times and took 10 ms each.
struct Ground {
  struct Get {
    GetRequest request;
    Done<ObjectInfo> done;

    void begin(const std::string& version) {
      request.sink->started({.key = request.key, .size = 4, .etag = version});
    }
    bool bring(const std::string& text) {
      return request.sink->write(0, std::as_bytes(std::span(text.data(), text.size())));
    }
  };
  struct Head {
    HeadRequest request;
    Done<ObjectInfo> done;
  };

  Ground() {
    inner.on_get = [this](GetRequest request, Done<ObjectInfo> done) {
      gets.push_back({std::move(request), std::move(done)});
    };
    inner.on_head = [this](HeadRequest request, Done<ObjectInfo> done) {
      heads.push_back({std::move(request), std::move(done)});
    };
    for (int i = 0; i < 48; ++i) {
      Outcome<ObjectInfo> told;
      get(told);
      head(told);
      scheduler.advance(10ms);
      gets.back().begin("old");
      gets.back().done(ObjectInfo{});
      heads.back().done(ObjectInfo{});
    }
    gets.clear();
    heads.clear();
  }

  void get(Outcome<ObjectInfo>& outcome, std::stop_token cancel = {}) {
    sink = std::make_shared<Bytes>();
    store.get({.key = "k", .sink = sink, .cancel = std::move(cancel)}, outcome.done());
  }
  void head(Outcome<ObjectInfo>& outcome) {
    store.head({.key = "k", .cancel = {}}, outcome.done());
  }
  uint64_t hedged(StoreRequest kind) const { return metrics->of(kind).hedged.value(); }

  test::ManualScheduler scheduler;
  test::ScriptedStore inner;
  std::shared_ptr<StoreMetrics> metrics = std::make_shared<StoreMetrics>();
  HedgingStore store{inner, scheduler, metrics};
  std::shared_ptr<Bytes> sink;
  std::vector<Get> gets;
  std::vector<Head> heads;
};

}  // namespace

TEST_CASE("a get whose answer is slow to begin is sent again, and the first answer counts") {
  Ground ground;
  const bool second_wins = GENERATE(true, false);
  Outcome<ObjectInfo> told;
  ground.get(told);
  ground.scheduler.advance(11ms);
  CHECK(ground.gets.size() == 1);
  ground.scheduler.advance(1ms);
  REQUIRE(ground.gets.size() == 2);
  CHECK(ground.hedged(StoreRequest::get) == 1);
  Ground::Get& winner = ground.gets[second_wins ? 1 : 0];
  Ground::Get& loser = ground.gets[second_wins ? 0 : 1];
  winner.begin("v1");
  CHECK(loser.request.cancel.stop_requested());
  CHECK_FALSE(winner.request.cancel.stop_requested());
  loser.begin("v2");
  CHECK_FALSE(loser.bring("LATE"));
  CHECK(winner.bring("good"));
  loser.done(Error(Code::cancelled, "cancelled"));
  CHECK(told.calls == 0);
  winner.done(ObjectInfo{.etag = "v1"});
  CHECK(told.ok());
  CHECK(told.calls == 1);
  CHECK(ground.sink->bytes == "good");
  CHECK(ground.sink->etags == std::vector<ETag>{"v1"});
}

TEST_CASE("a get that has begun to answer is not sent again, however long it takes") {
  Ground ground;
  Outcome<ObjectInfo> told;
  ground.get(told);
  ground.scheduler.advance(5ms);
  ground.gets[0].begin("v1");
  ground.scheduler.advance(10s);
  CHECK(ground.gets.size() == 1);
}

TEST_CASE("one of two failures is not told before the other") {
  Ground ground;
  Outcome<ObjectInfo> told;
  ground.get(told);
  ground.scheduler.advance(12ms);
  REQUIRE(ground.gets.size() == 2);
  ground.gets[0].done(Error(Code::unavailable, "first"));
  CHECK(told.calls == 0);
  SECTION("the other one works") {
    ground.gets[1].begin("v1");
    ground.gets[1].done(ObjectInfo{.etag = "v1"});
    CHECK(told.ok());
  }
  SECTION("the other one fails as well") {
    ground.gets[1].done(Error(Code::timed_out, "second"));
    CHECK(told.code() == Code::timed_out);
  }
}

TEST_CASE("the failure of an answer that had begun is told at once") {
  Ground ground;
  Outcome<ObjectInfo> told;
  ground.get(told);
  ground.scheduler.advance(12ms);
  REQUIRE(ground.gets.size() == 2);
  ground.gets[1].begin("v1");
  ground.gets[1].done(Error(Code::unavailable, "broke off"));
  CHECK(told.code() == Code::unavailable);
}

TEST_CASE("that there is no object is an answer") {
  Ground ground;
  Outcome<ObjectInfo> told;
  ground.head(told);
  ground.scheduler.advance(12ms);
  REQUIRE(ground.heads.size() == 2);
  CHECK(ground.hedged(StoreRequest::head) == 1);
  ground.heads[1].done(Error(Code::not_found, "no"));
  CHECK(told.code() == Code::not_found);
  CHECK(ground.heads[0].request.cancel.stop_requested());
  ground.heads[0].done(ObjectInfo{});
}

TEST_CASE("who cancels a get cancels both of its requests") {
  Ground ground;
  std::stop_source stop;
  Outcome<ObjectInfo> told;
  ground.get(told, stop.get_token());
  ground.scheduler.advance(12ms);
  REQUIRE(ground.gets.size() == 2);
  stop.request_stop();
  for (Ground::Get& get : ground.gets) {
    CHECK(get.request.cancel.stop_requested());
    get.done(Error(Code::cancelled, "cancelled"));
  }
  CHECK(told.code() == Code::cancelled);
  // One that nobody wants any more when it is asked for, too.
  Outcome<ObjectInfo> late;
  ground.get(late, stop.get_token());
  CHECK(ground.gets.back().request.cancel.stop_requested());
  ground.gets.back().done(Error(Code::cancelled, "cancelled"));
  ground.scheduler.advance(1s);
  CHECK(ground.gets.size() == 3);
  CHECK(late.code() == Code::cancelled);
}

TEST_CASE("at most one request in twenty is sent again, and ten in a row") {
  Ground ground;
  int hedged = 0;
  for (int i = 0; i < 400; ++i) {
    Outcome<ObjectInfo> told;
    ground.gets.clear();
    ground.get(told);
    ground.scheduler.advance(13ms);
    hedged += ground.gets.size() == 2 ? 1 : 0;
    // A failure is no answer that would make later ones seem usual.
    for (Ground::Get& get : ground.gets) get.done(Error(Code::unavailable, "x"));
  }
  // 96 requests had earned 4 before.
  CHECK(hedged == 4 + 400 / 20);
}

TEST_CASE("a store that asks to slow down is asked nothing twice for ten seconds") {
  Ground ground;
  Outcome<ObjectInfo> refused;
  ground.get(refused);
  ground.gets[0].done(Error(Code::throttled, "slow down"));
  Outcome<ObjectInfo> told;
  ground.get(told);
  ground.scheduler.advance(9s);
  CHECK(ground.gets.size() == 2);
  ground.gets[1].done(Error(Code::unavailable, "x"));
  ground.scheduler.advance(1s);
  Outcome<ObjectInfo> later;
  ground.get(later);
  ground.scheduler.advance(12ms);
  CHECK(ground.gets.size() == 4);
  for (size_t i : {2U, 3U}) ground.gets[i].done(Error(Code::unavailable, "x"));
}

TEST_CASE("what is fetched ahead is sent once") {
  Ground ground;
  Outcome<ObjectInfo> told;
  ground.store.get(
      {.key = "k", .sink = std::make_shared<Bytes>(), .request_class = RequestClass::background},
      told.done());
  ground.scheduler.advance(10s);
  CHECK(ground.gets.size() == 1);
  ground.gets[0].done(ObjectInfo{});
}

TEST_CASE("what is slow follows from the last 256 requests") {
  LatencyWindow window;
  for (int i = 0; i < 31; ++i) window.add(10ms);
  CHECK_FALSE(window.slow_after());
  window.add(10ms);
  CHECK(window.slow_after() == 12ms);
  // One in ten that is late is usual, one in a hundred is not.
  for (int i = 0; i < 256; ++i) window.add(i % 100 == 0 ? 500ms : 20ms);
  CHECK(window.slow_after() == 22ms);
  for (int i = 0; i < 256; ++i) window.add(i % 10 == 0 ? 500ms : 20ms);
  CHECK(window.slow_after() == 502ms);
  for (int i = 0; i < 256; ++i) window.add(1ms);
  CHECK(window.slow_after() == 3ms);
}

}  // namespace penstock
