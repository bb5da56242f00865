// SPDX-License-Identifier: Apache-2.0
#include "contract/session.h"

namespace penstock::test {

TEST_CASE("a rename gives the object another key and leaves it as it is") {
  on_every_store([](Session& store) {
    const Metadata metadata = {{"mode", "0600"}};
    ok(store.put({.key = "from", .body = Body::of("bytes"), .metadata = metadata}));
    ok(store.put("d/to", "other bytes"));
    const ObjectInfo before = ok(store.head("from"));
    store.behaves("rename", [&] {
      const auto renamed =
          store.rename({.source = "from", .target = "d/to", .source_if_match = before.etag});
      if (outcome(renamed) != "ok") return false;
      const Fetched got = ok(store.get("d/to"));
      return renamed->key == "d/to" && renamed->etag == before.etag && got.bytes == "bytes" &&
             got.info.etag == before.etag && user_metadata(got.info.metadata) == metadata &&
             got.info.last_modified_ns == before.last_modified_ns &&
             outcome(store.head("from")) == "not_found";
    });
    CHECK(store.store().limits().renames == store.can("rename"));
    if (store.can("rename")) return;
    CHECK(outcome(store.rename({.source = "from", .target = "x", .source_if_match = "e"})) ==
          "not_supported");
    CHECK(ok(store.get("from")).bytes == "bytes");
    CHECK(ok(store.get("d/to")).bytes == "other bytes");
  });
}

TEST_CASE("a rename is one of that version, over what its condition allows") {
  on_every_store([](Session& store) {
    if (!store.can("rename")) return;
    const ETag old = ok(store.put("from", "old")).etag;
    const ETag present = ok(store.put("from", "new")).etag;
    const ETag target = ok(store.put("to", "target")).etag;
    const RenameRequest of_old{.source = "from", .target = "to", .source_if_match = old};
    CHECK(outcome(store.rename(of_old)) == "changed");
    RenameRequest rename{.source = "from", .target = "to", .source_if_match = present};
    rename.condition = {.if_none_match = true};
    CHECK(outcome(store.rename(rename)) == "already_exists");
    rename.condition = {.if_match = present};
    CHECK(outcome(store.rename(rename)) == "changed");
    rename.target = "nothing";
    CHECK(outcome(store.rename(rename)) == "changed");
    RenameRequest exclusive_of_old{.source = "from", .target = "nothing", .source_if_match = old};
    exclusive_of_old.condition = {.if_none_match = true};
    CHECK(outcome(store.rename(exclusive_of_old)) == "changed");
    CHECK(outcome(store.rename({.source = "gone", .target = "to", .source_if_match = old})) ==
          "not_found");
    CHECK(ok(store.get("from")).bytes == "new");
    CHECK(ok(store.get("to")).bytes == "target");
    rename.target = "to";
    rename.condition = {.if_match = target};
    ok(store.rename(rename));
    CHECK(ok(store.get("to")).bytes == "new");
    rename = {.source = "to", .target = "nothing", .source_if_match = present};
    rename.condition = {.if_none_match = true};
    ok(store.rename(rename));
    CHECK(store.keys() == std::vector<std::string>{"nothing"});
  });
}

TEST_CASE("a rename takes keys as they are") {
  on_every_store([](Session& store) {
    if (!store.can("rename")) return;
    const std::vector<std::string> names = {
        "a b+c",        "50%25", "?renameObject&x=y", "d\xC3\xBC\xE2\x82\xAC/#~'", "/first",
        "two//slashes", "plain"};
    ETag etag = ok(store.put("plain", "bytes")).etag;
    std::string from = "plain";
    for (const std::string& to : names) {
      if (to != from) ok(store.rename({.source = from, .target = to, .source_if_match = etag}));
      CHECK(store.keys() == std::vector<std::string>{to});
      from = to;
    }
    CHECK(ok(store.get("plain")).bytes == "bytes");
  });
}

TEST_CASE("a marker is not renamed") {
  on_every_store([](Session& store) {
    const ETag etag = ok(store.put("d/", "")).etag;
    CHECK(outcome(store.rename({.source = "d/", .target = "e/", .source_if_match = etag})) ==
          "not_supported");
    CHECK(store.keys() == std::vector<std::string>{"d/"});
  });
}

}  // namespace penstock::test
