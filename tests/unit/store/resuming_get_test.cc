// SPDX-License-Identifier: Apache-2.0
#include "store/resuming_get.h"

#include "scripted_store.h"
#include "store/retrying_store.h"
#include "support/catch.h"
#include "support/manual_scheduler.h"

namespace penstock {
namespace {

using namespace std::chrono_literals;
using test::as_bytes;
using test::CollectingSink;
using test::Outcome;

/// A store with one object, whose gets break off as the test says.
struct Ground {
  test::ManualScheduler scheduler;
  test::ScriptedStore inner;
  RetryingStore store{inner, scheduler, RetryPolicy{}, 7, Log::none()};
  std::string content = "0123456789abcdefghijklmnopqrstuvwxyz";
  ETag etag = "v1";
  std::vector<GetRequest> asked;
  /// How many bytes each of the first answers gives before it breaks off with `error`.
  std::vector<size_t> breaks;
  Error error{Code::unavailable, "connection reset"};
  bool tells_start = true;
  std::shared_ptr<CollectingSink> sink = std::make_shared<CollectingSink>();
  Outcome<ObjectInfo> outcome;

  Ground() {
    inner.on_get = [this](GetRequest request, Done<ObjectInfo> done) {
      answer(std::move(request), std::move(done));
    };
  }

  ObjectInfo info() const { return {.key = "k", .size = content.size(), .etag = etag}; }

