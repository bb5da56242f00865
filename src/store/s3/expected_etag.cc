// SPDX-License-Identifier: Apache-2.0
#include "store/s3/expected_etag.h"

#include <fmt/format.h>

#include <string>

#include "store/s3/running_digest.h"

namespace penstock {
namespace {

constexpr size_t md5_bytes = 16;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::optional<std::string> md5_of_etag(const ETag& etag) {
  if (etag.size() != 2 * md5_bytes) return std::nullopt;
  std::string bytes;
  for (size_t i = 0; i < etag.size(); i += 2) {
    const int high = hex_digit(etag[i]);
    const int low = hex_digit(etag[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(high * 16 + low));
  }
  return bytes;
}

ETag etag_of_md5(std::string_view md5) {
  ETag text;
  for (const char byte : md5) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

ETag put_etag(const Body& body) {
  RunningDigest digest(ChecksumKind::md5);
  for (const auto& piece : body.pieces) digest.update(piece);
  const Result<std::string> md5 = digest.finish();
  return md5 ? etag_of_md5(*md5) : ETag();
}

std::optional<ETag> multipart_etag(const std::vector<CompletedPart>& parts) {
  std::string md5s;
  md5s.reserve(parts.size() * md5_bytes);
  for (const CompletedPart& part : parts) {
    const std::optional<std::string> md5 = md5_of_etag(part.etag);
    if (!md5) return std::nullopt;
    md5s += *md5;
  }
  const Result<std::string> md5 = digest_of(ChecksumKind::md5, md5s);
  if (!md5) return std::nullopt;
  return fmt::format("{}-{}", etag_of_md5(*md5), parts.size());
}

bool is_made_of(const ObjectInfo& found, const std::vector<CompletedPart>& parts) {
  uint64_t size = 0;
  for (const CompletedPart& part : parts) size += part.size;
  if (found.size != size) return false;
  if (const auto expected = multipart_etag(parts)) return found.etag == *expected;
  const std::string suffix = fmt::format("-{}", parts.size());
  return found.etag.size() > suffix.size() &&
         found.etag.compare(found.etag.size() - suffix.size(), suffix.size(), suffix) == 0;
}

}  // namespace penstock
