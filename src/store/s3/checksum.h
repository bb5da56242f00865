// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "http/http_message.h"
#include "penstock/object_store.h"
#include "penstock/object_sums.h"

namespace penstock {

/// A CRC of bytes that come in pieces, of a kind that is one (is_crc). CRC32 and CRC32C by ISA-L.
/// CRC64NVME by tables of eight bytes at a time, for releases of ISA-L before 2.31 have none: about
/// a tenth as fast.
class RunningChecksum {
 public:
  explicit RunningChecksum(ChecksumKind kind) noexcept;

  void update(std::span<const std::byte> bytes) noexcept;
  uint64_t value() const noexcept;

 private:
  ChecksumKind kind_;
  uint64_t state_;
};

/// CRC32C of a whole body.
uint32_t crc32c_of(const Body& body) noexcept;

/// The CRC of a first piece and a second one, from those of both and the second's `length` in
/// bytes. Multiplies polynomials over GF(2): x^(8 length) mod P, by repeated squaring.
uint64_t combine_crcs(ChecksumKind kind, uint64_t first, uint64_t second, uint64_t length) noexcept;

/// The raw bytes of a CRC, the highest one first, and back.
std::string crc_bytes(ChecksumKind kind, uint64_t crc);
uint64_t crc_of_bytes(std::string_view bytes) noexcept;

/// As x-amz-checksum-crc32c has it: base64, the highest byte first.
std::string crc32c_text(uint32_t crc);

/// The same read; nothing for what is no CRC32C of a whole object ("...=-3" is one of parts).
std::optional<uint32_t> parse_crc32c(std::string_view text);

/// What the headers x-amz-checksum-* of an answer tell.
struct ToldChecksum {
  ChecksumKind kind = ChecksumKind::crc32c;
  std::string value;       ///< Raw bytes.
  bool composite = false;  ///< It is one of checksums of parts.
  uint32_t parts = 0;      ///< Of a composite one; 0: it does not tell how many.
};

/// The first of them that is well-formed, CRCs before others; nothing where there is none.
std::optional<ToldChecksum> told_checksum(const HttpHeaders& headers);

/// What a store says the checksum of a whole object is.
struct StoredChecksum {
  ChecksumKind kind = ChecksumKind::crc32c;
  uint64_t value = 0;
};

/// The first of the headers x-amz-checksum-* that Penstock can check; nothing where there is none,
/// or only checksums of checksums of parts (COMPOSITE).
std::optional<StoredChecksum> stored_checksum(const HttpHeaders& headers);

}  // namespace penstock
