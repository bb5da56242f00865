// SPDX-License-Identifier: Apache-2.0
#include "store/s3/checksum.h"

#include <string>
#include <string_view>

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
  for (const size_t first : {0U, 1U, 255U, 256U, 65'536U, 70'000U}) {
    const std::string_view whole = text;
    CHECK(combine_crc32c(crc32c(whole.substr(0, first)), crc32c(whole.substr(first)),
                         whole.size() - first) == crc32c(whole));
  }
  // Of a length that no memory has: a piece of zeros, built by doubling.
  uint32_t zeros = crc32c(std::string(1 << 20, '\0'));
  for (uint64_t length = 1 << 20; length < (1ULL << 43); length *= 2)
    zeros = combine_crc32c(zeros, zeros, length);
  CHECK(combine_crc32c(combine_crc32c(crc32c("a"), zeros, 1ULL << 43), crc32c("b"), 1) ==
        combine_crc32c(crc32c("a"), combine_crc32c(zeros, crc32c("b"), 1), (1ULL << 43) + 1));
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
