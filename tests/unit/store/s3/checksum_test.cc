// SPDX-License-Identifier: Apache-2.0
#include "store/s3/checksum.h"

#include <string>
#include <string_view>

#include "store/s3/base64.h"
#include "store/s3/running_digest.h"
#include "store/s3/upload_sums.h"
#include "support/catch.h"

namespace penstock {
namespace {

uint64_t sum_of(ChecksumKind kind, std::string_view text, size_t first = 0) {
  RunningChecksum sum(kind);
  sum.update(std::as_bytes(std::span(text.substr(0, first))));
  sum.update(std::as_bytes(std::span(text.substr(first))));
  return sum.value();
}

uint32_t crc32c(std::string_view text) {
  return static_cast<uint32_t>(sum_of(ChecksumKind::crc32c, text));
}

HttpHeaders with(std::string_view name, std::string_view value) {
  HttpHeaders headers;
  headers.add(name, value);
  return headers;
}

}  // namespace

TEST_CASE("CRCs are those of their definitions") {
  // The "check" values of the catalogue of CRC algorithms (reveng.sourceforge.io).
  CHECK(sum_of(ChecksumKind::crc32, "123456789") == 0xCBF43926);
  CHECK(sum_of(ChecksumKind::crc32c, "123456789") == 0xE3069283);
  CHECK(sum_of(ChecksumKind::crc64nvme, "123456789") == 0xAE8B14860A799888);
  // RFC 3720, B.4: 32 bytes of zeros.
  CHECK(crc32c(std::string(32, '\0')) == 0x8A9136AA);
  CHECK(sum_of(ChecksumKind::crc32, "") == 0);
  CHECK(sum_of(ChecksumKind::crc32c, "") == 0);
  CHECK(sum_of(ChecksumKind::crc64nvme, "") == 0);
}

TEST_CASE("a CRC does not depend on the pieces in which bytes come") {
  std::string text;
  for (int i = 0; i < 300; ++i) text += static_cast<char>(i * 7);
  for (const auto kind : {ChecksumKind::crc32, ChecksumKind::crc32c, ChecksumKind::crc64nvme}) {
    for (const size_t first : {0U, 1U, 7U, 8U, 9U, 150U, 299U, 300U})
      CHECK(sum_of(kind, text, first) == sum_of(kind, text));
  }
}

TEST_CASE("the CRC of two pieces follows from theirs") {
  std::string text;
  for (int i = 0; i < 70'000; ++i) text += static_cast<char>(i ^ (i >> 8));
  for (const auto kind : {ChecksumKind::crc32, ChecksumKind::crc32c, ChecksumKind::crc64nvme}) {
    for (const size_t first : {0U, 1U, 255U, 256U, 65'536U, 70'000U}) {
      const std::string_view whole = text;
      CHECK(combine_crcs(kind, sum_of(kind, whole.substr(0, first)),
                         sum_of(kind, whole.substr(first)),
                         whole.size() - first) == sum_of(kind, whole));
    }
    // Of a length that no memory has: a piece of zeros, built by doubling.
    const auto join = [&](uint64_t first, uint64_t second, uint64_t length) {
      return combine_crcs(kind, first, second, length);
    };
    uint64_t zeros = sum_of(kind, std::string(1 << 20, '\0'));
    for (uint64_t length = 1 << 20; length < (1ULL << 43); length *= 2)
      zeros = join(zeros, zeros, length);
    CHECK(join(join(sum_of(kind, "a"), zeros, 1ULL << 43), sum_of(kind, "b"), 1) ==
          join(sum_of(kind, "a"), join(zeros, sum_of(kind, "b"), 1), (1ULL << 43) + 1));
  }
}

TEST_CASE("digests of every kind are those of their definitions") {
  const auto digest = [](ChecksumKind kind) {
    RunningDigest running(kind);
    running.update(std::as_bytes(std::span(std::string_view("1234"))));
    running.update(std::as_bytes(std::span(std::string_view("56789"))));
    return base64_encode(running.finish().value());
  };
  CHECK(digest(ChecksumKind::crc32) == "y/Q5Jg==");
  CHECK(digest(ChecksumKind::crc32c) == "4waSgw==");
  CHECK(digest(ChecksumKind::crc64nvme) == "rosUhgp5mIg=");
  // As md5sum, sha1sum and sha256sum of coreutils have them.
  CHECK(digest(ChecksumKind::md5) == "JfnnlDI7RTiF9RgfG2JNCw==");
  CHECK(digest(ChecksumKind::sha1) == "98O8HYCOBHMq32eZZczDTKeuNEE=");
  CHECK(digest(ChecksumKind::sha256) == "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=");
}

TEST_CASE("what an answer tells of parts is told apart from the whole") {
  const auto two = told_checksum(
      with("x-amz-checksum-sha256", "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=-2"));
  REQUIRE(two);
  CHECK(two->kind == ChecksumKind::sha256);
  CHECK(two->composite);
  CHECK(two->parts == 2);
  CHECK(two->value.size() == 32);
  HttpHeaders uncounted = with("x-amz-checksum-crc32", "y/Q5Jg==");
  uncounted.add("x-amz-checksum-type", "COMPOSITE");
  REQUIRE(told_checksum(uncounted));
  CHECK(told_checksum(uncounted)->composite);
  CHECK(told_checksum(uncounted)->parts == 0);
  HttpHeaders whole = with("x-amz-checksum-sha1", "98O8HYCOBHMq32eZZczDTKeuNEE=");
  whole.add("x-amz-checksum-type", "FULL_OBJECT");
  REQUIRE(told_checksum(whole));
  CHECK_FALSE(told_checksum(whole)->composite);
  for (const char* text : {"y/Q5Jg==-", "y/Q5Jg==-x", "y/Q5Jg==-1x", "y/Q5=-1", "-1"})
    CHECK_FALSE(told_checksum(with("x-amz-checksum-crc32", text)));
}

TEST_CASE("a CRC32C is written and read as S3 has it") {
  CHECK(crc32c_text(0xE3069283) == "4waSgw==");
  CHECK(parse_crc32c("4waSgw==") == 0xE3069283);
  CHECK(parse_crc32c(crc32c_text(0)) == 0U);
  for (const char* text : {"", "4waSgw", "4waSgw==-3", "4waS*w==", "rosUhgp5mIg="})
    CHECK_FALSE(parse_crc32c(text));
}

TEST_CASE("of the checksums that an answer tells those of whole objects count") {
  const auto crc32c = stored_checksum(with("x-amz-checksum-crc32c", "4waSgw=="));
  REQUIRE(crc32c);
  CHECK(crc32c->kind == ChecksumKind::crc32c);
  CHECK(crc32c->value == 0xE3069283);
  const auto crc32 = stored_checksum(with("x-amz-checksum-crc32", "y/Q5Jg=="));
  REQUIRE(crc32);
  CHECK(crc32->value == 0xCBF43926);
  const auto crc64 = stored_checksum(with("x-amz-checksum-crc64nvme", "rosUhgp5mIg="));
  REQUIRE(crc64);
  CHECK(crc64->value == 0xAE8B14860A799888);
  CHECK_FALSE(stored_checksum(with("x-amz-checksum-sha1", "qvTGHdzF6KLavt4PO0gs2a6pQ00=")));
  CHECK_FALSE(stored_checksum(with("x-amz-checksum-crc32c", "4waSgw==-2")));
  HttpHeaders composite = with("x-amz-checksum-crc32c", "4waSgw==");
  composite.add("x-amz-checksum-type", "COMPOSITE");
  CHECK_FALSE(stored_checksum(composite));
  CHECK_FALSE(stored_checksum({}));
}

TEST_CASE("the sum of an upload is known where those of all its parts are") {
  UploadSums sums;
  const std::vector<CompletedPart> parts = {{.number = 1, .size = 5}, {.number = 3, .size = 4}};
  sums.add("u", 1, crc32c("12345"));
  CHECK_FALSE(sums.knows("u"));
  CHECK_FALSE(sums.whole("u", parts));
  sums.begin("u");
  CHECK(sums.knows("u"));
  sums.add("u", 1, crc32c("other"));
  sums.add("u", 1, crc32c("12345"));
  CHECK_FALSE(sums.whole("u", parts));
  sums.add("u", 3, crc32c("6789"));
  CHECK(sums.whole("u", parts) == crc32c("123456789"));
  CHECK(sums.whole("u", {parts[0]}) == crc32c("12345"));
  // The server copied it anew, and did not tell.
  sums.add("u", 3, std::nullopt);
  CHECK_FALSE(sums.whole("u", parts));
  sums.forget("u");
  CHECK_FALSE(sums.knows("u"));
}

TEST_CASE("uploads that nobody ends are forgotten in the end") {
  UploadSums sums;
  for (int i = 0; i <= 1'000; ++i) sums.begin("upload " + std::to_string(i));
  CHECK_FALSE(sums.knows("upload 0"));
  CHECK(sums.knows("upload 1"));
  CHECK(sums.knows("upload 1000"));
}

TEST_CASE("an upload that goes on is not forgotten for many that came and ended") {
  UploadSums sums;
  sums.begin("checkpoint");
  for (int i = 0; i < 2'000; ++i) {
    sums.begin("small");
    sums.forget("small");
  }
  CHECK(sums.knows("checkpoint"));
}

}  // namespace penstock
