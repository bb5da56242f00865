// SPDX-License-Identifier: Apache-2.0
#include "data/write/multipart_upload.h"

#include "support/catch.h"
#include "unit/data/write/rooms_fixture.h"

namespace penstock::test {
namespace {

using State = PartTable::State;

TEST_CASE("whole parts that the file has grown past are sent ahead, and its end is not",
          "[upload]") {
  RoomsFixture file;
  file.write_parts(3);
  CHECK(file.upload.exists());
  CHECK_FALSE(file.upload.created());
  file.run_all();
  CHECK(file.upload.created());
  CHECK(file.uploads.ids.contains(file.upload.session().id));
  for (const uint32_t number : {1, 2, 3}) CHECK(file.parts.state(number) == State::stored);
  CHECK(file.parts.state(4) == State::idle);
  CHECK(file.upload.leaves_parts_out(2 * part));
  CHECK_FALSE(file.upload.leaves_parts_out(2 * part + 1));
}

TEST_CASE("nothing is sent ahead of a commit, or of a file that is given up", "[upload]") {
  RoomsFixture file;
  if (GENERATE(true, false)) {
    file.phase.begin_commit();
  } else {
    file.phase.abandon();
  }
  file.write_parts(3);
  CHECK_FALSE(file.upload.exists());
}

TEST_CASE("an upload that is given up before it was created is aborted when it is", "[upload]") {
  RoomsFixture file;
  file.store.hold("CreateUpload");
  file.write_parts(2);
  file.run_all();
  file.in([&](Deferred& after) { file.upload.retire(after); });
  CHECK_FALSE(file.upload.exists());
  CHECK(file.busy());
  file.store.release_all();
  file.run_all();
  CHECK_FALSE(file.busy());
  CHECK(file.memory.unfinished_uploads().empty());
  CHECK(file.uploads.ids.empty());
}

TEST_CASE("an abort that fails leaves the upload in the registry", "[upload]") {
  RoomsFixture file;
  file.write_parts(2);
  file.run_all();
  file.store.add({.operation = "AbortUpload"});
  file.in([&](Deferred& after) { file.upload.retire(after); });
  file.run_all();
  CHECK(file.uploads.ids.size() == 1);
}

TEST_CASE("a part that fails is told by the next change, and goes again once that is forgiven",
          "[upload]") {
  RoomsFixture file;
  file.store.add({.operation = "UploadPart", .nth = 2, .error = Error(Code::unavailable)});
  file.write_parts(3);
  file.run_all();
  REQUIRE(file.upload.failure());
  CHECK(file.upload.failure()->code() == Code::unavailable);
  CHECK_FALSE(file.upload.lost());
  file.in([&](Deferred& after) {
    file.upload.forgive();
    file.upload.consider_all(after);
  });
  file.run_all();
  CHECK_FALSE(file.upload.failure());
  for (const uint32_t number : {1, 2, 3}) CHECK(file.parts.state(number) == State::stored);
}

TEST_CASE("an upload that cannot be created is not tried again before a commit", "[upload]") {
  RoomsFixture file;
  file.store.add({.operation = "CreateUpload"});
  file.write_parts(3);
  file.run_all();
  CHECK(file.upload.failure());
  CHECK(file.parts.state(1) == State::idle);
  file.in([&](Deferred& after) { file.upload.consider_all(after); });
  CHECK_FALSE(file.upload.exists());
}

TEST_CASE("when the store loses the upload what is in memory goes again, and what is not is lost",
          "[upload]") {
  RoomsFixture file;
  file.write_parts(3);
  file.run_all();
  const bool dropped = GENERATE(false, true);
  file.in([&](Deferred& after) {
    if (dropped) file.contents->let_go(file.layout->range(2), Source::sent, after);
    file.upload.lose(upload_is_gone(), after);
  });
  CHECK(file.upload.lost().has_value() == dropped);
  file.run_all();
  CHECK(file.upload.exists() == !dropped);
  CHECK(file.parts.state(1) == (dropped ? State::idle : State::stored));
}

TEST_CASE("an answer for an upload that is not the file's any more changes nothing", "[upload]") {
  RoomsFixture file;
  file.store.hold("UploadPart");
  file.write_parts(1);
  file.run_all();
  REQUIRE(file.parts.state(1) == State::sending);
  file.in([&](Deferred& after) { file.upload.retire(after); });
  file.phase.begin_commit();  // which would send it anew
  file.store.release_all();
  file.run_all();
  CHECK(file.parts.state(1) == State::idle);
}

TEST_CASE("a store that copies no parts is sent the bytes", "[upload]") {
  RoomsFixture file;
  file.memory.set("other", pattern(2 * part));
  file.store.add({.operation = "UploadPartCopy", .times = 9, .error = Error(Code::not_supported)});
  const auto copied = file.begin<uint64_t>([&](Done<uint64_t> done) {
    file.in([&](Deferred& after) {
      file.upload.copy_parts(0, {"other", file.memory.info("other")->etag, {0, 2 * part}}, false,
                             std::move(done), after);
    });
  });
  file.run_all();
  REQUIRE(copied->has_value());
  CHECK((*copied)->value() == 0);
  CHECK_FALSE(file.upload.copies_parts());
  CHECK_FALSE(file.upload.copying());
}

TEST_CASE("parts copied from another object are the file's, and remember it", "[upload]") {
  RoomsFixture file;
  file.memory.set("other", pattern(3 * part));
  const ETag etag = file.memory.info("other")->etag;
  const bool busy = GENERATE(false, true);
  const auto copied = file.begin<uint64_t>([&](Done<uint64_t> done) {
    file.in([&](Deferred& after) {
      file.upload.copy_parts(0, {"other", etag, {part, 2 * part + 5}}, busy, std::move(done),
                             after);
    });
  });
  file.run_all();
  REQUIRE(copied->has_value());
  CHECK((*copied)->value() == (busy ? 0 : 2 * part - part % part));
  if (busy) return;
  CHECK(file.is({0, 2 * part}, Source::sent));
  REQUIRE(file.parts.copied_from(2) != nullptr);
  CHECK(file.parts.copied_from(2)->source.key == "other");
  CHECK(file.object.dirty());
}

}  // namespace
}  // namespace penstock::test
