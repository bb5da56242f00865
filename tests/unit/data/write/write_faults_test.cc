// SPDX-License-Identifier: Apache-2.0
// Failing stores and full memory: the bytes stay, the error is told, and nothing half looks whole.
#include <random>

#include "unit/data/write/write_fixture.h"

namespace penstock::test {
namespace {

Error no_such_upload() {
  return Error(Code::not_found, Error::Detail{.message = "no such upload",
                                              .service_code = "NoSuchUpload",
                                              .http_status = 404});
}

TEST_CASE("a failed PUT is told, and the next commit sends the bytes") {
  WriteFixture fixture;
  auto file = fixture.create("a");
  CHECK(fixture.write(*file, 0, "bytes"));
  fixture.store.add({.operation = "Put", .error = Error(Code::access_denied)});
  CHECK(fixture.commit(*file).code() == Code::access_denied);
  CHECK(file->dirty());
  CHECK_FALSE(fixture.memory.info("a"));
  CHECK(fixture.read(*file, 0, 10).value() == "bytes");
  CHECK(fixture.commit(*file));
  CHECK(fixture.stored("a") == "bytes");
  fixture.close(file);
}

TEST_CASE("whatever fails of a multipart upload, the next commit stores all of it") {
  const std::string operation = GENERATE("CreateUpload", "UploadPart", "CompleteUpload");
  const uint64_t nth = GENERATE(1, 2, 4);
  CAPTURE(operation, nth);
  WriteFixture fixture;
  const std::string bytes = pattern(5 * part + 1);
  auto file = fixture.create("m");
  fixture.store.add({.operation = operation, .nth = nth, .error = Error(Code::unavailable)});
  for (uint64_t at = 0; at < bytes.size(); at += part / 2) {
    const std::string_view piece = std::string_view(bytes).substr(at, part / 2);
    const Result<void> written = fixture.write(*file, at, piece);
    if (written) continue;
    // Told once; a program that tries again finds the file as it was.
    CHECK(written.code() == Code::unavailable);
    (void)fixture.commit(*file);
    REQUIRE(fixture.write(*file, at, piece));
  }
  Result<ObjectInfo> committed = fixture.commit(*file);
  if (!committed) {
    CHECK(committed.code() == Code::unavailable);
    CHECK(file->dirty());
    committed = fixture.commit(*file);
  }
  REQUIRE(committed);
  CHECK(fixture.stored("m") == bytes);
  fixture.close(file);
}

TEST_CASE("an upload that the store has lost is made again from what is held") {
  const std::string operation = GENERATE("UploadPart", "CompleteUpload");
  WriteFixture fixture;
  const std::string bytes = pattern(4 * part + 9);
  auto file = fixture.create("l");
  fixture.store.add({.operation = operation,
                     .nth = operation == "UploadPart" ? 3ULL : 1ULL,
                     .error = no_such_upload()});
  CHECK(fixture.write(*file, 0, bytes));
  CHECK(fixture.commit(*file));
  CHECK(fixture.memory.count("CreateUpload") == 2);
  CHECK(fixture.stored("l") == bytes);
  // The store forgot the first one, or says so; here it is still there, and nobody's any more.
  for (const auto& upload : fixture.memory.unfinished_uploads())
    fixture.memory.abort_upload(upload.key, upload.upload_id, [](const Result<void>&) {});
  fixture.run();
  fixture.close(file);
}

TEST_CASE("a lost upload whose bytes are no longer held is an error, not a wrong object") {
  WriteFixture fixture(16 * mib);
  const std::string piece = pattern(part);
  // For who has the bytes elsewhere they are not kept.
  std::shared_ptr<FileWriter> file =
      fixture.engine->begin("lost", std::nullopt, {}, std::make_shared<OpenUploads>());
  const uint64_t count = 20 * mib / part;  // far more than is kept of what was sent
  for (uint64_t i = 0; i < count; ++i) REQUIRE(fixture.write(*file, i * part, piece));
  fixture.store.add({.operation = "CompleteUpload", .error = no_such_upload()});
  const Result<ObjectInfo> committed = fixture.commit(*file);
  CHECK(committed.code() == Code::unavailable);
  CHECK(fixture.write(*file, 0, "x").code() == Code::unavailable);
  CHECK_FALSE(fixture.memory.info("lost"));
  for (const auto& upload : fixture.memory.unfinished_uploads())
    fixture.memory.abort_upload(upload.key, upload.upload_id, [](const Result<void>&) {});
  fixture.run();
  fixture.close(file);
}

TEST_CASE("writers wait while memory is full, and go on when parts have been sent",
          "[one-thread]") {
  WriteFixture fixture(16 * mib, 2);
  const std::string bytes = pattern(40 * mib);
  auto file = fixture.create("w");
  fixture.store.hold("UploadPart");
  std::vector<WriteFixture::Pending<void>> writes;
  for (uint64_t at = 0; at < bytes.size(); at += mib) {
    writes.push_back(fixture.begin_write(*file, at, std::string_view(bytes).substr(at, mib)));
    fixture.run();
  }
  CHECK(fixture.budget.used() <= fixture.budget.limit());
  CHECK_FALSE(writes.back()->has_value());
  fixture.store.release_all();
  fixture.run();
  for (const auto& write : writes) {
    REQUIRE(write->has_value());
    CHECK(**write);
  }
  CHECK(fixture.commit(*file));
  CHECK(fixture.stored("w") == bytes);
  fixture.close(file);
}

TEST_CASE("parts that can never be complete go to the local disk when memory is short",
          "[one-thread]") {
  WriteFixture fixture(16 * mib);
  std::string bytes(60 * mib, '\0');
  auto file = fixture.create("strided");
  // Every second KiB: no part is ever whole.
  for (uint64_t at = 0; at < bytes.size(); at += 64 * kib) {
    const std::string piece = pattern(60 * kib, at);
    bytes.replace(at, piece.size(), piece);
    REQUIRE(fixture.write(*file, at, piece));
    REQUIRE(fixture.budget.used() <= fixture.budget.limit());
  }
  bytes.resize(file->size());
  CHECK(fixture.read(*file, 5 * mib, 100 * kib).value() == bytes.substr(5 * mib, 100 * kib));
  CHECK(fixture.commit(*file));
  CHECK(fixture.stored("strided") == bytes);
  fixture.close(file);
}

TEST_CASE("more unfinished files than fit in memory all get stored") {
  WriteFixture fixture(16 * mib);
  const std::string bytes = pattern(part - 1);
  std::vector<std::shared_ptr<FileWriter>> files;
  for (int i = 0; i < 600; ++i) {
    files.push_back(fixture.create("f" + std::to_string(i)));
    REQUIRE(fixture.write(*files.back(), 0, bytes));
  }
  for (auto& file : files) REQUIRE(fixture.commit(*file));
  for (int i = 0; i < 600; ++i) REQUIRE(fixture.stored("f" + std::to_string(i)) == bytes);
  files.clear();
  fixture.run();
  CHECK(fixture.budget.used() == 0);
}

TEST_CASE("a base that was replaced or removed meanwhile is an error of the commit") {
  WriteFixture fixture;
  fixture.memory.set("b", pattern(3 * part));
  auto file = fixture.edit("b");
  CHECK(fixture.write(*file, 5, "x"));
  const bool removed = GENERATE(true, false);
  if (removed) {
    fixture.memory.erase("b");
  } else {
    fixture.memory.set("b", pattern(3 * part, 2));
  }
  CHECK(fixture.commit(*file).code() == Code::changed);
  CHECK(file->dirty());
  fixture.close(file);
}

TEST_CASE("random changes, commits and faults end in what a string would hold") {
  const auto seed = static_cast<uint32_t>(GENERATE(take(40, random(1, 1'000'000))));
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto below = [&](uint64_t bound) { return random() % bound; };
  WriteFixture fixture(16 * mib, 1 + below(8));
  std::string expected;
  std::shared_ptr<FileWriter> file;
  if (below(2) == 0) {
    file = fixture.create("r");
  } else {
    expected = pattern(below(8 * part), seed);
    fixture.memory.set("r", expected);
    file = fixture.edit("r");
  }
  const std::vector<std::string> operations = {"Put", "CreateUpload",   "UploadPart",
                                               "Get", "CompleteUpload", "UploadPartCopy"};
  for (int step = 0; step < 60; ++step) {
    if (below(6) == 0) {
      fixture.store.add({.operation = operations[below(operations.size())],
                         .nth = 1 + below(3),
                         .error = Error(Code::unavailable)});
    }
    const uint64_t what = below(13);
    if (what == 10) {
      const ByteRange range{below(8 * part), 1 + below(3 * part)};
      const bool grows = below(2) == 0;
      const Result<void> zeroed =
          fixture.finish<void>([&](Done<void> done) { file->zero(range, grows, std::move(done)); });
      if (!zeroed) continue;
      if (grows) expected.resize(std::max<size_t>(expected.size(), range.end()));
      const uint64_t end = std::min<uint64_t>(range.end(), expected.size());
      if (end > range.offset)
        expected.replace(range.offset, end - range.offset, end - range.offset, '\0');
    } else if (what == 11) {
      const uint64_t size = below(10 * part);
      const Result<void> extended =
          fixture.finish<void>([&](Done<void> done) { file->extend(size, std::move(done)); });
      if (extended) expected.resize(std::max<size_t>(expected.size(), size));
    } else if (what == 12) {
      const std::string other = pattern(4 * part, random());
      fixture.memory.set("other", other);
      const ByteRange range{below(part), 1 + below(3 * part)};
      const uint64_t at = below(8) * part;
      const Result<uint64_t> copied = fixture.finish<uint64_t>([&](Done<uint64_t> done) {
        file->copy_parts(at, {"other", fixture.memory.info("other")->etag, range}, std::move(done));
      });
      REQUIRE(copied);
      if (*copied > 0) expected.resize(std::max<size_t>(expected.size(), at + *copied));
      if (*copied > 0) expected.replace(at, *copied, other, range.offset, *copied);
    } else if (what < 5) {
      const uint64_t offset = below(2) == 0 ? below(8 * part) : expected.size();
      const std::string bytes = pattern(1 + below(2 * part), random());
      if (!fixture.write(*file, offset, bytes)) continue;
      if (expected.size() < offset + bytes.size()) expected.resize(offset + bytes.size());
      expected.replace(offset, bytes.size(), bytes);
    } else if (what == 5) {
      const std::string bytes = pattern(1 + below(part), random());
      const Result<uint64_t> at = fixture.append(*file, bytes);
      if (!at) continue;
      REQUIRE(*at == expected.size());
      expected += bytes;
    } else if (what == 6) {
      const uint64_t size = below(10 * part);
      if (fixture.truncate(*file, size)) expected.resize(size);
    } else if (what == 7) {
      const uint64_t offset = below(8 * part);
      const Result<std::string> got = fixture.read(*file, offset, part);
      if (got) REQUIRE(*got == expected.substr(std::min<size_t>(offset, expected.size()), part));
    } else if (fixture.commit(*file)) {
      REQUIRE(fixture.stored("r") == expected);
    }
    REQUIRE(file->size() == expected.size());
  }
  fixture.store.clear_faults();
  Result<ObjectInfo> committed = fixture.commit(*file);
  if (!committed) committed = fixture.commit(*file);
  INFO((committed ? std::string() : committed.error().describe()));
  REQUIRE(committed);
  REQUIRE(fixture.stored("r") == expected);
  fixture.close(file);
}

}  // namespace
}  // namespace penstock::test
