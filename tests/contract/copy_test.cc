// SPDX-License-Identifier: Apache-2.0
#include "contract/session.h"

namespace penstock::test {

TEST_CASE("a copy has the source's bytes and metadata") {
  on_every_store([](Session& store) {
    const std::string bytes = pattern(700'000);
    const Metadata metadata = {{"mode", "0600"}, {"note", "of the source"}};
    ok(store.put("source", bytes));
    const ObjectInfo source =
        ok(store.copy({.source = "source", .target = "source", .metadata = metadata}));
    const ObjectInfo copied = ok(store.copy({.source = "source", .target = "deep/er/target"}));
    CHECK(copied.key == "deep/er/target");
    CHECK(!copied.etag.empty());
    const Fetched got = ok(store.get("deep/er/target"));
    CHECK(got.bytes == bytes);
    CHECK(got.info.etag == copied.etag);
    CHECK(user_metadata(got.info.metadata) == metadata);
    CHECK(ok(store.head("source")).etag == source.etag);
  });
}

TEST_CASE("a copy may have metadata of its own, also in place") {
  on_every_store([](Session& store) {
    ok(store.put({.key = "source", .metadata = {{"old", "1"}}}));
    ok(store.put("source", "bytes"));
    const Metadata metadata = {{"mode", "0755"}};
    ok(store.copy({.source = "source", .target = "target", .metadata = metadata}));
    CHECK(user_metadata(ok(store.head("target")).metadata) == metadata);
    ok(store.copy({.source = "source", .target = "source", .metadata = metadata}));
    const Fetched got = ok(store.get("source"));
    CHECK(got.bytes == "bytes");
    CHECK(user_metadata(got.info.metadata) == metadata);
    ok(store.copy({.source = "source", .target = "source", .metadata = Metadata()}));
    CHECK(user_metadata(ok(store.head("source")).metadata) == Metadata());
  });
}

TEST_CASE("a copy onto itself that changes nothing is refused") {
  on_every_store([](Session& store) {
    ok(store.put("object", "x"));
    store.behaves("copy onto itself unchanged is refused", [&] {
      return outcome(store.copy({.source = "object", .target = "object"})) == "invalid_argument";
    });
    CHECK(ok(store.get("object")).bytes == "x");
  });
}

TEST_CASE("a copy is taken of that version only") {
  on_every_store([](Session& store) {
    const ObjectInfo old = ok(store.put("source", "old"));
    ok(store.copy({.source = "source", .target = "first", .source_if_match = old.etag}));
    ok(store.put("source", "new"));
    store.behaves("copy source if-match", [&] {
      return outcome(store.copy(
                 {.source = "source", .target = "second", .source_if_match = old.etag})) ==
                 "changed" &&
             outcome(store.head("second")) == "not_found";
    });
    CHECK(ok(store.get("first")).bytes == "old");
    CHECK(outcome(store.copy({.source = "nothing", .target = "third"})) == "not_found");
  });
}

TEST_CASE("a copy replaces only what its condition allows") {
  on_every_store([](Session& store) {
    ok(store.put("source", "source"));
    const ObjectInfo target = ok(store.put("target", "target"));
    store.behaves("copy if-none-match", [&] {
      const CopyRequest copy{
          .source = "source", .target = "target", .condition = {.if_none_match = true}};
      return outcome(store.copy(copy)) == "already_exists" &&
             ok(store.get("target")).bytes == "target";
    });
    ok(store.put("target", "changed"));
    store.behaves("copy if-match", [&] {
      const CopyRequest copy{
          .source = "source", .target = "target", .condition = {.if_match = target.etag}};
      return outcome(store.copy(copy)) == "changed" && ok(store.get("target")).bytes == "changed";
    });
  });
}

}  // namespace penstock::test
