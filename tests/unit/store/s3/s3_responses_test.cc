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

TEST_CASE("as many parts as an upload can have had are believed, and no more") {
  CHECK(parse_part_count("1") == 1U);
  CHECK(parse_part_count("10000") == 10'000U);
  for (const char* text : {"", "0", "10001", "-1", "-4000000000", "4000000000", "4294967297",
                           "18446744073709551617", "+3", " 3", "3 ", "3x", "x", "0x3", "3-4"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_part_count(text));
  }
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

HttpResponse answer_with(const std::string& root, const std::string& inner) {
  return {.status = 200, .body = "<" + root + ">" + inner + "</" + root + ">"};
}

TEST_CASE("a list of parts goes on where it says") {
  const auto page = [](const std::string& inner) {
    return parse_parts_page(answer_with("ListPartsResult", inner), "k");
  };
  const std::string part =
      "<Part><PartNumber>1000</PartNumber><ETag>&quot;e&quot;</ETag><Size>5</Size></Part>";
  const auto first = page(part +
                          "<IsTruncated>true</IsTruncated>"
                          "<NextPartNumberMarker>1000</NextPartNumberMarker>");
  REQUIRE(first);
  REQUIRE(first->parts.size() == 1);
  CHECK(first->parts[0].number == 1000);
  CHECK(first->parts[0].etag == "e");
  CHECK(first->parts[0].size == 5);
  CHECK(first->next_marker == "1000");
  CHECK(page(part + "<NextPartNumberMarker>1000</NextPartNumberMarker>")->next_marker.empty());
  CHECK(page(part + "<IsTruncated>true</IsTruncated>").code() == Code::corrupt);
  CHECK(page("<IsTruncated>true</IsTruncated><NextPartNumberMarker>1</NextPartNumberMarker>")
            .code() == Code::corrupt);
  for (const char* number : {"0", "10001", "-1", "x", ""})
    CHECK(page(std::string("<Part><PartNumber>") + number + "</PartNumber><Size>5</Size></Part>")
              .code() == Code::corrupt);
  CHECK(page("<Part><PartNumber>1</PartNumber></Part>").code() == Code::corrupt);
}

TEST_CASE("a list of uploads goes on behind a key and an upload") {
  const auto page = [](const std::string& inner) {
    return parse_uploads_page(answer_with("ListMultipartUploadsResult", inner));
  };
  const std::string more = "<IsTruncated>true</IsTruncated><NextKeyMarker>a%20b</NextKeyMarker>";
  const std::string encoded = "<EncodingType>url</EncodingType>";
  const auto first = page(encoded + more + "<NextUploadIdMarker>u</NextUploadIdMarker>");
  REQUIRE(first);
  CHECK(first->next_key == "a b");
  CHECK(first->next_upload_id == "u");
  CHECK(page(encoded)->next_key.empty());
  CHECK(page("<IsTruncated>true</IsTruncated>").code() == Code::corrupt);
  CHECK(page("<Upload><Key>k</Key></Upload>").code() == Code::corrupt);
}

TEST_CASE("a listing with keys that cannot be of it is refused") {
  const auto page = [](const std::string& inner) {
    return parse_list_page(answer_with("ListBucketResult", inner), {.prefix = "d/"});
  };
  const auto object = [](const std::string& key, const std::string& size) {
    return "<Contents><Key>" + key + "</Key><Size>" + size + "</Size></Contents>";
  };
  CHECK(page(object("d/a", "1"))->objects[0].size == 1);
  CHECK(page(object("e/a", "1")).code() == Code::corrupt);
  CHECK(page(object("", "1")).code() == Code::corrupt);
  CHECK(page(object("d/a", "")).code() == Code::corrupt);
  CHECK(page(object("d/a", "-1")).code() == Code::corrupt);
  CHECK(page("<CommonPrefixes><Prefix>e/</Prefix></CommonPrefixes>").code() == Code::corrupt);
  CHECK(page("<IsTruncated>true</IsTruncated>").code() == Code::corrupt);
}

TEST_CASE("of many deletions the answer names those that failed, and why") {
  const auto failures = parse_delete_result(
      answer_with("DeleteResult",
                  "<Deleted><Key>a</Key></Deleted>"
                  "<Error><Key>b</Key><Code>AccessDenied</Code><Message>no</Message></Error>"
                  "<Error><Key>c</Key><Code>NoSuchKey</Code></Error>"
                  "<Error><Key>d</Key><Code>InternalError</Code></Error>"));
  REQUIRE(failures);
  REQUIRE(failures->size() == 2);  // What is gone is what was asked for.
  CHECK((*failures)[0].key == "b");
  CHECK((*failures)[0].error.code() == Code::access_denied);
  CHECK((*failures)[0].error.detail().key == "b");
  CHECK((*failures)[1].key == "d");
  CHECK((*failures)[1].error.code() == Code::unavailable);
}

TEST_CASE("an error inside an answer that says 200 is that error") {
  const auto read = [](const std::string& body) {
    return parse_answer({.status = 200, .body = body},
                        {.root = "CopyObjectResult", .key = "k", .otherwise = Code::unavailable});
  };
  CHECK(read("<CopyObjectResult/>"));
  CHECK(read("<Error><Code>QuotaExceeded</Code></Error>").code() == Code::no_space);
  CHECK(read("<Error><Code>SomethingNew</Code></Error>").code() == Code::unavailable);
  CHECK(read("<CompleteResult/>").code() == Code::unavailable);
  CHECK(read("<CopyObjectResult>").code() == Code::unavailable);
  CHECK(read("").code() == Code::unavailable);
}

}  // namespace
}  // namespace penstock
