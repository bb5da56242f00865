// SPDX-License-Identifier: Apache-2.0
#include "app/mount_report.h"

#include "support/catch.h"

namespace penstock {
namespace {

using Phase = RenameState::Phase;

TEST_CASE("a report comes back as it was sent") {
  const MountReport report{
      .renames =
          {{.from = "a b/", .to = "c\nd/", .phase = Phase::deleting, .done = 3, .objects = 9}},
      .unstored = {{.path = "x y", .size = 5, .open = true},
                   {.path = "z%", .size = 0, .open = false}},
      .epoch = EpochState{.directory = "/a b/", .fetched = 40, .read = 30}};
  const std::optional<MountReport> read = decode_mount_report(encode(report));
  REQUIRE(read);
  REQUIRE(read->renames.size() == 1);
  CHECK(read->renames[0].from == "a b/");
  CHECK(read->renames[0].to == "c\nd/");
  CHECK(read->renames[0].phase == Phase::deleting);
  CHECK(read->renames[0].done == 3);
  CHECK(read->renames[0].objects == 9);
  REQUIRE(read->unstored.size() == 2);
  CHECK(read->unstored[0].path == "x y");
  CHECK(read->unstored[0].size == 5);
  CHECK(read->unstored[0].open);
  CHECK(read->unstored[1].path == "z%");
  CHECK_FALSE(read->unstored[1].open);
  REQUIRE(read->epoch);
  CHECK(read->epoch->directory == "/a b/");
  CHECK(read->epoch->fetched == 40);
  CHECK(read->epoch->read == 30);
}

TEST_CASE("what is cut off, or of another version, is no report") {
  const std::string whole = encode({.renames = {}, .unstored = {{.path = "x", .size = 5}}});
  CHECK_FALSE(decode_mount_report(""));
  CHECK_FALSE(decode_mount_report(whole.substr(0, whole.size() - 4)));
  CHECK_FALSE(decode_mount_report("news 5\nend\n"));
  CHECK_FALSE(decode_mount_report("rename flying 1 2 a b\nend\n"));
  CHECK_FALSE(decode_mount_report("unstored open x f\nend\n"));
  CHECK_FALSE(decode_mount_report("epoch 5 /\nend\n"));
}

}  // namespace
}  // namespace penstock
