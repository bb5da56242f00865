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
  MeteredStore store(inner);
  Outcome<ObjectInfo> info;
  Outcome<CompletedPart> part;
  Outcome<std::string> id;
  Outcome<ListPage> page;
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
  StoreCounters counters = store.counters();
  CHECK(counters.gets == 1);
  CHECK(counters.puts == 1);
  CHECK(counters.multipart == 1);
  CHECK(counters.bytes_received == 8);
  CHECK(counters.bytes_sent == 7);
  CHECK(counters.failed == 0);

  store.head({.key = "a"}, info.done());
  store.list({}, page.done());
  store.remove("a", nothing.done());
  store.remove_many({"a"}, failures.done());
  store.copy({}, info.done());
  store.rename({}, info.done());
  store.create_upload({}, id.done());
  store.upload_part_copy({}, part.done());
  store.complete_upload({}, info.done());
  store.abort_upload("a", "u", nothing.done());
  store.list_parts("a", "u", parts.done());
  store.list_uploads("a", uploads.done());
  counters = store.counters();
  CHECK(counters.heads == 1);
  CHECK(counters.lists == 1);
  CHECK(counters.removes == 2);
  CHECK(counters.copies == 1);
  CHECK(counters.renames == 1);
  CHECK(counters.multipart == 7);
  CHECK(counters.failed == 12);
  CHECK(info.calls == 6);
  CHECK(info.code() == Code::not_supported);
}

}  // namespace
}  // namespace penstock
