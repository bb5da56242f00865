// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "server/service.h"
#include "server/text.h"

namespace penstock::test {
namespace {

struct ChecksumHeader {
  const char* header;
  DigestKind kind;
};

constexpr std::array<ChecksumHeader, 5> checksum_headers = {{
    {"x-amz-checksum-crc32", DigestKind::crc32},
    {"x-amz-checksum-crc32c", DigestKind::crc32c},
    {"x-amz-checksum-crc64nvme", DigestKind::crc64nvme},
    {"x-amz-checksum-sha1", DigestKind::sha1},
    {"x-amz-checksum-sha256", DigestKind::sha256},
}};

constexpr std::string_view unsigned_payload = "UNSIGNED-PAYLOAD";

bool has_body_checksum(const Request& request) {
  // Complete carries the checksum of the whole object, not of its own body.
  return request.operation != "CompleteMultipartUpload" &&
         request.operation != "CreateMultipartUpload";
}

bool signs_payload(const Request& request) {
  const std::string payload = request.header("x-amz-content-sha256");
  return !payload.empty() && payload != unsigned_payload && !payload.starts_with("STREAMING-");
}

bool matches(const Request& request, DigestKind kind, const std::string& expected) {
  const auto found = request.digests.find(digest_name(kind));
  return found == request.digests.end() || found->second == expected;
}

}  // namespace

const char* digest_name(DigestKind kind) {
  switch (kind) {
    case DigestKind::md5:
      return "md5";
    case DigestKind::sha1:
      return "sha1";
    case DigestKind::sha256:
      return "sha256";
    case DigestKind::crc32:
      return "crc32";
    case DigestKind::crc32c:
      return "crc32c";
    case DigestKind::crc64nvme:
      return "crc64nvme";
    case DigestKind::fast:
      return "fast";
  }
  return "";
}

std::vector<DigestKind> wanted_digests(const Request& request, const ServerOptions& options) {
  std::vector<DigestKind> wanted;
  const auto want = [&](DigestKind kind) {
    if (std::find(wanted.begin(), wanted.end(), kind) == wanted.end()) wanted.push_back(kind);
  };
  if (request.operation == "PutObject" || request.operation == "UploadPart") {
    want(request.content_length <= small_body || options.md5_etags ? DigestKind::md5
                                                                   : DigestKind::fast);
  }
  if (request.has_header("content-md5")) want(DigestKind::md5);
  if (signs_payload(request)) want(DigestKind::sha256);
  for (const ChecksumHeader& entry : checksum_headers) {
    if (has_body_checksum(request) && request.has_header(entry.header)) want(entry.kind);
  }
  return wanted;
}

std::optional<Response> wrong_checksum(const Request& request) {
  if (request.has_header("content-md5")) {
    const std::optional<std::string> expected = from_base64(request.header("content-md5"));
    if (!expected || expected->size() != 16) {
      return error_response(400, "InvalidDigest", "The Content-MD5 you specified was invalid.");
    }
    if (!matches(request, DigestKind::md5, *expected)) {
      return error_response(400, "BadDigest",
                            "The Content-MD5 you specified did not match what we received.");
    }
  }
  if (signs_payload(request)) {
    const auto found = request.digests.find("sha256");
    if (found != request.digests.end() &&
        hex(found->second) != request.header("x-amz-content-sha256")) {
      return error_response(
          400, "XAmzContentSHA256Mismatch",
          "The provided 'x-amz-content-sha256' header does not match what was computed.");
    }
  }
  if (!has_body_checksum(request)) return std::nullopt;
  for (const ChecksumHeader& entry : checksum_headers) {
    if (!request.has_header(entry.header)) continue;
    const std::optional<std::string> expected = from_base64(request.header(entry.header));
    if (!expected)
      return error_response(400, "InvalidRequest",
                            std::string("Value for ") + entry.header + " is invalid");
    if (!matches(request, entry.kind, *expected)) {
      return error_response(
          400, "BadDigest",
          std::string("The ") + entry.header + " you specified did not match what we received.");
    }
  }
  const bool needs_one = request.operation == "DeleteObjects" ||
                         request.operation == "PutBucketLifecycleConfiguration";
  if (needs_one && request.digests.empty()) {
    return error_response(
        400, "InvalidRequest",
        "Missing required header for this request: Content-MD5 OR x-amz-checksum-*");
  }
  return std::nullopt;
}

}  // namespace penstock::test
