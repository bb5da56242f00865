// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "penstock/object_store.h"
#include "store/s3/credentials.h"

namespace penstock {

/// SHA-256 of `bytes` in lower-case hexadecimal.
std::string sha256_hex(std::string_view bytes);
/// SHA-1 likewise; it names files, and protects nothing.
std::string sha1_hex(std::string_view bytes);
/// MD5 of `bytes` in base64, as Content-MD5 carries it.
std::string md5_base64(std::string_view bytes);
std::string md5_base64(const Body& body);

/// What a signature covers. Names of headers in lower case, without duplicates; the signer adds its
/// own.
struct SignableRequest {
  std::string_view method;
  std::string_view path;   ///< As it is sent: percent-encoded once.
  std::string_view query;  ///< canonical_query() of the parameters.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string_view payload_hash;  ///< Hex SHA-256 of the body, or unsigned_payload.
};

constexpr std::string_view unsigned_payload = "UNSIGNED-PAYLOAD";
constexpr std::string_view empty_payload =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// AWS Signature Version 4 in headers; paths are signed as they are, as S3 wants it. Thread-safe.
class RequestSigner {
 public:
  using Time = std::chrono::system_clock::time_point;

  explicit RequestSigner(std::string service = "s3") : service_(std::move(service)) {}

  /// Adds x-amz-date, x-amz-content-sha256, x-amz-security-token (where there is one) and
  /// authorization to `request.headers`, which must hold "host".
  void sign(SignableRequest& request, const Credentials& credentials, const std::string& region,
            Time now) EXCLUDES(mutex_);

 private:
  using Digest = std::array<unsigned char, 32>;

  /// The key derived from secret, day and region: the same for a day, so it is kept.
  Digest signing_key(const std::string& secret, const std::string& day, const std::string& region)
      EXCLUDES(mutex_);

  const std::string service_;
  Mutex mutex_;
  std::string kept_secret_ GUARDED_BY(mutex_);
  std::string kept_day_ GUARDED_BY(mutex_);
  std::string kept_region_ GUARDED_BY(mutex_);
  Digest kept_key_ GUARDED_BY(mutex_) = {};
};

}  // namespace penstock
