// SPDX-License-Identifier: Apache-2.0
// Single objects: put, get, head, ranges and conditions.
#include <atomic>
#include <chrono>
#include <memory>
#include <stop_token>

#include "contract/session.h"

namespace penstock::test {
namespace {

class RefusingSink final : public BodySink {
 public:
  bool write(uint64_t, std::span<const std::byte>) noexcept override {
    ++calls;
    return false;
  }
  std::atomic<int> calls{0};
};

int64_t now_ns() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

}  // namespace

TEST_CASE("an object reads back as it was put") {
  on_every_store([](Session& store) {
    const std::string bytes = pattern(300'000);
    const ObjectInfo put = ok(store.put("folder/object", bytes));
    CHECK(put.key == "folder/object");
    CHECK(put.size == bytes.size());
    CHECK(!put.etag.empty());
    CHECK(put.etag.find('"') == std::string::npos);

    const Fetched got = ok(store.get("folder/object"));
    CHECK(got.bytes == bytes);
    CHECK(got.info.key == "folder/object");
    CHECK(got.info.size == bytes.size());
    CHECK(got.info.etag == put.etag);
    REQUIRE(got.started);
    CHECK(got.started->size == bytes.size());
    CHECK(got.started->etag == put.etag);

    const ObjectInfo head = ok(store.head("folder/object"));
    CHECK(head.key == "folder/object");
    CHECK(head.size == bytes.size());
    CHECK(head.etag == put.etag);
    CHECK(std::abs(head.last_modified_ns - now_ns()) < 600'000'000'000);
    CHECK(std::abs(head.last_modified_ns - put.last_modified_ns) < 600'000'000'000);
  });
}

TEST_CASE("an object may be empty") {
  on_every_store([](Session& store) {
    const ObjectInfo put = ok(store.put("empty", ""));
    const Fetched got = ok(store.get("empty"));
    CHECK(got.bytes.empty());
    CHECK(got.info.size == 0);
    CHECK(got.started);
    CHECK(ok(store.head("empty")).etag == put.etag);
    CHECK(outcome(store.get("empty", ByteRange{0, 1})) == "invalid_argument");
  });
}

TEST_CASE("what is not there is not found") {
  on_every_store([](Session& store) {
    ok(store.put("there", "x"));
    CHECK(outcome(store.get("nothing")) == "not_found");
    CHECK(outcome(store.get("nothing", ByteRange{0, 5})) == "not_found");
    CHECK(outcome(store.get("nothing", {}, "0123456789abcdef0123456789abcdef")) == "not_found");
    CHECK(outcome(store.head("nothing")) == "not_found");
    CHECK(outcome(store.head("there/below")) == "not_found");
    CHECK(outcome(store.head("the")) == "not_found");
  });
}

TEST_CASE("ranges bring exactly their bytes") {
  on_every_store([](Session& store) {
    const std::string bytes = pattern(1'200'000);
    const ObjectInfo put = ok(store.put("object", bytes));
    for (const ByteRange range : {ByteRange{0, 1}, ByteRange{0, 1'200'000}, ByteRange{1'199'999, 1},
                                  ByteRange{65'535, 2}, ByteRange{100'001, 900'000}}) {
      const Fetched got = ok(store.get("object", range));
      CHECK(got.bytes == bytes.substr(range.offset, range.length));
      CHECK(got.info.size == bytes.size());
      CHECK(got.info.etag == put.etag);
      REQUIRE(got.started);
      CHECK(got.started->size == bytes.size());
    }
    CHECK(outcome(store.get("object", ByteRange{1'200'000, 1})) == "invalid_argument");
    CHECK(outcome(store.get("object", ByteRange{5'000'000, 10})) == "invalid_argument");
    CHECK(outcome(store.get("object", ByteRange{1'199'999, 2})) == "invalid_argument");
    CHECK(outcome(store.get("object", ByteRange{0, 0})) == "invalid_argument");
  });
}

TEST_CASE("a put replaces bytes and metadata, and gives another ETag") {
  on_every_store([](Session& store) {
    ok(store.put({.key = "object", .metadata = {{"old", "1"}}}));
    const ObjectInfo first = ok(store.put("object", "first"));
    const ObjectInfo second = ok(store.put("object", "second, longer"));
    CHECK(first.etag != second.etag);
    const Fetched got = ok(store.get("object"));
    CHECK(got.bytes == "second, longer");
    CHECK(got.info.etag == second.etag);
    REQUIRE(got.info.metadata);
    CHECK(got.info.metadata->empty());
    ok(store.put("object", "short"));
    CHECK(ok(store.get("object")).bytes == "short");
  });
}

TEST_CASE("a get with If-Match reads that version or none") {
  on_every_store([](Session& store) {
    const ObjectInfo old = ok(store.put("object", "old"));
    CHECK(ok(store.get("object", {}, old.etag)).bytes == "old");
    CHECK(ok(store.get("object", ByteRange{1, 2}, old.etag)).bytes == "ld");
    const ObjectInfo now = ok(store.put("object", "new"));
    CHECK(outcome(store.get("object", {}, old.etag)) == "changed");
    CHECK(outcome(store.get("object", ByteRange{1, 1}, old.etag)) == "changed");
    CHECK(ok(store.get("object", {}, now.etag)).bytes == "new");
  });
}

TEST_CASE("a put with If-None-Match makes an object, but replaces none") {
  on_every_store([](Session& store) {
    store.behaves("put if-none-match", [&] {
      ok(store.put("new", "first", {.if_none_match = true}));
      const auto again = store.put("new", "second", {.if_none_match = true});
      return outcome(again) == "already_exists" && ok(store.get("new")).bytes == "first";
    });
    ok(store.remove("new"));
    ok(store.put("new", "third", {.if_none_match = true}));
    CHECK(ok(store.get("new")).bytes == "third");
  });
}

TEST_CASE("a put with If-Match replaces that version only") {
  on_every_store([](Session& store) {
    const ObjectInfo first = ok(store.put("object", "first"));
    store.behaves("put if-match", [&] {
      const auto second = store.put("object", "second", {.if_match = first.etag});
      if (!second) return false;
      const auto third = store.put("object", "third", {.if_match = first.etag});
      return outcome(third) == "changed" && ok(store.get("object")).bytes == "second";
    });
    store.behaves("put if-match of nothing", [&] {
      return outcome(store.put("nothing", "x", {.if_match = first.etag})) == "changed" &&
             outcome(store.head("nothing")) == "not_found";
    });
  });
}

TEST_CASE("user metadata come back with get and head, not with lists") {
  on_every_store([](Session& store) {
    const Metadata metadata = {{"mode", "100644"},
                               {"uid", "1000"},
                               {"penstock-mtime", "1700000000.123456789"},
                               {"text", "with spaces, (signs) = and \"quotes\"; %41+"},
                               {"long", std::string(800, 'v')}};
    const PutRequest request{.key = "object", .metadata = metadata};
    const ObjectInfo put = ok(store.put(request));
    CHECK(!put.metadata);
    CHECK(user_metadata(ok(store.head("object")).metadata) == metadata);
    const Fetched got = ok(store.get("object"));
    CHECK(user_metadata(got.info.metadata) == metadata);
    const ListPage page = ok(store.list({}));
    REQUIRE(page.objects.size() == 1);
    CHECK(!page.objects[0].metadata);
  });
}

TEST_CASE("a body may come in many pieces") {
  on_every_store([](Session& store) {
    const auto bytes = std::make_shared<const std::string>(pattern(200'000));
    Body body;
    body.owner = bytes;
    const auto all = std::as_bytes(std::span(*bytes));
    for (size_t at = 0; at < all.size(); at += 999)
      body.pieces.push_back(all.subspan(at, std::min<size_t>(999, all.size() - at)));
    body.pieces.insert(body.pieces.begin() + 7, std::span<const std::byte>());
    CHECK(ok(store.put(PutRequest{.key = "pieces", .body = body})).size == bytes->size());
    CHECK(ok(store.get("pieces")).bytes == *bytes);
  });
}

TEST_CASE("a sink that takes no more ends its get") {
  on_every_store([](Session& store) {
    ok(store.put("object", pattern(3'000'000)));
    const auto sink = std::make_shared<RefusingSink>();
    const auto result = await<ObjectInfo>([&](auto done) {
      store.store().get({.key = "object", .sink = sink, .cancel = {}}, std::move(done));
    });
    CHECK(outcome(result) == "cancelled");
    CHECK(sink->calls == 1);
  });
}

TEST_CASE("what is cancelled before it begins does not happen") {
  on_every_store([](Session& store) {
    ok(store.put("object", "x"));
    std::stop_source stop;
    stop.request_stop();
    const auto sink = std::make_shared<RefusingSink>();
    const auto got = await<ObjectInfo>([&](auto done) {
      store.store().get({.key = "object", .sink = sink, .cancel = stop.get_token()},
                        std::move(done));
    });
    CHECK(outcome(got) == "cancelled");
    CHECK(sink->calls == 0);
    const auto head = await<ObjectInfo>([&](auto done) {
      store.store().head({.key = "object", .cancel = stop.get_token()}, std::move(done));
    });
    CHECK(outcome(head) == "cancelled");
    CHECK(outcome(store.list({.cancel = stop.get_token()})) == "cancelled");
  });
}

}  // namespace penstock::test
