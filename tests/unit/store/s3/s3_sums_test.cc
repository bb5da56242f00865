// SPDX-License-Identifier: Apache-2.0
#include "store/s3/s3_sums.h"

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "support/catch.h"

namespace penstock {
namespace {

constexpr char md5[] = "25f9e794323b453885f5181f1b624d0b";

ObjectSum sum_of(std::initializer_list<std::pair<const char*, const char*>> lines,
                 const ETag& etag = md5, bool md5s = true) {
  HttpHeaders headers;
  for (const auto& [name, value] : lines) headers.add(name, value);
  return object_sum(headers, {.key = "k", .size = 9, .etag = etag}, md5s);
}

}  // namespace

TEST_CASE("an object is checked by its checksum, and where there is none by its ETag") {
  const ObjectSum crc = sum_of({{"x-amz-checksum-crc32c", "4waSgw=="}});
  CHECK(crc.kind == ChecksumKind::crc32c);
  CHECK_FALSE(crc.of_etag);
  CHECK(crc.parts == 0);
  CHECK(crc.object.key == "k");
  const ObjectSum etag = sum_of({});
  CHECK(etag.kind == ChecksumKind::md5);
  CHECK(etag.of_etag);
  CHECK(etag.value.size() == 16);
  CHECK(sum_of({{"x-amz-server-side-encryption", "AES256"}}).kind == ChecksumKind::md5);
}

TEST_CASE("an ETag that is no MD5 of the bytes is not taken for one") {
  for (const char* kms : {"aws:kms", "aws:kms:dsse"}) {
    const ObjectSum sum = sum_of({{"x-amz-server-side-encryption", kms}});
    CHECK_FALSE(sum.kind);
    CHECK_FALSE(sum.why_not.empty());
  }
  CHECK_FALSE(sum_of({{"x-amz-server-side-encryption-customer-algorithm", "AES256"}}).kind);
  CHECK_FALSE(sum_of({}, md5, false).kind);
  for (const char* other : {"", "abc", "25f9e794323b453885f5181f1b624d0g", "W/\"x\""})
    CHECK_FALSE(sum_of({}, other).kind);
  // What is encrypted may carry a checksum all the same.
  CHECK(sum_of({{"x-amz-server-side-encryption", "aws:kms"}, {"x-amz-checksum-crc32", "y/Q5Jg=="}})
            .kind == ChecksumKind::crc32);
}

TEST_CASE("what was uploaded in parts is checked by parts, where their number is told") {
  const ObjectSum composite =
      sum_of({{"x-amz-checksum-crc32c", "4waSgw==-3"}, {"x-amz-checksum-type", "COMPOSITE"}});
  CHECK(composite.kind == ChecksumKind::crc32c);
  CHECK(composite.parts == 3);
  const ObjectSum etag = sum_of({}, std::string(md5) + "-12");
  CHECK(etag.kind == ChecksumKind::md5);
  CHECK(etag.parts == 12);
  CHECK(etag.of_etag);
  const ObjectSum uncounted =
      sum_of({{"x-amz-checksum-crc32c", "4waSgw=="}, {"x-amz-checksum-type", "COMPOSITE"}});
  CHECK_FALSE(uncounted.kind);
  CHECK_FALSE(uncounted.why_not.empty());
}

TEST_CASE("no store makes a verification ask for more parts than an upload can have") {
  const std::string crc = "4waSgw==";
  CHECK(sum_of({}, std::string(md5) + "-10000").parts == 10'000);
  CHECK(sum_of({{"x-amz-checksum-crc32c", (crc + "-10000").c_str()}}).parts == 10'000);
  for (const char* count : {"-", "-0", "-10001", "-x", "--3", "-4000000000", "-4294967299",
                            "-18446744073709551619", "-3-"}) {
    CAPTURE(count);
    CHECK_FALSE(sum_of({}, std::string(md5) + count).kind);
    const ObjectSum told = sum_of({{"x-amz-checksum-crc32c", (crc + count).c_str()}}, "no MD5");
    CHECK_FALSE(told.kind);
    CHECK(told.parts == 0);
    CHECK_FALSE(told.why_not.empty());
  }
}

}  // namespace penstock
