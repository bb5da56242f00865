// SPDX-License-Identifier: Apache-2.0
#include "data/write/file_commit.h"

#include "support/catch.h"
#include "unit/data/write/rooms_fixture.h"

namespace penstock::test {
namespace {

TEST_CASE("what fits is one PUT; what does not is the rest of the upload and Complete",
          "[commit]") {
  RoomsFixture file;
  const bool small = GENERATE(true, false);
  small ? file.write(0, "few") : file.write_parts(2);
  const auto pending = file.commit_now();
  CHECK(file.phase.committing());
  file.run_all();
  REQUIRE(pending->has_value());
  REQUIRE(**pending);
  CHECK(file.stored("f") == (small ? "few" : file.bytes));
  CHECK(file.memory.count("Put") == (small ? 1 : 0));
  CHECK(file.memory.count("CompleteUpload") == (small ? 0 : 1));
  CHECK_FALSE(file.object.dirty());
  CHECK_FALSE(file.phase.committing());
  CHECK(file.ended == std::vector<std::pair<bool, bool>>{{true, false}});
}

TEST_CASE("who asks for the same while a commit runs is answered with it, others after it",
          "[commit]") {
  RoomsFixture file;
  file.write(0, "few");
  const auto first = file.commit_now();
  const auto same = file.commit_now();
  const auto other = file.commit_now({.metadata = {{"x-amz-meta-a", "b"}}, .condition = {}});
  file.run_all();
  CHECK(file.memory.count("Put") == 1);
  CHECK(file.memory.count("Copy") == 1);
  for (const auto& pending : {first, same, other}) {
    REQUIRE(pending->has_value());
    CHECK(**pending);
  }
  CHECK((*other)->value().etag == file.memory.info("f")->etag);
  CHECK(file.ended.size() == 2);
}

TEST_CASE("a commit that fails leaves everything to be stored by the next", "[commit]") {
  const std::string operation = GENERATE("CreateUpload", "UploadPart", "CompleteUpload");
  CAPTURE(operation);
  RoomsFixture file;
  file.store.add({.operation = operation, .times = 3, .error = Error(Code::access_denied)});
  file.write_parts(2);
  file.run_all();
  for (int i = 0; i < 4; ++i) {
    const auto pending = file.commit_now();
    file.run_all();
    REQUIRE(pending->has_value());
    if (**pending) break;
    CHECK(pending->value().code() == Code::access_denied);
    CHECK(file.object.dirty());
    CHECK_FALSE(file.phase.committing());
  }
  CHECK(file.stored("f") == file.bytes);
}

TEST_CASE(
    "an edit copies the parts it left alone, fetches what it lacks, and replaces only its base",
    "[commit]") {
  RoomsFixture seed;  // for an object with an ETag of its store
  seed.memory.set("f", pattern(4 * part));
  RoomsFixture file(*seed.memory.info("f"));
  file.memory.set("f", pattern(4 * part));
  const bool replaced = GENERATE(false, true);
  if (replaced) file.memory.set("f", pattern(4 * part, 9));
  file.write(part + 5, "edit");
  file.in([&](Deferred&) {
    file.object.contents_changed();
    file.parts.touch(2);
  });
  const auto pending = file.commit_now();
  file.run_all();
  REQUIRE(pending->has_value());
  std::string expected = pattern(4 * part, replaced ? 9 : 1);
  if (!replaced) expected.replace(part + 5, 4, "edit");
  CHECK((*pending)->has_value() == !replaced);
  CHECK(file.stored("f") == expected);
  if (!replaced) CHECK(file.memory.count("UploadPartCopy") == 3);
}

TEST_CASE("bytes that only the upload has may be committed midway where nobody else would see it",
          "[commit]") {
  RoomsFixture file;
  file.write_parts(2);
  file.run_all();
  CHECK(file.commit_of_file.may_go_midway({0, part}));
  file.in(
      [&](Deferred& after) { file.contents->let_go(file.layout->range(1), Source::sent, after); });
  CHECK_FALSE(file.commit_of_file.may_go_midway({0, part}));
  CHECK(file.commit_of_file.may_go_midway({part, part}));
  file.in([&](Deferred& after) { file.commit_of_file.go_midway(after); });
  file.run_all();
  CHECK(file.stored("f") == file.bytes);
  CHECK(file.ended == std::vector<std::pair<bool, bool>>{{true, true}});
  // Nobody outside knows of it yet.
  CHECK(file.object.dirty());
}

TEST_CASE("an upload lost at Complete is made again by the same commit", "[commit]") {
  RoomsFixture file;
  file.store.add({.operation = "CompleteUpload", .error = upload_is_gone()});
  file.write_parts(2);
  const auto pending = file.commit_now();
  file.run_all();
  REQUIRE(pending->has_value());
  CHECK(**pending);
  CHECK(file.memory.count("CreateUpload") == 2);
  CHECK(file.stored("f") == file.bytes);
  for (const auto& left : file.memory.unfinished_uploads())
    file.memory.abort_upload(left.key, left.upload_id, [](const Result<void>&) {});
}

TEST_CASE("a file that is given up ends its commit with an error", "[commit]") {
  RoomsFixture file;
  file.store.hold("UploadPart");
  file.write_parts(2);
  const auto pending = file.commit_now();
  file.run_all();
  file.phase.abandon();
  file.store.release_all();
  file.run_all();
  REQUIRE(pending->has_value());
  CHECK((*pending)->code() == Code::cancelled);
}

}  // namespace
}  // namespace penstock::test
