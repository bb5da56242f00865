// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace penstock::test {

enum class DigestKind : uint8_t { md5, sha1, sha256, crc32, crc32c, crc64nvme, fast };

/// One digest over bytes that come in pieces. `fast` is 128 bits that mean nothing to anybody else:
/// for ETags of bodies for which MD5 would be the bottleneck.
class Digest {
 public:
  explicit Digest(DigestKind kind);
  Digest(Digest&&) noexcept = default;
  Digest& operator=(Digest&&) noexcept = default;

  DigestKind kind() const noexcept { return kind_; }
  void update(std::string_view bytes);
  std::string finish();  ///< The raw bytes, CRCs with the highest byte first. Call once.

 private:
  struct FreeContext {
    void operator()(void* context) const noexcept;
  };
  void update_fast(std::string_view bytes);
  void mix(const char* sixteen_bytes);

  DigestKind kind_;
  std::unique_ptr<void, FreeContext> context_;  // OpenSSL's, for the cryptographic ones
  uint64_t crc_ = 0;
  std::array<uint64_t, 2> fast_ = {0x9E3779B97F4A7C15ULL, 0xD1B54A32D192ED03ULL};
  std::string pending_;  // less than 16 bytes for the fast one
  uint64_t length_ = 0;
};

std::string digest(DigestKind kind, std::string_view bytes);
/// CRC32C of a first piece and a second one of `length` bytes, from those of both.
uint32_t join_crc32c(uint32_t first, uint32_t second, uint64_t length);
std::string hmac_sha256(std::string_view key, std::string_view message);

}  // namespace penstock::test
