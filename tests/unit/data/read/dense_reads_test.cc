// SPDX-License-Identifier: Apache-2.0
#include "data/read/dense_reads.h"

#include <algorithm>
#include <random>
#include <utility>

#include "unit/data/read/read_fixture.h"

namespace penstock::test {
namespace {

constexpr uint64_t no_limit = UINT64_MAX;

/// Reads whole pieces of the object as copies out of a mapping do: the end of each first, then
/// from its beginning, in requests of 1 MiB.
std::vector<ByteRange> copied(uint64_t begin, uint64_t length) {
  const uint64_t tail = std::min<uint64_t>(length, 2 * mib);
  std::vector<ByteRange> reads;
  const auto add = [&](uint64_t from, uint64_t to) {
    for (; from < to; from += mib)
      reads.push_back({begin + from, std::min<uint64_t>(mib, to - from)});
  };
  add(length - tail, length);
  add(0, length - tail);
  return reads;
}

void observe_piece(DenseReads& dense, uint64_t begin, uint64_t length) {
  bool jumped = true;
  for (const ByteRange& range : copied(begin, length))
    dense.observe(range, std::exchange(jumped, false));
}

TEST_CASE("who reads large pieces whole, here and there, reads densely") {
  DenseReads dense(1024 * mib);
  for (uint64_t i = 0; i < 6; ++i) {
    observe_piece(dense, (3 + 150 * i) * mib, 7 * mib);
    CHECK_FALSE(dense.dense());
  }
  observe_piece(dense, 950 * mib + 300 * kib, 7 * mib);
  CHECK(dense.dense());
}

TEST_CASE("readers that go forward are streams, not dense") {
  DenseReads dense(1024 * mib);
  for (uint64_t at = 0; at < 100 * mib; at += mib) {
    for (uint64_t stream = 0; stream < 8; ++stream)
      dense.observe({stream * 128 * mib + at, mib}, at == 0);
  }
  CHECK_FALSE(dense.dense());
}

TEST_CASE("reads at random are not dense, however many") {
  const auto [length, count] = GENERATE(std::pair{4 * kib, 20'000}, std::pair{128 * kib, 1'500},
                                        std::pair{mib, 150}, std::pair{2 * mib, 60});
  DenseReads dense(1024 * mib);
  std::mt19937_64 random(3);
  int taken = 0;
  for (int i = 0; i < count; ++i) {
    dense.observe({random() % ((1024 * mib - length) / 4096) * 4096, length}, true);
    if (dense.dense()) ++taken;
  }
  CHECK(taken == 0);
}

TEST_CASE("the same bytes again and again are not read densely") {
  DenseReads dense(1024 * mib);
  for (uint64_t i = 0; i < 10'000; ++i) dense.observe({i % 20 * 50 * mib, 256 * kib}, true);
  CHECK_FALSE(dense.dense());
}

TEST_CASE("what was not read is told in stretches, a little too long") {
  DenseReads dense(10 * mib + 5000);
  CHECK(dense.unread(0, 10 * mib).length == 0);  // nothing is known before the first read
  dense.observe({2 * mib, mib}, false);
  CHECK(dense.unread(0, 10 * mib) == ByteRange{0, 2 * mib + DenseReads::blur});
  CHECK(dense.unread(2 * mib, 3 * mib).length == 0);
  CHECK(dense.unread(2 * mib, 10 * mib) ==
        ByteRange{3 * mib - DenseReads::blur, 7 * mib + DenseReads::blur});
  CHECK(dense.unread(4 * mib, 4 * mib).length == 0);
  // The last bytes are known to be read although they have no middle.
  dense.observe({9 * mib, mib + 5000}, false);
  CHECK(dense.unread(9 * mib, 10 * mib + 5000).length == 0);
}

TEST_CASE("more may be there with each miss, at most half of what was read") {
  DenseReads dense(1024 * mib);
  for (uint64_t i = 0; i < 8; ++i) observe_piece(dense, 100 * i * mib, 8 * mib);
  CHECK(dense.allowance(16 * mib, no_limit) == 16 * mib);
  dense.missed();
  CHECK(dense.allowance(16 * mib, no_limit) == 24 * mib);
  CHECK(dense.allowance(16 * mib, 20 * mib) == 20 * mib);
  for (int i = 0; i < 10; ++i) dense.missed();
  CHECK(dense.allowance(16 * mib, no_limit) == 32 * mib);
}

TEST_CASE("who leaves what was fetched for it gets no more, until it has read much else") {
  DenseReads dense(1024 * mib);
  for (uint64_t i = 0; i < 8; ++i) observe_piece(dense, 100 * i * mib, 8 * mib);
  dense.wasted(32 * mib);
  CHECK(dense.dense());
  dense.wasted(1);
  CHECK_FALSE(dense.dense());
  for (uint64_t i = 0; i < 9; ++i) observe_piece(dense, (100 * i + 8) * mib, 8 * mib);
  CHECK(dense.dense());
}

TEST_CASE("all of an object once read, its next pass begins anew; of a huge one nothing is known") {
  DenseReads dense(64 * mib);
  for (uint64_t i = 0; i < 7; ++i) observe_piece(dense, 8 * i * mib, 8 * mib);
  CHECK(dense.dense());
  CHECK(dense.bytes_unread() == 8 * mib);
  observe_piece(dense, 56 * mib, 8 * mib);
  CHECK(dense.bytes_unread() == 0);
  observe_piece(dense, 20 * mib, 3 * mib);
  CHECK(dense.dense());
  CHECK(dense.unread(0, 64 * mib).length == 0);
  observe_piece(dense, 40 * mib, mib);
  CHECK_FALSE(dense.dense());
  CHECK(dense.bytes_unread() == 64 * mib);
  DenseReads huge(DenseReads::largest_object + 1);
  for (uint64_t i = 0; i < 8; ++i) observe_piece(huge, 100 * i * mib, 8 * mib);
  CHECK_FALSE(huge.dense());
  CHECK(huge.unread(0, mib).length == 0);
}

/// A file of tensors that do not lie at round offsets, read by several threads, each taking the
/// next in `order`. The reads take turns, one request each.
struct Tensors {
  static constexpr uint64_t length = 6 * mib + 840 * kib;
  static constexpr uint64_t header = 100 * kib;

  explicit Tensors(uint64_t count, uint64_t memory = 512 * mib)
      : t(header + count * length, memory), reader(t.open()), order(count) {
    for (uint64_t i = 0; i < count; ++i) order[i] = i;
  }

  void shuffle() { std::shuffle(order.begin(), order.end(), std::mt19937_64(5)); }

  /// Reads all; how many of the reads had to wait for bytes that were not on their way.
  size_t read_all(size_t threads) {
    std::vector<std::vector<ByteRange>> at_work(threads);
    size_t next = 0;
    size_t waited = 0;
    for (bool more = true; more;) {
      more = false;
      for (std::vector<ByteRange>& work : at_work) {
        if (work.empty() && next < order.size()) {
          work = copied(header + order[next++] * length, length);
          std::reverse(work.begin(), work.end());
        }
        if (work.empty()) continue;
        more = true;
        if (!read(work.back())) ++waited;
        work.pop_back();
      }
    }
    return waited;
  }
  /// True where the bytes were there already.
  bool read(ByteRange range) {
    const auto reply = t.read(*reader, range.offset, range.length);
    const bool there = reply->arrived();
    for (; t.served < t.store.gets.size(); ++t.served) t.store.serve(t.served);
    t.scheduler.run();
    REQUIRE(reply->is(range));
    CHECK(t.budget.used() <= t.budget.limit() / 16 * 17);
    return there;
  }

  ReadFixture t;
  std::shared_ptr<ObjectReader> reader;
  std::vector<uint64_t> order;
};

TEST_CASE("tensors that threads copy in order are fetched once, before they are asked for",
          "[one-thread]") {
  Tensors file(24);
  const size_t threads = GENERATE(1, 4, 8);
  const size_t waited = file.read_all(threads);
  CAPTURE(threads);
  CHECK(waited <= 60);
  // What was fetched again was before anybody knew.
  CHECK(file.t.fetched() <= file.t.size + 16 * mib);
}

TEST_CASE("tensors that are copied in any order are fetched once, more and more of them ahead",
          "[one-thread]") {
  Tensors file(24);
  file.shuffle();
  const size_t threads = GENERATE(1, 4, 8);
  const size_t waited = file.read_all(threads);
  CAPTURE(threads);
  CHECK(waited <= 95);
  CHECK(file.t.fetched() <= file.t.size + 16 * mib);
}

TEST_CASE("little memory is enough for tensors in any order", "[one-thread]") {
  Tensors file(12, 16 * mib);
  file.shuffle();
  file.read_all(8);
  CHECK(file.t.fetched() <= file.t.size / 2 * 3);
  file.reader.reset();
  CHECK(file.t.budget.used() == 0);
}

TEST_CASE("of large pieces at random not much more is fetched than is read", "[one-thread]") {
  Tensors file(150);
  file.shuffle();
  file.order.resize(16);
  file.read_all(1);
  CHECK(file.t.fetched() <= 16 * Tensors::length * 2);
}

TEST_CASE("an object that is replaced while it is read densely is not read on", "[one-thread]") {
  Tensors file(24);
  file.shuffle();
  file.order.resize(6);
  file.read_all(2);
  file.t.store.etag = "v2";
  size_t changed = 0;
  for (uint64_t at = 0; at + mib < file.t.size; at += mib) {
    const auto reply = ReadFixture::read(*file.reader, at, mib);
    file.t.store.serve_all();
    file.t.scheduler.run();
    REQUIRE(reply->arrived());
    if (reply->good()) {
      CHECK(reply->is({at, mib}));
    } else {
      CHECK(reply->code() == Code::changed);
      ++changed;
    }
  }
  CHECK(changed > 50);
}

}  // namespace
}  // namespace penstock::test
