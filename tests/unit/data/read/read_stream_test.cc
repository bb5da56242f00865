// SPDX-License-Identifier: Apache-2.0
#include "data/read/read_stream.h"

#include <random>

#include "data/read/read_window.h"
#include "support/catch.h"
#include "support/sizes.h"

namespace penstock {
namespace {

using test::kib;
using test::mib;
using Kind = ReadPattern::Kind;

struct Watched {
  ReadStreams streams;
  Scheduler::Time now{};
  ReadPattern observe(uint64_t offset, uint64_t length) {
    now += std::chrono::milliseconds(1);
    return streams.observe({offset, length}, now);
  }
};

TEST_CASE("a read at the start is a stream at once, elsewhere the second one makes it") {
  Watched w;
  CHECK(w.observe(0, 4 * kib).kind == Kind::sequential);
  CHECK(w.observe(100 * mib, 4 * kib).kind == Kind::random);
  const ReadPattern second = w.observe(100 * mib + 4 * kib, 4 * kib);
  REQUIRE(second.kind == Kind::sequential);
  CHECK(second.stream->run == 8 * kib);
  CHECK(second.stream->next == 100 * mib + 8 * kib);
}

TEST_CASE("the same read again is no stream") {
  Watched w;
  for (int i = 0; i < 5; ++i) CHECK(w.observe(100 * mib, 64 * kib).kind == Kind::random);
}

TEST_CASE("random reads of a large object are random") {
  Watched w;
  std::mt19937_64 random(7);
  int taken_for_something = 0;
  for (int i = 0; i < 20'000; ++i) {
    const uint64_t page = 1 + random() % (1024 * mib / 4096 - 1);
    if (w.observe(page * 4096, 4096).kind != Kind::random) ++taken_for_something;
  }
  CHECK(taken_for_something < 20);
}

TEST_CASE("random reads do not displace a stream that moves") {
  Watched w;
  std::mt19937_64 random(7);
  w.observe(0, 128 * kib);
  for (uint64_t i = 1; i < 100; ++i) {
    for (int other = 0; other < 40; ++other) w.observe(mib * (1000 + random() % 100'000), 4 * kib);
    const ReadPattern pattern = w.observe(i * 128 * kib, 128 * kib);
    REQUIRE(pattern.kind == Kind::sequential);
    CHECK(pattern.stream->begin == 0);
  }
}

TEST_CASE("a stream is recognised in any order within its tolerance") {
  Watched w;
  for (uint64_t i = 0; i < 8; ++i) w.observe(i * mib, mib);
  for (const uint64_t i : {11, 9, 10, 8, 14, 12, 15, 13}) {
    const ReadPattern pattern = w.observe(i * mib, mib);
    REQUIRE(pattern.kind == Kind::sequential);
    CHECK(pattern.stream->begin == 0);
  }
  const ReadPattern last = w.observe(16 * mib, mib);
  CHECK(last.stream->run == 17 * mib);
}

TEST_CASE("a second reader from the start is a stream of its own") {
  Watched w;
  for (uint64_t i = 0; i < 32; ++i) w.observe(i * mib, mib);
  for (uint64_t i = 0; i < 8; ++i) {
    const ReadPattern again = w.observe(i * mib, mib);
    REQUIRE(again.kind == Kind::sequential);
    CHECK(again.stream->next == (i + 1) * mib);
    CHECK(w.observe((32 + i) * mib, mib).stream->next == (33 + i) * mib);
  }
}

TEST_CASE("who reads little of what he passes over is no stream") {
  Watched w;
  for (uint64_t i = 0; i < 4; ++i) w.observe(i * mib, mib);
  int sequential = 0;
  for (uint64_t i = 0; i < 20; ++i) {
    const ReadPattern pattern = w.observe(6 * mib + i * 3 * mib, 4 * kib);
    if (pattern.kind == Kind::sequential) ++sequential;
  }
  CHECK(sequential < 10);
}

TEST_CASE("four equal distances are a stride, prefetched deeper and deeper") {
  Watched w;
  for (uint64_t i = 1; i < 4; ++i) CHECK(w.observe(i * 4 * mib, 4 * kib).kind == Kind::random);
  const ReadPattern found = w.observe(16 * mib, 4 * kib);
  REQUIRE(found.kind == Kind::strided);
  CHECK(found.prefetch.count == 4);
  CHECK(found.prefetch.position(0) == static_cast<int64_t>(20 * mib));
  uint64_t planned = 20 * mib / (4 * mib);
  for (uint64_t i = 5; i < 100; ++i) {
    const ReadPattern next = w.observe(i * 4 * mib, 4 * kib);
    REQUIRE(next.kind == Kind::strided);
    if (next.prefetch.count != 0)
      planned = static_cast<uint64_t>(next.prefetch.position(next.prefetch.count)) / (4 * mib);
    if (i > 20) CHECK(planned >= i + 16);
    CHECK(planned <= i + 33);
  }
}

TEST_CASE("a strided piece may come in several reads") {
  Watched w;
  int misses = 0;
  for (uint64_t i = 1; i < 60; ++i) {
    for (uint64_t part = 0; part < 4; ++part) {
      const ReadPattern pattern = w.observe(i * 16 * mib + part * 256 * kib, 256 * kib);
      if (i > 5 && pattern.kind != Kind::strided) ++misses;
      if (i > 8 && pattern.prefetch.count != 0) CHECK(pattern.prefetch.length == mib);
    }
  }
  CHECK(misses == 0);
}

TEST_CASE("streams at equal distances end up as streams") {
  Watched w;
  for (uint64_t step = 0; step < 40; ++step) {
    for (uint64_t stream = 0; stream < 8; ++stream) {
      const ReadPattern pattern = w.observe(stream * 64 * mib + step * 128 * kib, 128 * kib);
      if (step < 2) continue;
      REQUIRE(pattern.kind == Kind::sequential);
      CHECK(pattern.stream->begin == stream * 64 * mib);
    }
  }
}

TEST_CASE("pieces of one size, the end of each asked for before its beginning, are one stream") {
  Watched w;
  const uint64_t piece = 6 * mib + 840 * kib;
  for (uint64_t at = 0; at < 4 * mib; at += mib) w.observe(at, mib);
  for (uint64_t begin = 0; begin < 40 * piece; begin += piece) {
    // As the kernel does: 4 MiB around the last page, then what is left before it.
    const uint64_t tail = begin + piece - 2 * mib;
    for (uint64_t at = tail; at < tail + 4 * mib; at += mib) {
      const ReadPattern pattern = w.observe(at, mib);
      if (begin < 2 * piece) continue;
      REQUIRE(pattern.kind == Kind::sequential);
      CHECK(pattern.stream->begin == 0);
    }
    const uint64_t head = begin + (begin == 0 ? 4 : 2) * mib;
    for (uint64_t at = head; at < tail; at += mib) {
      const ReadPattern pattern = w.observe(at, std::min<uint64_t>(mib, tail - at));
      if (begin < 2 * piece) continue;
      REQUIRE(pattern.kind == Kind::sequential);
      CHECK(pattern.stream->begin == 0);
    }
  }
}

TEST_CASE("strides are looked for only where they are wanted") {
  Watched w;
  for (uint64_t i = 1; i < 20; ++i) {
    w.now += std::chrono::milliseconds(1);
    CHECK(w.streams.observe({i * 4 * mib, 4 * kib}, w.now, false).kind == Kind::random);
  }
}

ReadStream stream_of(uint64_t begin, uint64_t run) {
  return ReadStream{
      .begin = begin, .next = begin + run, .run = run, .ahead = begin + run, .reads = 2};
}

ReadWindow window_of(const ReadStream& stream, uint64_t target, uint64_t size = 4096 * mib) {
  return ReadWindow(
      stream, {.target = target, .object_size = size, .fetch_size = 8 * mib, .smallest = 16 * kib});
}

TEST_CASE("windows grow with the run, faster from the start, up to the target") {
  CHECK(window_of(stream_of(0, 4 * kib), 64 * mib).size() == 4 * mib);
  CHECK(window_of(stream_of(0, 2 * mib), 64 * mib).size() == 16 * mib);
  CHECK(window_of(stream_of(mib, 2 * mib), 64 * mib).size() == 8 * mib);
  CHECK(window_of(stream_of(mib, 8 * kib), 64 * mib).size() == 32 * kib);
  CHECK(window_of(stream_of(0, 100 * mib), 64 * mib).size() == 64 * mib);
  CHECK(window_of(stream_of(0, 4 * kib), mib).size() == mib);
}

TEST_CASE("pieces grow with the window, are aligned, and shrink at the end of the object") {
  CHECK(window_of(stream_of(0, 4 * kib), 64 * mib).piece_end(0) == mib);
  CHECK(window_of(stream_of(0, 2 * mib), 64 * mib).piece_end(16 * mib) == 18 * mib);
  const ReadWindow large = window_of(stream_of(0, 100 * mib), 64 * mib, 200 * mib);
  CHECK(large.piece_end(104 * mib) == 112 * mib);
  CHECK(large.piece_end(105 * mib) == 112 * mib);
  CHECK(large.piece_end(111 * mib) == 120 * mib);
  CHECK(large.piece_end(184 * mib) == 186 * mib);
  CHECK(large.piece_end(199 * mib + 1) == 200 * mib);
  CHECK(large.end() == 164 * mib);
}

}  // namespace
}  // namespace penstock
