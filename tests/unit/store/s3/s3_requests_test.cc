// SPDX-License-Identifier: Apache-2.0
#include "store/s3/s3_requests.h"

#include "support/catch.h"

namespace penstock {
namespace {

std::string copy_source(const std::string& key, SourceSpelling spelling) {
  const UploadPartCopy request{.key = "target", .source = key, .source_range = {0, 1}};
  for (const auto& [name, value] : upload_part_copy_request(request, "bucket", spelling).headers) {
    if (name == "x-amz-copy-source") return value;
  }
  return {};
}

bool asks_for(const S3Request& request, const std::string& name) {
  for (const auto& parameter : request.query) {
    if (parameter.first == name) return true;
  }
  return false;
}

TEST_CASE("A part's source is spelled as the server reads it") {
  CHECK(copy_source("d/a b%", SourceSpelling::once) == "bucket/d/a%20b%25");
  CHECK(copy_source("d/a b%", SourceSpelling::twice) == "bucket/d/a%2520b%2525");
  CHECK(copy_source("d/a", SourceSpelling::twice_in_full) == "bucket/%2564%252F%2561");
}

TEST_CASE("Lists of parts that some servers would mend are refused") {
  CHECK(check_parts({}));
  CHECK(check_parts({{.number = 0}}));
  CHECK(check_parts({{.number = 10'001}}));
  CHECK(check_parts({{.number = 2}, {.number = 1}}));
  CHECK(check_parts({{.number = 1}, {.number = 1}}));
  CHECK_FALSE(check_parts({{.number = 1}, {.number = 3}, {.number = 10'000}}));
}

TEST_CASE("What is large does not keep waiting what programs wait for") {
  using enum RequestClass;
  CHECK(list_request({}).request_class == small);
  CHECK(complete_upload_request({.key = "k", .parts = {{.number = 1}}}, {}).request_class == small);
  CHECK(get_request({.key = "k"}).request_class == demand);
  CHECK(get_request({.key = "k", .request_class = background}).request_class == background);
  CHECK(put_request({.key = "k"})->request_class == demand);
  CHECK(upload_part_request({.key = "k", .number = 1}).request_class == background);
  CHECK(copy_request({.source = "k", .target = "l"}, "bucket")->request_class == background);
}

TEST_CASE("A list of uploads is asked for with encoded keys, or plain ones") {
  CHECK(asks_for(list_uploads_request("p", {}, false), "encoding-type"));
  CHECK_FALSE(asks_for(list_uploads_request("p", {}, true), "encoding-type"));
}

TEST_CASE("a restoration is asked for with days and tier; Intelligent-Tiering has no days") {
  const auto text = [](const RestoreRequest& request) {
    const Body body = restore_request(request).body;
    return std::string(reinterpret_cast<const char*>(body.pieces[0].data()), body.size());
  };
  const std::string xmlns = R"(<RestoreRequest xmlns="http://s3.amazonaws.com/doc/2006-03-01/">)";
  CHECK(text({.key = "k", .days = 3, .tier = RestoreTier::bulk}) ==
        xmlns +
            "<Days>3</Days><GlacierJobParameters><Tier>Bulk</Tier></GlacierJobParameters>"
            "</RestoreRequest>");
  CHECK(text({.key = "k"}) ==
        xmlns +
            "<GlacierJobParameters><Tier>Standard</Tier></GlacierJobParameters>"
            "</RestoreRequest>");
}

TEST_CASE("what is wanted of a restoration is said by days, and a tier") {
  const RestoreWish otherwise{.days = 7, .tier = RestoreTier::bulk};
  CHECK(parse_restore_wish("3", otherwise)->days == 3);
  CHECK(parse_restore_wish("3", otherwise)->tier == RestoreTier::bulk);
  CHECK(parse_restore_wish("30,Expedited", otherwise)->tier == RestoreTier::expedited);
  for (const char* wrong : {"", "0", "-1", "3 ", "3,", "3,bulk", "36501", "Bulk", "3,Bulk,"})
    CHECK(parse_restore_wish(wrong, otherwise).code() == Code::invalid_argument);
}

}  // namespace
}  // namespace penstock
