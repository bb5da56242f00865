// SPDX-License-Identifier: Apache-2.0
// Holes that are made on purpose, and parts that the store copies from other objects.
#include "unit/data/write/write_fixture.h"

namespace penstock::test {
namespace {

constexpr uint64_t tib = 1ULL << 40;

Result<void> zero(WriteFixture& fixture, FileWriter& file, ByteRange range, bool grows) {
  return fixture.finish<void>([&](Done<void> done) { file.zero(range, grows, std::move(done)); });
}

Result<void> extend(WriteFixture& fixture, FileWriter& file, uint64_t size) {
  return fixture.finish<void>([&](Done<void> done) { file.extend(size, std::move(done)); });
}

Result<uint64_t> copy(WriteFixture& fixture, FileWriter& file, uint64_t offset,
                      const std::string& key, ByteRange range) {
  return fixture.finish<uint64_t>([&](Done<uint64_t> done) {
    file.copy_parts(offset, {key, fixture.memory.info(key)->etag, range}, std::move(done));
  });
}

TEST_CASE("a range that is zeroed is sent as zeros, and the rest of an edited object is copied") {
  WriteFixture fixture;
  std::string bytes = pattern(8 * part);
  fixture.memory.set("f", bytes);
  auto file = fixture.edit("f");
  const ByteRange range{part + 100, 2 * part};
  CHECK(zero(fixture, *file, range, false));
  bytes.replace(range.offset, range.length, range.length, '\0');
  CHECK(file->dirty());
  CHECK(file->size() == bytes.size());
  CHECK(fixture.read(*file, 0, bytes.size()).value() == bytes);
  CHECK(fixture.commit(*file));
  CHECK(fixture.stored("f") == bytes);
  CHECK(fixture.memory.count("UploadPartCopy") == 5);
  CHECK(fixture.memory.count("UploadPart") == 3);
  fixture.close(file);
}

TEST_CASE("behind the end zeroing grows the file where it is asked to") {
  WriteFixture fixture;
  auto file = fixture.create("f");
  CHECK(fixture.write(*file, 0, "0123456789"));
  CHECK(zero(fixture, *file, {5, 20}, false));
  CHECK(file->size() == 10);
  CHECK(zero(fixture, *file, {20, 20}, false));
  CHECK(file->size() == 10);
  CHECK(zero(fixture, *file, {20, 20}, true));
  CHECK(file->size() == 40);
  CHECK(extend(fixture, *file, 30));
  CHECK(file->size() == 40);
  CHECK(extend(fixture, *file, 50));
  CHECK(file->size() == 50);
  CHECK(fixture.commit(*file));
  CHECK(fixture.stored("f") == "01234" + std::string(45, '\0'));
  fixture.close(file);
}

TEST_CASE("a hole over parts that were sent is a change like any other") {
  WriteFixture fixture(64 * mib);
  auto file = fixture.create("f");
  std::string bytes = pattern(20 * part);
  CHECK(fixture.write(*file, 0, bytes));
  const bool whole_parts = GENERATE(false, true);
  const ByteRange range{2 * part + (whole_parts ? 0 : 7), 3 * part};
  CHECK(zero(fixture, *file, range, false));
  bytes.replace(range.offset, range.length, range.length, '\0');
  CHECK(fixture.memory.count("CompleteUpload") == 0);
  CHECK(fixture.commit(*file));
  CHECK(fixture.stored("f") == bytes);
  fixture.close(file);
}

TEST_CASE("a hole of a terabyte costs no memory") {
  WriteFixture fixture;
  // The size at which boundaries of parts of 64 KiB end: 10,000 of them and more.
  auto file = fixture.create("f");
  CHECK(fixture.write(*file, 0, pattern(3 * part)));
  const uint64_t used = fixture.budget.used();
  const uint64_t size = 80ULL << 30;
  CHECK(extend(fixture, *file, size));
  CHECK(zero(fixture, *file, {part / 2, size - part}, false));
  CHECK(fixture.budget.used() < used);
  CHECK(file->size() == size);
  CHECK(fixture.read(*file, size / 2, 10).value() == std::string(10, '\0'));
  CHECK(fixture.read(*file, 0, part).value() ==
        pattern(3 * part).substr(0, part / 2) + std::string(part / 2, '\0'));
  const Result<void> too_long = zero(fixture, *file, {0, 100 * tib}, true);
  REQUIRE_FALSE(too_long);
  CHECK(too_long.error().code() == Code::too_large);
  CHECK(extend(fixture, *file, 100 * tib).error().code() == Code::too_large);
  CHECK(zero(fixture, *file, {0, 100 * tib}, false));
  CHECK(file->seek(0, false) == std::nullopt);
  fixture.close(file);
}

TEST_CASE("data and holes are found, and what the object has is data") {
  WriteFixture fixture;
  fixture.memory.set("f", pattern(100));
  auto file = fixture.edit("f");
  CHECK(file->seek(0, false) == 0);
  CHECK(file->seek(7, true) == 100);
  CHECK(file->seek(100, true) == std::nullopt);
  CHECK(zero(fixture, *file, {10, 20}, false));
  CHECK(extend(fixture, *file, 200));
  CHECK(fixture.write(*file, 150, "x"));
  CHECK(file->seek(0, true) == 10);
  CHECK(file->seek(15, true) == 15);
  CHECK(file->seek(15, false) == 30);
  CHECK(file->seek(30, true) == 100);
  CHECK(file->seek(100, false) == 150);
  CHECK(file->seek(151, false) == std::nullopt);
  CHECK(file->seek(151, true) == 151);
  fixture.close(file);
}

TEST_CASE("whole parts are copied inside the store, whatever becomes of the source afterwards") {
  WriteFixture fixture;
  const std::string bytes = pattern(10 * part + 5);
  fixture.memory.set("from", bytes);
  auto file = fixture.create("to");
  CHECK(copy(fixture, *file, 0, "from", {7, 3 * part + 9}).value() == 3 * part);
  CHECK(file->size() == 3 * part);
  CHECK(file->until_part(3 * part) == 0);
  CHECK(file->until_part(3 * part + 1) == part - 1);
  fixture.memory.set("from", "something else");
  CHECK(fixture.write(*file, 3 * part, "tail"));
  CHECK(fixture.memory.count("Get") == 0);
  CHECK(fixture.commit(*file));
  CHECK(fixture.stored("to") == bytes.substr(7, 3 * part) + "tail");
  CHECK(fixture.memory.count("UploadPartCopy") == 3);
  fixture.close(file);
}

TEST_CASE("a copy behind the end of a file leaves a hole before it") {
  WriteFixture fixture;
  const std::string bytes = pattern(2 * part);
  fixture.memory.set("from", bytes);
  auto file = fixture.create("to");
  CHECK(fixture.write(*file, 0, "head"));
  CHECK(copy(fixture, *file, 2 * part, "from", {0, 2 * part}).value() == 2 * part);
  CHECK(fixture.read(*file, 2 * part, 10).value() == bytes.substr(0, 10));
  CHECK(fixture.commit(*file));
  CHECK(fixture.stored("to") == "head" + std::string(2 * part - 4, '\0') + bytes);
  fixture.close(file);
}

TEST_CASE("what the store does not copy is for the caller to write") {
  WriteFixture fixture;
  const std::string bytes = pattern(4 * part);
  fixture.memory.set("from", bytes);
  auto file = fixture.create("to");
  CHECK(copy(fixture, *file, 5, "from", {0, 2 * part}).value() == 0);
  CHECK(copy(fixture, *file, 0, "from", {0, part - 1}).value() == 0);
  const auto [operation, code] =
      GENERATE(table<std::string, Code>({{"UploadPartCopy", Code::not_supported},
                                         {"UploadPartCopy", Code::changed},
                                         {"UploadPartCopy", Code::not_found},
                                         {"CreateUpload", Code::unavailable}}));
  const uint64_t size = GENERATE(0, 3 * part);
  CAPTURE(operation, code, size);
  CHECK(extend(fixture, *file, size));
  const bool half_way = operation == "UploadPartCopy";
  fixture.store.add({.operation = operation, .nth = half_way ? 2U : 1U, .error = Error(code)});
  CHECK(copy(fixture, *file, 0, "from", {0, 3 * part}).value() == 0);
  CHECK(file->size() == size);
  CHECK(fixture.write(*file, 0, "short"));
  // The upload has parts already that nobody may take for the file's.
  CHECK(extend(fixture, *file, 3 * part));
  CHECK(fixture.commit(*file));
  CHECK(fixture.stored("to") == "short" + std::string(3 * part - 5, '\0'));
  fixture.close(file);
}

TEST_CASE("changes and commits wait for a copy that is under way") {
  WriteFixture fixture;
  const std::string bytes = pattern(2 * part);
  fixture.memory.set("from", bytes);
  auto file = fixture.create("to");
  fixture.store.hold("UploadPartCopy");
  const auto copied = fixture.begin<uint64_t>([&](Done<uint64_t> done) {
    file->copy_parts(0, {"from", fixture.memory.info("from")->etag, {0, 2 * part}},
                     std::move(done));
  });
  const auto written = fixture.begin_write(*file, 3, "new");
  const auto committed = fixture.begin_commit(*file);
  fixture.run();
  CHECK_FALSE(copied->has_value());
  CHECK_FALSE(written->has_value());
  CHECK_FALSE(committed->has_value());
  SECTION("until it has ended") {
    fixture.store.release_all();
    fixture.run();
    CHECK(copied->value().value() == 2 * part);
    CHECK(committed->value());
    CHECK(written->value());
    CHECK(fixture.commit(*file));
    CHECK(fixture.stored("to") == std::string(bytes).replace(3, 3, "new"));
  }
  SECTION("or the file is given up") {
    bool gone = false;
    file->abandon([&] { gone = true; });
    fixture.store.release_all();
    fixture.run();
    CHECK(gone);
    CHECK(copied->value().value() == 0);
    CHECK_FALSE(written->value());
    CHECK_FALSE(committed->value());
  }
  fixture.close(file);
}

TEST_CASE("a commit that waits for a copy ends when the upload for it cannot be made") {
  WriteFixture fixture;
  fixture.memory.set("from", pattern(2 * part));
  auto file = fixture.create("to");
  fixture.store.hold("CreateUpload");
  fixture.store.add({.operation = "CreateUpload", .error = Error(Code::unavailable)});
  const auto copied = fixture.begin<uint64_t>([&](Done<uint64_t> done) {
    file->copy_parts(0, {"from", fixture.memory.info("from")->etag, {0, 2 * part}},
                     std::move(done));
  });
  const auto committed = fixture.begin_commit(*file);
  fixture.run();
  fixture.store.release_all();
  fixture.run();
  REQUIRE(copied->has_value());
  CHECK(copied->value().value() == 0);
  REQUIRE(committed->has_value());
  CHECK(fixture.commit(*file));
  CHECK(fixture.stored("to").empty());
  fixture.close(file);
}

TEST_CASE("who holds a file that was committed to be changed is told of its object") {
  WriteFixture fixture;
  const std::string bytes = pattern(2 * part);
  fixture.memory.set("from", bytes);
  fixture.memory.set("to", pattern(2 * part, 2));
  auto file = fixture.edit("to");
  CHECK(copy(fixture, *file, 0, "from", {0, 2 * part}).value() == 2 * part);
  // What the store copied only the upload has.
  CHECK(fixture.write(*file, part, bytes.substr(part, 10)));
  CHECK(fixture.memory.count("CompleteUpload") == 1);
  CHECK(file->dirty());
  const ETag committed = fixture.commit(*file).value().etag;
  CHECK(committed == fixture.memory.info("to")->etag);
  CHECK_FALSE(file->dirty());
  fixture.close(file);
}

TEST_CASE("a read whose object is replaced by a commit of the file is answered from the new one") {
  WriteFixture fixture;
  const std::string bytes = pattern(4 * part);
  fixture.memory.set("f", bytes);
  auto file = fixture.edit("f");
  CHECK(fixture.write(*file, 0, pattern(part, 2)));
  fixture.store.hold("Get");
  const auto read = fixture.begin<Slices>([&](Done<Slices> done) {
    file->read({3 * part, 10}, {}, std::move(done));
  });
  CHECK(fixture.commit(*file));
  CHECK(fixture.store.held("Get") == 1);
  fixture.store.release_all();
  fixture.run();
  REQUIRE(read->has_value());
  REQUIRE(*read);
  const std::span<const std::byte> got = read->value().value().spans[0];
  CHECK(std::string(reinterpret_cast<const char*>(got.data()), got.size()) ==
        bytes.substr(3 * part, 10));
  fixture.close(file);
}

}  // namespace
}  // namespace penstock::test
