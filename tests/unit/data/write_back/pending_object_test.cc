// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/pending_object.h"

#include "base/writer_mark.h"
#include "support/catch.h"

namespace penstock::test {
namespace {

ObjectInfo object(const std::string& key, const std::string& etag) {
  ObjectInfo info;
  info.key = key;
  info.etag = ETag(etag);
  info.size = 5;
  return info;
}

TEST_CASE("a new file's first object takes the place of what was promised, or of nothing") {
  PendingObject file("k", std::nullopt);
  CHECK(file.condition(false).if_none_match);
  file.expect({.version = "old"});
  CHECK(file.condition(false).if_match == ETag("old"));
  CHECK_FALSE(file.condition(false).if_none_match);
  file.expect({});
  CHECK(file.replaces().empty());
  CHECK(file.condition(false).if_none_match);
}

TEST_CASE("once a file has made an object, the next takes the place of that one") {
  PendingObject file("k", std::nullopt);
  file.expect({.version = "old"});
  file.stored(object("k", "first"), false);
  CHECK(file.condition(false).if_match == ETag("first"));
  file.expect({.version = "another"});
  CHECK(file.replaces() == ETag("old"));
  CHECK(file.condition(false).if_match == ETag("first"));
}

TEST_CASE("an edit takes the place of its base, under whatever name that is") {
  PendingObject file("k", WriteBase{object("k", "base")});
  CHECK(file.condition(false).if_match == ETag("base"));
  file.base_moved("copy", ETag("copied"));
  CHECK(file.base()->key == "copy");
  CHECK(file.condition(false).if_match == ETag("copied"));
  CHECK(file.key() == "k");
  PendingObject without("k", std::nullopt);
  without.base_moved("copy", ETag("copied"));
  CHECK_FALSE(without.base());
}

TEST_CASE("an object beside the file's key replaces nothing, and its key is the file's then") {
  PendingObject file("k", WriteBase{object("k", "base")});
  CHECK(file.condition(true).if_none_match);
  CHECK(file.condition(true).if_match.empty());
  file.stored(object("k.conflict", "ours"), true);
  CHECK(file.key() == "k.conflict");
  CHECK(file.base()->etag == ETag("ours"));
}

TEST_CASE("an object that was stored while the file got another name leaves it the name") {
  PendingObject file("new", std::nullopt);
  file.stored(object("old", "e"), false);
  CHECK(file.key() == "new");
}

TEST_CASE("what a conflict finds is the file's: an object of its own, or nothing to replace") {
  PendingObject file("k", std::nullopt);
  file.expect({.version = "deleted"});
  SECTION("nothing") {
    file.found(std::nullopt);
    CHECK(file.condition(false).if_none_match);
  }
  SECTION("its own") {
    file.found(object("k", "ours"));
    CHECK(file.condition(false).if_match == ETag("ours"));
  }
  file.expect({.version = "late"});
  CHECK(file.condition(false).if_match != ETag("late"));
}

TEST_CASE(
    "all objects of a file have one mark, which a restored file keeps and an heir takes over") {
  const PendingObject file("k", std::nullopt);
  const Metadata metadata = file.marked({{"mode", "1"}});
  CHECK(metadata.at("mode") == "1");
  CHECK(metadata.at(std::string(writer_mark)) == file.mark());
  JournalState state;
  state.key = "k";
  state.metadata = metadata;
  state.replaces = ETag("old");
  const PendingObject restored(state);
  CHECK(restored.mark() == file.mark());
  CHECK(restored.condition(false).if_match == ETag("old"));
  PendingObject heir("k", std::nullopt);
  CHECK(heir.mark() != file.mark());
  heir.inherit(file.mark());
  CHECK(heir.marked({}) == restored.marked({}));
}

}  // namespace
}  // namespace penstock::test
