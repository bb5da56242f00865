// SPDX-License-Identifier: Apache-2.0
// Of files with a table of contents at their end both ends are fetched with the first read.
#include "data/read/file_ends.h"

#include <algorithm>

#include "unit/data/read/read_fixture.h"

namespace penstock::test {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

bool has(const std::vector<ByteRange>& all, ByteRange range) {
  return std::find(all.begin(), all.end(), range) != all.end();
}

constexpr uint64_t file_size = 64 * mib;
constexpr ByteRange tail{file_size - FileEnds::tail, FileEnds::tail};

/// A mount on which all objects begin with `magic`.
struct Formatted : ReadFixture {
  explicit Formatted(std::string magic) : ReadFixture(file_size) {
    store.head_bytes = std::move(magic);
  }
  std::shared_ptr<ObjectReader> open_as(std::string key) {
    return engine->open(ObjectVersion{std::move(key), "v1", file_size}, nullptr);
  }
  /// Reads the first bytes of a file that is opened and closed for that.
  void read_head_of(std::string key) {
    const auto reader = open_as(std::move(key));
    const auto reply = read(*reader, 0, 16 * kib);
    store.serve_all();
    REQUIRE(reply->good());
  }
};

TEST_CASE("formats are told by their first bytes, and by all of these") {
  CHECK(FileEnds::format_of(bytes_of("PAR1")) == "Parquet");
  CHECK(FileEnds::format_of(bytes_of("PK\x03\x04 and more")) == "zip");
  CHECK(FileEnds::format_of(bytes_of("ARROW1\0\0")) == "Arrow");
  CHECK(FileEnds::format_of(bytes_of("PAR")).empty());
  CHECK(FileEnds::format_of(bytes_of("ARROW2")).empty());
  CHECK(FileEnds::format_of({}).empty());
}

TEST_CASE("a first read at the end has the whole tail fetched, in its own request") {
  ReadFixture t(file_size);
  const auto reader = t.open();
  const auto last = t.read(*reader, file_size - 8, 8);
  CHECK(t.ranges() == std::vector{tail});
  CHECK(t.store.gets[0]->request.request_class == RequestClass::demand);
  t.store.serve(0);
  CHECK(last->is({file_size - 8, 8}));
  t.read_well(*reader, file_size - 200 * kib, 100 * kib);
  CHECK(t.store.gets.size() == 1);
}

TEST_CASE("who has read elsewhere reads at random at the end, too") {
  ReadFixture t(file_size);
  const auto reader = t.open();
  t.read_well(*reader, 20 * mib, 4 * kib);
  t.read_well(*reader, file_size - 4 * kib, 4 * kib);
  CHECK(t.fetched() <= 64 * kib);
}

TEST_CASE("a head with the first bytes of a format has the tail fetched") {
  Formatted t("PAR1");
  const auto reader = t.open_as("a/b.parquet");
  const auto head = t.read(*reader, 0, 16 * kib);
  CHECK_FALSE(has(t.ranges(), tail));
  t.store.send(0, 16 * kib);
  CHECK(head->good());
  CHECK(has(t.ranges(), tail));
  CHECK(t.store.gets.back()->request.request_class == RequestClass::background);
}

TEST_CASE("other files are read as they are") {
  Formatted t("PARx");
  t.read_head_of("a/b.parquet");
  CHECK(t.ranges() == std::vector<ByteRange>{{0, mib}, {mib, mib}, {2 * mib, mib}, {3 * mib, mib}});
  const auto second = t.open_as("a/c.parquet");
  const size_t before = t.store.gets.size();
  const auto reply = t.read(*second, 0, 16 * kib);
  CHECK_FALSE(has(t.ranges(before), tail));
}

TEST_CASE("of the next file of that name both ends are fetched at once, and no more") {
  Formatted t("PK\x03\x04");
  t.read_head_of("a/b.npz");
  const size_t before = t.store.gets.size();
  const auto next = t.open_as("a/c.npz");
  const auto head = t.read(*next, 0, 16 * kib);
  CHECK(t.ranges(before) == std::vector<ByteRange>{tail, {0, 16 * kib}});
  const size_t other = t.store.gets.size();
  t.read(*t.open_as("a/c.tar"), 0, 16 * kib);
  CHECK(t.ranges(other).size() == 4);
  CHECK_FALSE(has(t.ranges(other), tail));
}

TEST_CASE("who goes on after the head of such a file is a stream") {
  Formatted t("PK\x03\x04");
  t.read_head_of("b.pt");
  const auto reader = t.open_as("c.pt");
  for (uint64_t at = 0; at < 8 * mib; at += 128 * kib) {
    const auto reply = t.read(*reader, at, 128 * kib);
    t.store.serve_all();
    REQUIRE(reply->good());
  }
  CHECK(std::any_of(t.store.gets.begin(), t.store.gets.end(), [](const auto& get) {
    return get->range.offset >= 16 * mib && get->range.offset < 32 * mib;
  }));
}

// The kernel asks for as much again behind the first read of a file, before the program does.
TEST_CASE("two reads at the head of such a file begin no read-ahead, a third one does") {
  Formatted t("PK\x03\x04");
  t.read_head_of("b.npz");
  const size_t before = t.store.gets.size();
  const auto reader = t.open_as("c.npz");
  const auto read_next = [&](uint64_t at) {
    const auto reply = t.read(*reader, at, mib);
    t.store.serve_all();
    REQUIRE(reply->good());
  };
  read_next(0);
  read_next(mib);
  CHECK(t.fetched(before) == FileEnds::tail + 2 * mib);
  read_next(2 * mib);
  CHECK(t.fetched(before) >= FileEnds::tail + 8 * mib);
}

TEST_CASE("a name that turns out to lie costs one range, once") {
  Formatted t("PAR1");
  t.read_head_of("b.bin");
  t.store.head_bytes = "none";
  size_t before = t.store.gets.size();
  const auto liar = t.open_as("c.bin");
  const auto reply = t.read(*liar, 0, 16 * kib);
  CHECK(has(t.ranges(before), tail));
  t.store.serve_all();
  CHECK(reply->good());
  before = t.store.gets.size();
  t.read(*t.open_as("d.bin"), 0, 16 * kib);
  CHECK_FALSE(has(t.ranges(before), tail));
}

TEST_CASE("an object that was replaced fails as ever, its tail fetched or not") {
  Formatted t("PAR1");
  const auto reader = t.open_as("a.parquet");
  const auto head = t.read(*reader, 0, 16 * kib);
  t.store.send(0, 16 * kib);
  CHECK(head->good());
  const auto last = t.read(*reader, file_size - 8, 8);
  for (size_t i = 0; i < t.store.gets.size(); ++i)
    if (t.ranges()[i] == tail) t.store.fail(i, Error(Code::changed));
  REQUIRE(last->arrived());
  CHECK(last->code() == Code::changed);
}

TEST_CASE("a read that is too short to tell a format decides nothing") {
  Formatted t("ARROW1");
  const auto reader = t.open_as("a.arrow");
  t.read_well(*reader, 4 * kib, 4 * kib);
  const auto reply = t.read(*reader, 0, 4);
  t.store.serve_all();
  CHECK(reply->good());
  CHECK_FALSE(has(t.ranges(), tail));
  CHECK(t.read(*reader, 0, 16)->good());
  CHECK(has(t.ranges(), tail));
}

TEST_CASE("small objects have no tail of their own") {
  ReadFixture t(FileEnds::least_size - 1);
  const auto reader = t.open();
  t.read_well(*reader, t.size - 8, 8);
  CHECK(t.fetched() <= 32 * kib);
}

TEST_CASE("names are known by what follows the last dot, the oldest forgotten") {
  NamesOfFormats names;
  names.learn("a.d/none", true);
  CHECK_FALSE(names.expected("a.d/none"));
  names.learn("x/1.parquet", true);
  CHECK(names.expected("y/2.parquet"));
  CHECK_FALSE(names.expected("y/parquet"));
  names.learn("z.a-suffix-that-is-long", true);
  CHECK_FALSE(names.expected("z.a-suffix-that-is-long"));
  for (size_t i = 0; i < NamesOfFormats::capacity; ++i) names.learn("x." + std::to_string(i), true);
  CHECK_FALSE(names.expected("y/2.parquet"));
  CHECK(names.expected("y.0"));
  names.learn("z.0", false);
  CHECK_FALSE(names.expected("y.0"));
}

}  // namespace
}  // namespace penstock::test
