// SPDX-License-Identifier: Apache-2.0
// What was sent and is not committed: it can be read and changed, and no object is made for that.
#include "support/catch.h"
#include "unit/data/write/write_fixture.h"

namespace penstock::test {
namespace {

/// Far more than memory keeps of what was sent.
constexpr uint64_t file_size = 40 * mib;

std::string write_all(WriteFixture& fixture, FileWriter& file) {
  const std::string bytes = pattern(file_size);
  for (uint64_t at = 0; at < bytes.size(); at += mib)
    REQUIRE(fixture.write(file, at, std::string_view(bytes).substr(at, mib)));
  return bytes;
}

TEST_CASE("what was sent is read and changed, and the old object stays until the commit",
          "[one-thread]") {
  WriteFixture fixture(16 * mib);
  fixture.memory.set("f", "old");
  auto file = fixture.create("f");
  const bool from_the_start = GENERATE(true, false);
  if (from_the_start) file->expect_reads();
  std::string bytes = write_all(fixture, *file);
  CHECK(fixture.budget.used() <= fixture.budget.limit());
  for (const uint64_t at : {uint64_t{0}, 5 * mib + 7, 20 * mib, file_size - 100}) {
    CHECK(fixture.read(*file, at, 100 * kib).value() == bytes.substr(at, 100 * kib));
    CHECK(fixture.write(*file, at, "changed"));
    bytes.replace(at, 7, "changed");
  }
  CHECK(fixture.read(*file, 0, file_size).value() == bytes);
  CHECK(fixture.stored("f") == "old");
  CHECK(fixture.truncate(*file, 30 * mib + 5));
  bytes.resize(30 * mib + 5);
  CHECK(fixture.stored("f") == "old");
  CHECK(fixture.commit(*file));
  CHECK(fixture.stored("f") == bytes);
  CHECK(fixture.memory.count("CompleteUpload") == 1);
  fixture.close(file);
}

TEST_CASE("an upload that the store loses is made again from the disk", "[one-thread]") {
  WriteFixture fixture(16 * mib);
  auto file = fixture.create("f");
  // Else what is sent during the commit is not kept.
  file->expect_reads();
  const std::string bytes = write_all(fixture, *file);
  fixture.store.add(
      {.operation = "CompleteUpload",
       .error = Error(Code::not_found, Error::Detail{.service_code = "NoSuchUpload"})});
  CHECK(fixture.commit(*file));
  CHECK(fixture.stored("f") == bytes);
  for (const auto& upload : fixture.memory.unfinished_uploads())
    fixture.memory.abort_upload(upload.key, upload.upload_id, [](const Result<void>&) {});
  fixture.run();
  fixture.close(file);
}

TEST_CASE("without a disk, what memory does not keep is out of reach until the commit",
          "[one-thread]") {
  WriteFixture fixture(16 * mib, 8, part, "/nonexistent");
  fixture.memory.set("f", "old");
  auto file = fixture.create("f");
  const std::string bytes = write_all(fixture, *file);
  CHECK(fixture.read(*file, 20 * mib, 100).code() == Code::no_space);
  CHECK(fixture.write(*file, 20 * mib, "changed").code() == Code::no_space);
  CHECK(fixture.truncate(*file, 20 * mib).code() == Code::no_space);
  CHECK(fixture.read(*file, 0, 100).value() == bytes.substr(0, 100));  // headers are kept
  CHECK(fixture.stored("f") == "old");
  CHECK(fixture.commit(*file));
  CHECK(fixture.stored("f") == bytes);
  CHECK(fixture.read(*file, 20 * mib, 100).value() == bytes.substr(20 * mib, 100));
  fixture.close(file);
}

TEST_CASE("what the store has copied into an upload is read where it came from") {
  WriteFixture fixture;
  const std::string bytes = pattern(6 * part);
  fixture.memory.set("from", bytes);
  fixture.memory.set("to", "old");
  auto file = fixture.create("to");
  const auto copied = fixture.finish<uint64_t>([&](Done<uint64_t> done) {
    file->copy_parts(
        0, {.key = "from", .etag = fixture.memory.info("from")->etag, .range = {part, 4 * part}},
        std::move(done));
  });
  REQUIRE(copied.value() == 4 * part);
  CHECK(fixture.read(*file, part / 2, 3 * part).value() == bytes.substr(part + part / 2, 3 * part));
  fixture.memory.set("from", "other");
  CHECK(fixture.read(*file, part, 10).code() == Code::no_space);
  CHECK(fixture.stored("to") == "old");
  CHECK(fixture.commit(*file));
  CHECK(fixture.stored("to") == bytes.substr(part, 4 * part));
  fixture.close(file);
}

}  // namespace
}  // namespace penstock::test
