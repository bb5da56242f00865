// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "contract/session.h"

namespace penstock::test {
namespace {

constexpr size_t part_size = 5 << 20;
constexpr const char* different_sizes = "parts of different sizes";
constexpr const char* part_copies = "parts are copied";

bool takes_no_parts(Session& store, const std::string& key, const std::string& id) {
  return outcome(store.upload_part(key, id, 1, "part")) == "not_found" &&
         outcome(store.list_parts(key, id)) == "not_found";
}

}  // namespace

TEST_CASE("parts make an object, and only when it is completed") {
  on_every_store([](Session& store) {
    const std::string first = pattern(part_size, 1);
    const std::string second = pattern(part_size + (store.can(different_sizes) ? 17 : 0), 2);
    const std::string third = pattern(1000, 3);
    const Metadata metadata = {{"mode", "0640"}};
    const std::string id = ok(store.create_upload("big/object", metadata));
    // Out of order, one of them twice.
    const CompletedPart part3 = ok(store.upload_part("big/object", id, 7, third));
    ok(store.upload_part("big/object", id, 2, "sent again below"));
    const CompletedPart part1 = ok(store.upload_part("big/object", id, 1, first));
    const CompletedPart part2 = ok(store.upload_part("big/object", id, 2, second));
    CHECK(part1.number == 1);
    CHECK(part1.size == first.size());
    CHECK(!part1.etag.empty());
    CHECK(store.keys().empty());
    CHECK(ok(store.list({.by_directory = true})).common_prefixes.empty());

    const auto parts = ok(store.list_parts("big/object", id));
    REQUIRE(parts.size() == 3);
    CHECK(parts[0].number == 1);
    CHECK(parts[1].number == 2);
    CHECK(parts[1].etag == part2.etag);
    CHECK(parts[1].size == second.size());
    CHECK(parts[2].number == 7);

    const ObjectInfo done =
        ok(store.complete({.key = "big/object", .upload_id = id, .parts = {part1, part2, part3}}));
    CHECK(done.key == "big/object");
    const Fetched got = ok(store.get("big/object"));
    CHECK(got.bytes == first + second + third);
    CHECK(got.info.etag == done.etag);
    CHECK(user_metadata(got.info.metadata) == metadata);
    CHECK(ok(store.list_uploads("")).empty());
    store.behaves("no parts without an upload",
                  [&] { return takes_no_parts(store, "big/object", id); });
  });
}

TEST_CASE("parts may have different sizes") {
  on_every_store([](Session& store) {
    const std::string first = pattern(part_size, 1);
    const std::string second = pattern(part_size + 17, 2);
    const std::string id = ok(store.create_upload("object"));
    const CompletedPart part1 = ok(store.upload_part("object", id, 1, first));
    const CompletedPart part2 = ok(store.upload_part("object", id, 2, second));
    store.behaves(different_sizes, [&] {
      const auto done = store.complete({.key = "object", .upload_id = id, .parts = {part1, part2}});
      return outcome(done) == "ok" && ok(store.get("object")).bytes == first + second;
    });
  });
}

TEST_CASE("only the parts that are named become the object") {
  on_every_store([](Session& store) {
    const std::string id = ok(store.create_upload("object"));
    ok(store.upload_part("object", id, 1, "left out"));
    const CompletedPart part = ok(store.upload_part("object", id, 2, "taken"));
    store.behaves("parts may be left out", [&] {
      return outcome(store.complete({.key = "object", .upload_id = id, .parts = {part}})) == "ok" &&
             ok(store.get("object")).bytes == "taken";
    });
  });
}

TEST_CASE("an aborted upload leaves nothing, and aborting it again is no error") {
  on_every_store([](Session& store) {
    ok(store.put("object", "before"));
    const std::string id = ok(store.create_upload("object"));
    const CompletedPart part = ok(store.upload_part("object", id, 1, "part"));
    ok(store.abort("object", id));
    CHECK(ok(store.get("object")).bytes == "before");
    CHECK(ok(store.list_uploads("")).empty());
    ok(store.abort("object", id));
    store.behaves("no parts without an upload",
                  [&] { return takes_no_parts(store, "object", id); });
    CHECK(outcome(store.complete({.key = "object", .upload_id = id, .parts = {part}})) ==
          "not_found");
    CHECK(ok(store.get("object")).bytes == "before");
  });
}

TEST_CASE("what contradicts the upload is refused, and the upload goes on") {
  on_every_store([](Session& store) {
    const std::string id = ok(store.create_upload("object"));
    const CompletedPart small =
        ok(store.upload_part("object", id, 1, "too small to be no last part"));
    const CompletedPart last = ok(store.upload_part("object", id, 2, "last"));
    const CompleteUpload right{.key = "object", .upload_id = id, .parts = {small, last}};
    store.behaves("parts that are too small are refused",
                  [&] { return outcome(store.complete(right)) == "invalid_argument"; });

    const CompletedPart big = ok(store.upload_part("object", id, 1, pattern(part_size)));
    store.behaves("parts out of order are refused", [&] {
      return outcome(store.complete({.key = "object", .upload_id = id, .parts = {last, big}})) ==
             "invalid_argument";
    });
    store.behaves("parts that were not sent are refused", [&] {
      CompletedPart other = last;
      other.number = 3;
      return outcome(store.complete({.key = "object", .upload_id = id, .parts = {big, other}})) ==
             "invalid_argument";
    });
    store.behaves("parts with another ETag are refused", [&] {
      CompletedPart other = last;
      other.etag = big.etag;
      return outcome(store.complete({.key = "object", .upload_id = id, .parts = {big, other}})) ==
             "invalid_argument";
    });
    CHECK(outcome(store.upload_part("object", id, 0, "x")) == "invalid_argument");
    CHECK(outcome(store.upload_part("object", id, 10'001, "x")) == "invalid_argument");
    CHECK(outcome(store.head("object")) == "not_found");
    CHECK(outcome(store.complete({.key = "object", .upload_id = id, .parts = {}})) ==
          "invalid_argument");
    ok(store.complete({.key = "object", .upload_id = id, .parts = {big, last}}));
    CHECK(ok(store.head("object")).size == part_size + 4);
  });
}

TEST_CASE("an upload that never was is not found") {
  on_every_store([](Session& store) {
    const std::string real = ok(store.create_upload("object"));
    for (const std::string id : {"0123456789abcdef0123456789abcdef", "../../etc"}) {
      store.behaves("no parts without an upload",
                    [&, &unknown = id] { return takes_no_parts(store, "object", unknown); });
      CHECK(outcome(store.complete({.key = "object", .upload_id = id, .parts = {{1, "e", 1}}})) ==
            "not_found");
      ok(store.abort("object", id));
    }
    store.behaves("an upload belongs to its key", [&] {
      return outcome(store.upload_part("another", real, 1, "x")) == "not_found";
    });
  });
}

TEST_CASE("unfinished uploads are listed by prefix, also two of one key") {
  on_every_store([](Session& store) {
    const std::string a = ok(store.create_upload("p/a"));
    const std::string a2 = ok(store.create_upload("p/a"));
    const std::string b = ok(store.create_upload("p/b c%20+"));
    ok(store.create_upload("q"));
    CHECK(a != a2);
    auto found = ok(store.list_uploads("p/"));
    REQUIRE(found.size() == 3);
    CHECK(found[0].key == "p/a");
    CHECK(found[1].key == "p/a");
    CHECK(std::set<std::string>{found[0].upload_id, found[1].upload_id} ==
          std::set<std::string>{a, a2});
    CHECK(found[2].key == "p/b c%20+");
    CHECK(found[2].upload_id == b);
    CHECK(found[2].initiated_ns > 0);
    CHECK(ok(store.list_uploads("")).size() == 4);
    CHECK(ok(store.list_uploads("p/b")).size() == 1);
    CHECK(ok(store.list_uploads("r")).empty());
  });
}

TEST_CASE("a completion keeps its condition") {
  on_every_store([](Session& store) {
    const ObjectInfo old = ok(store.put("object", "old"));
    store.behaves("complete if-none-match", [&] {
      const std::string id = ok(store.create_upload("object"));
      const CompletedPart part = ok(store.upload_part("object", id, 1, "from parts"));
      const CompleteUpload request{
          .key = "object", .upload_id = id, .parts = {part}, .condition = {.if_none_match = true}};
      const bool refused = outcome(store.complete(request)) == "already_exists";
      ok(store.abort("object", id));
      return refused && ok(store.get("object")).bytes == "old";
    });
    ok(store.put("object", "new"));
    store.behaves("complete if-match", [&] {
      const std::string id = ok(store.create_upload("object"));
      const CompletedPart part = ok(store.upload_part("object", id, 1, "from parts"));
      CompleteUpload request{
          .key = "object", .upload_id = id, .parts = {part}, .condition = {.if_match = old.etag}};
      const bool refused =
          outcome(store.complete(request)) == "changed" && ok(store.get("object")).bytes == "new";
      request.condition.if_match = ok(store.head("object")).etag;
      const bool done =
          outcome(store.complete(request)) == "ok" && ok(store.get("object")).bytes == "from parts";
      ok(store.abort("object", id));
      return refused && done;
    });
    const ETag now = ok(store.head("object")).etag;
    CHECK(outcome(store.put("object", "newest", {.if_match = now})) == "ok");
  });
}

TEST_CASE("parts can be copied from objects") {
  on_every_store([](Session& store) {
    const std::string bytes = pattern(part_size + 1000);
    const ObjectInfo source = ok(store.put("s/source +%", bytes));
    const std::string id = ok(store.create_upload("target"));
    UploadPartCopy copy{.key = "target",
                        .upload_id = id,
                        .number = 1,
                        .source = "s/source +%",
                        .source_if_match = source.etag,
                        .source_range = {500, part_size}};
    const auto copied = store.upload_part_copy(copy);
    store.behaves(part_copies, [&] { return outcome(copied) == "ok"; });
    CHECK(store.store().limits().part_copies == store.can(part_copies));
    if (!store.can(part_copies)) {
      CHECK(outcome(copied) == "not_supported");
      return;
    }
    const CompletedPart first = ok(copied);
    CHECK(first.number == 1);
    CHECK(!first.etag.empty());
    const CompletedPart second = ok(store.upload_part("target", id, 2, "end"));
    ok(store.complete({.key = "target", .upload_id = id, .parts = {first, second}}));
    CHECK(ok(store.get("target")).bytes == bytes.substr(500, part_size) + "end");

    const std::string other = ok(store.create_upload("target"));
    copy.upload_id = other;
    store.behaves("part copy beyond the source is refused", [&] {
      copy.source_range = {part_size, 2000};
      return outcome(store.upload_part_copy(copy)) == "invalid_argument";
    });
    copy.source_range = {0, 100};
    ok(store.put("s/source +%",
                 "changed, and longer than one hundred bytes: " + std::string(100, '.')));
    store.behaves("part copy source if-match",
                  [&] { return outcome(store.upload_part_copy(copy)) == "changed"; });
    copy.source_if_match.clear();
    copy.source = "nothing";
    CHECK(outcome(store.upload_part_copy(copy)) == "not_found");
  });
}

TEST_CASE("a part is copied of the object that is named, not of one with a similar name") {
  on_every_store([](Session& store) {
    if (!store.can(part_copies)) return;
    for (const auto& [name, similar] : {std::pair("a%20b", "a b"), std::pair("q?a+b", "q?a b"),
                                        std::pair("p?versionId=1", "p"), std::pair("c%", "c")}) {
      INFO(name);
      ok(store.put(similar, "of the similar name"));
      ok(store.put(name, "of this name"));
      const std::string id = ok(store.create_upload("target"));
      const CompletedPart part = ok(store.upload_part_copy({.key = "target",
                                                            .upload_id = id,
                                                            .number = 1,
                                                            .source = name,
                                                            .source_if_match = {},
                                                            .source_range = {3, 9}}));
      ok(store.complete({.key = "target", .upload_id = id, .parts = {part}}));
      CHECK(ok(store.get("target")).bytes == "this name");
    }
  });
}

}  // namespace penstock::test
