// SPDX-License-Identifier: Apache-2.0
#include "store/checking_store.h"

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "scripted_store.h"
#include "store/s3/checksum.h"
#include "support/captured_log.h"
#include "support/catch.h"
#include "support/manual_scheduler.h"

namespace penstock {
namespace {

using namespace std::chrono_literals;
using test::as_bytes;
using test::CollectingSink;
using test::Outcome;

constexpr uint64_t mib = 1ULL << 20;
constexpr uint64_t size = 9 * mib + 5;

std::string make_content() {
  std::string content(size, '?');
  for (uint64_t i = 0; i < size; ++i) content[i] = static_cast<char>(i * 2654435761ULL >> 13);
  return content;
}

std::string crc_of(ChecksumKind kind, const std::string& content) {
  RunningChecksum sum(kind);
  sum.update(as_bytes(content));
  return crc_bytes(kind, sum.value());
}

/// Tells what it is set to, at once or when the test says so.
class ScriptedSums final : public ObjectSums {
 public:
  Result<ObjectSum> answer = ObjectSum{};
  bool at_once = true;
  int looks = 0;
  HeadRequest asked;
  Done<ObjectSum> waiting;

  void look(HeadRequest request, Done<ObjectSum> done) override {
    ++looks;
    asked = std::move(request);
    if (at_once) return done(answer);
    waiting = std::move(done);
  }
  void look_at_part(PartSumRequest, Done<PartSum> done) override {
    done(Error(Code::not_supported));
  }
  void tell() { std::exchange(waiting, nullptr)(answer); }
};

/// A store with one object, whose gets may bring other bytes than those of its checksum.
struct Ground {
  const std::string content = make_content();
  test::ScriptedStore inner;
  ScriptedSums sums;
  test::ManualScheduler scheduler;
  std::shared_ptr<test::CapturedLog> log = std::make_shared<test::CapturedLog>();
  std::shared_ptr<StoreMetrics> metrics = std::make_shared<StoreMetrics>();
  CheckingStore store{inner, sums, scheduler, log, metrics};
  std::optional<uint64_t> flipped;  ///< The offset that comes wrong.
  ETag etag = "v1";

  Ground() {
    know(ChecksumKind::crc32c);
    inner.on_get = [this](const GetRequest& request, Done<ObjectInfo> done) {
      serve(request, std::move(done));
    };
  }

  void know(ChecksumKind kind) {
    sums.answer = ObjectSum{.object = {.key = "k", .size = size, .etag = "v1"},
                            .kind = kind,
                            .value = crc_of(kind, content)};
  }

  void serve(const GetRequest& request, Done<ObjectInfo> done) {
    const ObjectInfo info{.key = "k", .size = size, .etag = etag};
    const ByteRange range = request.range.value_or(ByteRange{0, size});
    request.sink->started(info);
    std::string bytes = content.substr(range.offset, range.length);
    if (flipped && *flipped >= range.offset && *flipped < range.end())
      bytes[*flipped - range.offset] ^= 1;
    constexpr uint64_t step = 400'000;
    for (uint64_t at = 0; at < range.length; at += step) {
      const auto piece = std::string_view(bytes).substr(at, step);
      if (!request.sink->write(range.offset + at, as_bytes(piece)))
        return done(Error(Code::cancelled, "sink"));
    }
    done(info);
  }

