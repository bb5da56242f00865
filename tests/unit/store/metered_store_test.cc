// SPDX-License-Identifier: Apache-2.0
#include "store/metered_store.h"

#include "scripted_store.h"
#include "support/catch.h"

namespace penstock {
namespace {

using test::as_bytes;
using test::body_of;
using test::Outcome;

TEST_CASE("Requests are counted by kind, with their bytes and failures") {
  test::ScriptedStore inner;
  inner.on_get = [](const GetRequest& request, Done<ObjectInfo> done) {
    request.sink->started({.etag = "e"});
    request.sink->write(0, as_bytes("12345"));
    request.sink->write(5, as_bytes("678"));
    done(ObjectInfo{});
  };
  inner.on_put = [](const PutRequest&, Done<ObjectInfo> done) { done(ObjectInfo{}); };
  inner.on_part = [](const UploadPart&, Done<CompletedPart> done) { done(CompletedPart{}); };
  const auto metrics = std::make_shared<StoreMetrics>();
  MeteredStore store(inner, metrics);
  Outcome<ObjectInfo> info;
  Outcome<CompletedPart> part;
  Outcome<std::string> id;
  Outcome<ListPage> page;
  Outcome<RestoreAnswer> answer;
  Outcome<void> nothing;
  Outcome<std::vector<DeleteFailure>> failures;
  Outcome<std::vector<CompletedPart>> parts;
  Outcome<std::vector<UploadInfo>> uploads;

  const auto sink = std::make_shared<test::CollectingSink>();
  store.get({.key = "a", .sink = sink}, info.done());
  store.put({.key = "a", .body = body_of("xyz")}, info.done());
  store.upload_part({.key = "a", .body = body_of("part")}, part.done());
  CHECK((info.ok() && part.ok()));
  CHECK(sink->bytes == "12345678");
  CHECK(sink->etag == "e");
  CHECK(metrics->of(StoreRequest::get).bytes.value() == 8);
  CHECK(metrics->of(StoreRequest::get).first_byte.read().total() == 1);
  CHECK(metrics->of(StoreRequest::put).bytes.value() == 3);
  CHECK(metrics->of(StoreRequest::upload_part).bytes.value() == 4);

  store.head({.key = "a"}, info.done());
  store.list({}, page.done());
  store.remove("a", nothing.done());
  store.remove_many({"a"}, failures.done());
  store.copy({}, info.done());
  store.rename({}, info.done());
  store.restore({.key = "a"}, answer.done());
  store.create_upload({}, id.done());
  store.upload_part_copy({}, part.done());
  store.complete_upload({}, info.done());
  store.abort_upload("a", "u", nothing.done());
  store.list_parts("a", "u", parts.done());
  store.list_uploads("a", uploads.done());
  for (size_t i = 0; i < store_request_kinds; ++i) {
    const auto kind = static_cast<StoreRequest>(i);
    if (kind == StoreRequest::lifecycle) continue;  // no store's: RetryingLifecycle counts it
    const RequestMetrics& of_kind = metrics->of(kind);
    INFO(name_of(kind));
    CHECK(of_kind.begun.value() == 1);
    CHECK(of_kind.ended.value() == 1);
    CHECK(of_kind.whole.read().total() == 1);
    CHECK(of_kind.failed.value() == 0);  // "not supported" is an answer
  }
  CHECK(info.calls == 6);
  CHECK(info.code() == Code::not_supported);
}

TEST_CASE("What fails is told apart from what is answered, and what is refused for its number") {
  test::ScriptedStore inner;
  Code code = Code::not_found;
  inner.on_head = [&](const HeadRequest&, Done<ObjectInfo> done) { done(Error(code)); };
  const auto metrics = std::make_shared<StoreMetrics>();
  MeteredStore store(inner, metrics);
  Outcome<ObjectInfo> info;
  const RequestMetrics& heads = metrics->of(StoreRequest::head);
  for (const Code answer :
       {Code::not_found, Code::changed, Code::already_exists, Code::cancelled}) {
    code = answer;
    store.head({.key = "a"}, info.done());
  }
  CHECK(heads.failed.value() == 0);
  code = Code::unavailable;
  store.head({.key = "a"}, info.done());
  CHECK(heads.failed.value() == 1);
  CHECK(heads.throttled.value() == 0);
  code = Code::throttled;
  store.head({.key = "a"}, info.done());
  CHECK(heads.failed.value() == 2);
  CHECK(heads.throttled.value() == 1);
  CHECK(heads.ended.value() == 6);
}

TEST_CASE("A request is under way from its begin to its end") {
  test::ScriptedStore inner;
  Done<ObjectInfo> waiting;
  inner.on_head = [&](const HeadRequest&, Done<ObjectInfo> done) { waiting = std::move(done); };
  const auto metrics = std::make_shared<StoreMetrics>();
  MeteredStore store(inner, metrics);
  Outcome<ObjectInfo> info;
  store.head({.key = "a"}, info.done());
  CHECK(metrics->of(StoreRequest::head).begun.value() == 1);
  CHECK(metrics->of(StoreRequest::head).ended.value() == 0);
  waiting(ObjectInfo{});
  CHECK(metrics->of(StoreRequest::head).ended.value() == 1);
}

}  // namespace
}  // namespace penstock