  void answer(GetRequest request, Done<ObjectInfo> done) {
    asked.push_back(request);
    const ByteRange range = request.range.value_or(ByteRange{0, content.size()});
    if (!request.if_match.empty() && request.if_match != etag)
      return done(Error(Code::changed, "412"));
    if (range.end() > content.size()) return done(Error(Code::invalid_argument, "416"));
    if (tells_start) request.sink->started(info());
    const bool whole = asked.size() > breaks.size();
    const uint64_t length =
        whole ? range.length : std::min<uint64_t>(range.length, breaks[asked.size() - 1]);
    for (uint64_t at = 0; at < length; at += 5) {
      const std::string_view piece =
          std::string_view(content).substr(range.offset + at, std::min<uint64_t>(5, length - at));
      if (!request.sink->write(range.offset + at, as_bytes(piece)))
        return done(Error(Code::cancelled, "sink"));
    }
    if (whole) return done(info());
    done(error);
  }
  void get(std::optional<ByteRange> range, const ETag& if_match) {
    sink = std::make_shared<CollectingSink>(range ? range->offset : 0);
    store.get({.key = "k", .range = range, .if_match = if_match, .sink = sink}, outcome.done());
    scheduler.advance(2s);
  }
};

TEST_CASE("A get goes on behind the last byte that arrived, on the same version") {
  Ground ground;
  const size_t first = GENERATE(0, 1, 7, 13, 28);
  ground.error = Error(GENERATE(Code::unavailable, Code::timed_out, Code::corrupt), "broken");
  ground.breaks = {first, 2, 0};
  ground.get(ByteRange{4, 31}, "v1");
  REQUIRE(ground.outcome.ok());
  CHECK(ground.sink->bytes == ground.content.substr(4, 31));
  CHECK(ground.sink->in_order);
  CHECK(ground.sink->starts == 1);
  REQUIRE(ground.asked.size() >= 2);
  CHECK(ground.asked[1].range == ByteRange{4 + first, 31 - first});
  for (const auto& request : ground.asked) CHECK(request.if_match == "v1");
}

TEST_CASE(
    "A get of a whole object without If-Match is resumed by the ETag and the size of its first "
    "answer") {
  Ground ground;
  ground.breaks = {8};
  ground.get(std::nullopt, "");
  REQUIRE(ground.outcome.ok());
  CHECK(ground.sink->bytes == ground.content);
  REQUIRE(ground.asked.size() == 2);
  CHECK(ground.asked[0].if_match.empty());
  CHECK(ground.asked[1].if_match == "v1");
  CHECK(ground.asked[1].range == ByteRange{8, 28});
}

TEST_CASE("A get that goes on stays what it was for who else wants to send") {
  Ground ground;
  ground.breaks = {3};
  std::stop_source awaited;
  ground.store.get({.key = "k",
                    .sink = ground.sink,
                    .request_class = RequestClass::background,
                    .awaited = awaited.get_token()},
                   ground.outcome.done());
  ground.scheduler.advance(2s);
  REQUIRE(ground.asked.size() == 2);
  for (const GetRequest& request : ground.asked) {
    CHECK(request.request_class == RequestClass::background);
    CHECK(request.awaited == awaited.get_token());
  }
}

TEST_CASE("An object that is replaced between two tries is not mixed") {
  Ground ground;
  ground.breaks = {8, 3};
  ground.inner.on_get = [&](GetRequest request, Done<ObjectInfo> done) {
    if (ground.asked.size() == 1) ground.etag = "v2";
    ground.answer(std::move(request), std::move(done));
  };
  ground.get(std::nullopt, "");
  CHECK(ground.outcome.code() == Code::changed);
  CHECK(ground.sink->bytes == ground.content.substr(0, 8));
}

TEST_CASE("An answer of another version is not delivered, even by a store that ignores If-Match") {
  Ground ground;
  ground.inner.on_get = [&](const GetRequest& request, Done<ObjectInfo> done) {
    ground.etag = "v2";
    request.sink->started(ground.info());
    if (!request.sink->write(0, as_bytes("other"))) return done(Error(Code::cancelled, "sink"));
    done(ground.info());
  };
  ground.get(std::nullopt, "v1");
  CHECK(ground.outcome.code() == Code::changed);
  CHECK(ground.sink->bytes.empty());
}

TEST_CASE("A body that ends early without an error is continued") {
  Ground ground;
  ground.inner.on_get = [&](GetRequest request, Done<ObjectInfo> done) {
    if (!ground.asked.empty()) return ground.answer(std::move(request), std::move(done));
    ground.asked.push_back(request);
    request.sink->started(ground.info());
    request.sink->write(0, as_bytes("01234"));
    done(ground.info());
  };
  ground.get(std::nullopt, "");
  REQUIRE(ground.outcome.ok());
  CHECK(ground.sink->bytes == ground.content);
  CHECK(ground.asked[1].range == ByteRange{5, 31});
}

TEST_CASE("An answer that starts again from the front is not delivered twice") {
  Ground ground;
  ground.breaks = {12};
  ground.inner.on_get = [&](GetRequest request, Done<ObjectInfo> done) {
    request.range = std::nullopt;
    ground.answer(std::move(request), std::move(done));
  };
  ground.get(std::nullopt, "");
  REQUIRE(ground.outcome.ok());
  CHECK(ground.sink->bytes == ground.content);
  CHECK(ground.sink->in_order);
}

TEST_CASE("Bytes that were not asked for are never delivered") {
  Ground ground;
  ground.inner.on_get = [&](const GetRequest& request, Done<ObjectInfo> done) {
    ground.asked.push_back(request);
    request.sink->started(ground.info());
    if (!request.sink->write(7, as_bytes("789"))) return done(Error(Code::cancelled, "sink"));
    done(ground.info());
  };
  ground.get(std::nullopt, "");
  CHECK(ground.outcome.code() == Code::corrupt);
  CHECK(ground.sink->bytes.empty());
}

TEST_CASE(
    "When only the end of the answer is lost, the object is looked at instead of fetched again") {
  Ground ground;
  ground.breaks = {100};
  ground.inner.on_head = [&](const HeadRequest&, Done<ObjectInfo> done) { done(ground.info()); };
  const bool replaced = GENERATE(false, true);
  ground.inner.on_get = [&](GetRequest request, Done<ObjectInfo> done) {
    ground.answer(std::move(request), std::move(done));
    if (replaced) ground.etag = "v2";
  };
  ground.get(std::nullopt, "v1");
  CHECK(ground.asked.size() == 1);
  CHECK(ground.sink->bytes == ground.content);
  if (replaced) {
    CHECK(ground.outcome.code() == Code::changed);
  } else {
    CHECK(ground.outcome.ok());
  }
}

TEST_CASE("A contradiction found after the last byte is final") {
  Ground ground;
  ground.breaks = {100};
  ground.error = Error(Code::corrupt, "checksum");
  ground.get(std::nullopt, "v1");
  CHECK(ground.outcome.code() == Code::corrupt);
  CHECK(ground.asked.size() == 1);
}

TEST_CASE("Without a version nothing is glued together") {
  Ground ground;
  ground.tells_start = false;
  ground.breaks = {8};
  ground.get(ByteRange{0, 36}, "");
  CHECK(ground.outcome.code() == Code::unavailable);
  CHECK(ground.asked.size() == 1);
}

TEST_CASE("A sink that wants no more ends the get") {
  Ground ground;
  ground.sink = std::make_shared<CollectingSink>();
  ground.sink->stop_at = 10;
  ground.store.get({.key = "k", .sink = ground.sink}, ground.outcome.done());
  ground.scheduler.advance(1s);
  CHECK(ground.outcome.code() == Code::cancelled);
  CHECK(ground.asked.size() == 1);
}

TEST_CASE("An empty object is no short answer") {
  Ground ground;
  ground.content.clear();
  ground.get(std::nullopt, "");
  CHECK(ground.outcome.ok());
  CHECK(ground.asked.size() == 1);
}

TEST_CASE("A slow link that breaks again and again is not given up while bytes arrive") {
  Ground ground;
  ground.content.assign(200, 'x');
  ground.breaks.assign(150, 1);
  ground.inner.on_get = [&](GetRequest request, Done<ObjectInfo> done) {
    ground.scheduler.post_after(
        1s, [&ground, request = std::move(request), done = std::move(done)]() mutable {
          ground.answer(std::move(request), std::move(done));
        });
  };
  ground.get(std::nullopt, "v1");
  ground.scheduler.advance(300s);
  REQUIRE(ground.outcome.ok());
  CHECK(ground.sink->bytes == ground.content);
}

}  // namespace
}  // namespace penstock