  /// What one range came to.
  struct Got {
    std::shared_ptr<CollectingSink> sink;
    std::shared_ptr<Outcome<ObjectInfo>> outcome = std::make_shared<Outcome<ObjectInfo>>();
    std::stop_source cancel;
  };
  Got get(ByteRange range) {
    Got got{.sink = std::make_shared<CollectingSink>(range.offset)};
    store.get({.key = "k",
               .range = range,
               .if_match = "v1",
               .sink = got.sink,
               .cancel = got.cancel.get_token()},
              [outcome = got.outcome](Result<ObjectInfo> result) {
                ++outcome->calls;
                outcome->result = std::make_unique<Result<ObjectInfo>>(std::move(result));
              });
    return got;
  }
  /// All of the object in ranges of `step`; what the last one came to.
  Got read_all(uint64_t step = mib) {
    for (uint64_t at = 0; at + step < size; at += step) CHECK(get({at, step}).outcome->ok());
    const uint64_t last = (size - 1) / step * step;
    return get({last, size - last});
  }
  uint64_t corrupt() const { return metrics->of(StoreRequest::get).corrupt.value(); }
};

TEST_CASE("A flipped byte of any range of a large object is told at the object's end") {
  Ground ground;
  ground.know(GENERATE(ChecksumKind::crc32c, ChecksumKind::crc32));
  ground.flipped = GENERATE(uint64_t{0}, 3 * mib + 17, size - 1);
  const auto last = ground.read_all();
  CHECK(last.outcome->code() == Code::corrupt);
  CHECK(last.outcome->calls == 1);
  CHECK(last.sink->bytes.empty());  // Its bytes came at once, and were held back.
  CHECK(ground.corrupt() == 1);
  REQUIRE(ground.log->lines().size() == 1);
  CHECK(ground.log->lines()[0].find("key 'k'") != std::string::npos);
  ground.flipped.reset();
  CHECK(ground.read_all(2 * mib).outcome->ok());
  CHECK(ground.corrupt() == 1);
  CHECK(ground.sums.looks == 1);
}

TEST_CASE("Right bytes pass as they come, and are checked whenever they are read again") {
  Ground ground;
  for (int round = 0; round < 2; ++round) {
    const auto last = ground.read_all(512 * 1024);
    REQUIRE(last.outcome->ok());
    CHECK((last.sink->bytes == ground.content.substr(size - last.sink->bytes.size())));
    CHECK(last.sink->in_order);
  }
  ground.flipped = 7;
  CHECK(ground.read_all().outcome->code() == Code::corrupt);
}

TEST_CASE("The store is asked once, and not for what is small, or read in small parts") {
  Ground ground;
  CHECK(ground.get({0, 7 * mib}).outcome->ok());
  CHECK(ground.sums.looks == 0);
  CHECK(ground.get({7 * mib, mib}).outcome->ok());
  CHECK(ground.sums.looks == 1);
  CHECK(ground.get({8 * mib, mib}).outcome->ok());
  CHECK(ground.sums.looks == 1);
}

TEST_CASE("What nobody can check passes as it comes") {
  Ground ground;
  ground.flipped = 5;
  SECTION("no checksum") { ground.sums.answer = ObjectSum{.object = {.etag = "v1"}}; }
  SECTION("a kind that costs too much") { ground.know(ChecksumKind::crc64nvme); }
  SECTION("a checksum of checksums") { ground.sums.answer.value().parts = 2; }
  SECTION("another version") { ground.sums.answer.value().object.etag = "v2"; }
  SECTION("the store refuses to tell") { ground.sums.answer = Error(Code::access_denied, "403"); }
  CHECK(ground.read_all().outcome->ok());
  CHECK(ground.read_all().outcome->ok());
  CHECK(ground.sums.looks == 1);
  CHECK(ground.corrupt() == 0);
}

TEST_CASE("A store that did not answer is asked again when as much was read once more") {
  Ground ground;
  const auto known = ground.sums.answer;
  ground.sums.answer = Error(Code::unavailable, "reset");
  ground.flipped = 5;
  CHECK(ground.read_all().outcome->ok());
  ground.sums.answer = known;
  CHECK(ground.read_all().outcome->code() == Code::corrupt);
  CHECK(ground.sums.looks == 2);
}

TEST_CASE("The last bytes wait for an answer of the store that is late") {
  Ground ground;
  ground.sums.at_once = false;
  const bool wrong = GENERATE(true, false);
  if (wrong) ground.flipped = 100;
  auto last = ground.read_all(8 * mib);
  CHECK(last.outcome->calls == 0);
  const std::string all = ground.content.substr(8 * mib);
  CHECK(last.sink->bytes.size() < all.size());
  SECTION("until it comes") {
    ground.sums.tell();
    REQUIRE(last.outcome->calls == 1);
    CHECK(last.outcome->ok() == !wrong);
    CHECK((last.sink->bytes == all) == !wrong);
    CHECK(ground.corrupt() == (wrong ? 1 : 0));
  }
  SECTION("or the receiver wants no more") {
    last.cancel.request_stop();
    CHECK(last.outcome->code() == Code::cancelled);
    ground.sums.tell();
    CHECK(last.outcome->calls == 1);
    CHECK(last.sink->bytes.size() < all.size());
  }
  SECTION("or has hung for too long") {
    CHECK_FALSE(ground.sums.asked.cancel.stop_requested());
    ground.scheduler.advance(RangeChecks::patience);
    CHECK(ground.sums.asked.cancel.stop_requested());
    ground.sums.answer = Error(Code::cancelled, "given up");
    ground.sums.tell();
    REQUIRE(last.outcome->ok());
    CHECK((last.sink->bytes == all));
  }
}

TEST_CASE("A range that broke off counts when it has come as a whole") {
  Ground ground;
  CHECK(ground.get({0, 8 * mib}).outcome->ok());
  ground.inner.on_get = [&](const GetRequest& request, Done<ObjectInfo> done) {
    request.sink->started({.key = "k", .size = size, .etag = "v1"});
    CHECK(request.sink->write(8 * mib, as_bytes("wrong bytes")));
    done(Error(Code::unavailable, "reset"));
  };
  CHECK(ground.get({8 * mib, size - 8 * mib}).outcome->code() == Code::unavailable);
  ground.inner.on_get = [&](const GetRequest& request, Done<ObjectInfo> done) {
    ground.serve(request, std::move(done));
  };
  CHECK(ground.get({8 * mib, size - 8 * mib}).outcome->ok());
  CHECK(ground.corrupt() == 0);
}

TEST_CASE("Ranges of many threads come to one finding") {
  Ground ground;
  ground.flipped = GENERATE(std::optional<uint64_t>(), std::optional<uint64_t>(5 * mib));
  constexpr uint64_t step = 256 * 1024;
  std::atomic<uint64_t> next = 0;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (uint64_t at = next.fetch_add(step); at < size; at = next.fetch_add(step)) {
        const auto got = ground.get({at, std::min(step, size - at)});
        if (got.outcome->code() == Code::corrupt) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == (ground.flipped ? 1 : 0));
}

}  // namespace
}  // namespace penstock
