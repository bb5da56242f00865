// SPDX-License-Identifier: Apache-2.0
#include "store/s3/s3_responses.h"

#include "support/catch.h"

namespace penstock {
namespace {

UploadsPage uploads(const std::string& key, const std::string& rest = {}) {
  const HttpResponse response{
      .status = 200,
      .body = "<ListMultipartUploadsResult>" + rest + "<Upload><Key>" + key +
              "</Key><UploadId>1</UploadId></Upload></ListMultipartUploadsResult>"};
  auto page = parse_uploads_page(response);
  REQUIRE(page);
  REQUIRE(page->uploads.size() == 1);
  return *std::move(page);
}

TEST_CASE("Keys of a list of uploads are decoded where the answer says that they are encoded") {
  const UploadsPage encoded = uploads("a%20b", "<EncodingType>url</EncodingType>");
  CHECK(encoded.uploads[0].key == "a b");
  CHECK_FALSE(encoded.ambiguous);
  const UploadsPage unsaid = uploads("a%20b");
  CHECK(unsaid.uploads[0].key == "a%20b");
  CHECK(unsaid.ambiguous);
  CHECK(uploads("a+b").ambiguous);
  CHECK_FALSE(uploads("a b").ambiguous);
}

TEST_CASE("A write's answer has its ETag in the header or in the body") {
  HttpResponse response{.status = 200};
  CHECK(written_object(response, {.key = "k"}).code() == Code::corrupt);
  CHECK(written_object(response, {.key = "k", .etag = "in-body"})->etag == "in-body");
  response.headers.add("etag", "\"in-header\"");
  CHECK(written_object(response, {.key = "k"})->etag == "in-header");
  CHECK(etag_in({.name = "R", .text = {}, .children = {{"ETag", " \"e\" ", {}}}}) == "e");
  CHECK(etag_in({.name = "R", .text = {}, .children = {{"ETag", "", {}}}}).empty());
}

}  // namespace
}  // namespace penstock
