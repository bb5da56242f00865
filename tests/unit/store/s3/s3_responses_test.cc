// SPDX-License-Identifier: Apache-2.0
#include "store/s3/s3_responses.h"

#include "store/s3/s3_error.h"
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

TEST_CASE("what is said of a restoration is read, in headers and in listings") {
  CHECK_FALSE(parse_restore(""));
  CHECK_FALSE(parse_restore("soon"));
  CHECK(parse_restore(R"(ongoing-request="true")")->ongoing);
  const auto ready =
      parse_restore(R"(ongoing-request="false", expiry-date="Fri, 21 Dec 2012 00:00:00 GMT")");
  REQUIRE(ready);
  CHECK_FALSE(ready->ongoing);
  CHECK(ready->until_ns == 1'356'048'000'000'000'000);
  const HttpResponse listing{
      .status = 200,
      .body =
          "<ListBucketResult><Contents><Key>a</Key><Size>1</Size></Contents>"
          "<Contents><Key>b</Key><Size>1</Size><RestoreStatus><IsRestoreInProgress>true"
          "</IsRestoreInProgress></RestoreStatus></Contents>"
          "<Contents><Key>c</Key><Size>1</Size><RestoreStatus><IsRestoreInProgress>false"
          "</IsRestoreInProgress><RestoreExpiryDate>2012-12-21T00:00:00.000Z"
          "</RestoreExpiryDate></RestoreStatus></Contents></ListBucketResult>"};
  const auto page = parse_list_page(listing, {});
  REQUIRE(page);
  REQUIRE(page->objects.size() == 3);
  CHECK_FALSE(page->objects[0].restore);
  CHECK(page->objects[1].restore->ongoing);
  CHECK(page->objects[2].restore->until_ns == ready->until_ns);
}

TEST_CASE("a page of a listing that leads to itself is refused") {
  const HttpResponse page{
      .status = 200,
      .body =
          "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>here"
          "</NextContinuationToken></ListBucketResult>"};
  CHECK(parse_list_page(page, {.continuation = "there"})->continuation == "here");
  CHECK(parse_list_page(page, {.continuation = "here"}).code() == Code::corrupt);
}

TEST_CASE("for how long the server wants to be left alone has bounds, whatever it says") {
  const auto wait = [](const char* retry_after, const char* date) {
    HttpResponse answer{.status = 503};
    answer.headers.add("retry-after", retry_after);
    answer.headers.add("date", date);
    return read_error_answer(answer).retry_after_ms;
  };
  CHECK(wait("Sun, 06 Nov 1994 08:50:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT") == 60'000);
  CHECK(wait("Sun, 06 Nov 2261 08:50:37 GMT", "Sun, 06 Nov 1701 08:49:37 GMT") == 3'600'000);
  CHECK(wait("Sun, 06 Nov 1701 08:50:37 GMT", "Sun, 06 Nov 2261 08:49:37 GMT") == 0);
  CHECK(wait("-5", "") == 0);
  CHECK(wait("99999999999", "") == 3'600'000);
}

TEST_CASE("an object is archived by its class or its tier, until it is restored") {
  const RestoreState ready{.until_ns = 1};
  CHECK_FALSE(is_archived({.storage_class = "GLACIER_IR"}));
  CHECK_FALSE(is_archived({.storage_class = "INTELLIGENT_TIERING"}));
  CHECK(is_archived({.storage_class = "INTELLIGENT_TIERING", .archive_status = "ARCHIVE_ACCESS"}));
  CHECK(is_archived({.storage_class = "GLACIER"}));
  CHECK(is_archived({.storage_class = "GLACIER", .restore = RestoreState{.ongoing = true}}));
  CHECK_FALSE(is_archived({.storage_class = "DEEP_ARCHIVE", .restore = ready}));
}

}  // namespace
}  // namespace penstock
