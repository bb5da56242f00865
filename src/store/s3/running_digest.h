// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "store/s3/checksum.h"

struct evp_md_ctx_st;  // OpenSSL's

namespace penstock {

/// A checksum of any kind of bytes that come in pieces. Not thread-safe.
class RunningDigest {
 public:
  explicit RunningDigest(ChecksumKind kind) noexcept;
  ~RunningDigest();
  RunningDigest(RunningDigest&&) noexcept = default;
  RunningDigest& operator=(RunningDigest&&) noexcept = default;

  void update(std::span<const std::byte> bytes) noexcept;
  /// The raw bytes, of a CRC the highest one first. Call once. not_supported where this machine's
  /// OpenSSL refuses the kind (MD5 with FIPS 140).
  Result<std::string> finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const noexcept;
  };

  ChecksumKind kind_;
  RunningChecksum crc_;                           ///< Of a kind that is a CRC.
  std::unique_ptr<evp_md_ctx_st, Free> context_;  ///< Of the others; null: it is refused.
};

/// Of all of `text`; as RunningDigest.
Result<std::string> digest_of(ChecksumKind kind, std::string_view text);

}  // namespace penstock
