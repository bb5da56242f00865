// SPDX-License-Identifier: Apache-2.0
#include "store/s3/checksum.h"

#include <isa-l/crc.h>

#include <algorithm>
#include <array>
#include <climits>
#include <string_view>

#include "store/s3/base64.h"
#include "store/s3/s3_responses.h"

namespace penstock {
namespace {

// Reflected, as the CRC is computed: RFC 1952, RFC 3720, and the NVM Express NVM Command Set
// Specification.
constexpr uint32_t crc32_polynomial = 0xEDB88320;
constexpr uint32_t crc32c_polynomial = 0x82F63B78;
constexpr uint64_t crc64nvme_polynomial = 0x9A6C9329AC4BC9B5;

struct Header {
  std::string_view name;
  ChecksumKind kind;
  size_t bytes;
};

constexpr std::array<Header, 5> headers_known = {{
    {"x-amz-checksum-crc32c", ChecksumKind::crc32c, 4},
    {"x-amz-checksum-crc32", ChecksumKind::crc32, 4},
    {"x-amz-checksum-crc64nvme", ChecksumKind::crc64nvme, 8},
    {"x-amz-checksum-sha256", ChecksumKind::sha256, 32},
    {"x-amz-checksum-sha1", ChecksumKind::sha1, 20},
}};

using Tables = std::array<std::array<uint64_t, 256>, 8>;

/// Table n tells what a byte does to the CRC that is followed by n zero bytes.
constexpr Tables make_tables() {
  Tables tables{};
  for (uint64_t byte = 0; byte < 256; ++byte) {
    uint64_t crc = byte;
    for (int bit = 0; bit < 8; ++bit)
      crc = (crc >> 1) ^ ((crc & 1) != 0 ? crc64nvme_polynomial : 0);
    tables[0][byte] = crc;
  }
  for (size_t n = 1; n < tables.size(); ++n) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint64_t before = tables[n - 1][byte];
      tables[n][byte] = (before >> 8) ^ tables[0][before & 0xFF];
    }
  }
  return tables;
}

constexpr Tables crc64_tables = make_tables();

uint64_t update_crc64(uint64_t crc, std::span<const std::byte> bytes) noexcept {
  while (bytes.size() >= 8) {
    uint64_t word = 0;
    for (size_t i = 0; i < 8; ++i) word |= std::to_integer<uint64_t>(bytes[i]) << (8 * i);
    word ^= crc;
    crc = 0;
    for (size_t i = 0; i < 8; ++i) crc ^= crc64_tables[7 - i][(word >> (8 * i)) & 0xFF];
    bytes = bytes.subspan(8);
  }
  for (const std::byte byte : bytes)
    crc = (crc >> 8) ^ crc64_tables[0][(crc ^ std::to_integer<uint64_t>(byte)) & 0xFF];
  return crc;
}

/// CRC32C without its inversion at both ends, as crc32_iscsi computes it.
uint32_t update_crc32c(uint32_t crc, std::span<const std::byte> bytes) noexcept {
  while (!bytes.empty()) {
    const size_t count = std::min<size_t>(bytes.size(), INT_MAX / 2 + 1);
    // Its parameter is not const; it only reads.
    crc = crc32_iscsi(
        const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(bytes.data())),
        static_cast<int>(count), crc);
    bytes = bytes.subspan(count);
  }
  return crc;
}

/// The product of two polynomials modulo `polynomial`; the highest bit is that of x^0.
template <typename Word>
Word multiply(Word one, Word other, Word polynomial) noexcept {
  Word product = 0;
  for (Word bit = Word{1} << (sizeof(Word) * 8 - 1); bit != 0; bit >>= 1) {
    if ((one & bit) != 0) product ^= other;
    other = (other >> 1) ^ ((other & 1) != 0 ? polynomial : 0);
  }
  return product;
}

/// `crc` of what is followed by `length` zero bytes, both without their inversions.
template <typename Word>
Word shift(Word crc, uint64_t length, Word polynomial) noexcept {
  constexpr int highest = sizeof(Word) * 8 - 1;
  Word factor = Word{1} << highest;       // x^0
  Word power = Word{1} << (highest - 8);  // x^8: a byte
  for (uint64_t rest = length; rest != 0; rest >>= 1) {
    if ((rest & 1) != 0) factor = multiply(factor, power, polynomial);
    power = multiply(power, power, polynomial);
  }
  return multiply(factor, crc, polynomial);
}

/// Raw bytes from base64; nothing where they are not so many.
std::optional<std::string> from_base64(std::string_view text, size_t bytes) {
  std::optional<std::string> raw = base64_decode(text);
  if (!raw || raw->size() != bytes) return std::nullopt;
  return raw;
}

/// "BASE64", or "BASE64-PARTS" of a composite one.
std::optional<ToldChecksum> read_checksum(const Header& header, std::string_view text) {
  ToldChecksum told{.kind = header.kind, .value = {}};
  if (const size_t dash = text.find('-'); dash != std::string_view::npos) {
    const std::optional<uint32_t> parts = parse_part_count(text.substr(dash + 1));
    if (!parts) return std::nullopt;
    told.composite = true;
    told.parts = *parts;
    text = text.substr(0, dash);
  }
  std::optional<std::string> raw = from_base64(text, header.bytes);
  if (!raw) return std::nullopt;
  told.value = *std::move(raw);
  return told;
}

}  // namespace

RunningChecksum::RunningChecksum(ChecksumKind kind) noexcept
    : kind_(kind), state_(kind == ChecksumKind::crc64nvme ? ~uint64_t{0} : 0) {
  if (kind == ChecksumKind::crc32c) state_ = ~uint32_t{0};
}

void RunningChecksum::update(std::span<const std::byte> bytes) noexcept {
  switch (kind_) {
    case ChecksumKind::crc32:
      state_ = crc32_gzip_refl(static_cast<uint32_t>(state_),
                               reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
      break;
    case ChecksumKind::crc32c:
      state_ = update_crc32c(static_cast<uint32_t>(state_), bytes);
      break;
    case ChecksumKind::crc64nvme:
      state_ = update_crc64(state_, bytes);
      break;
    default:
      break;
  }
}

uint64_t RunningChecksum::value() const noexcept {
  switch (kind_) {
    case ChecksumKind::crc32:
      return state_;  // crc32_gzip_refl inverts at both ends.
    case ChecksumKind::crc32c:
      return static_cast<uint32_t>(~state_);
    case ChecksumKind::crc64nvme:
      return ~state_;
    default:
      return 0;
  }
}

uint32_t crc32c_of(const Body& body) noexcept {
  RunningChecksum sum(ChecksumKind::crc32c);
  for (const auto& piece : body.pieces) sum.update(piece);
  return static_cast<uint32_t>(sum.value());
}

uint64_t combine_crcs(ChecksumKind kind, uint64_t first, uint64_t second,
                      uint64_t length) noexcept {
  if (kind == ChecksumKind::crc64nvme) return shift(first, length, crc64nvme_polynomial) ^ second;
  const uint32_t polynomial = kind == ChecksumKind::crc32 ? crc32_polynomial : crc32c_polynomial;
  return shift(static_cast<uint32_t>(first), length, polynomial) ^ second;
}

std::string crc_bytes(ChecksumKind kind, uint64_t crc) {
  std::string raw;
  for (int shift = kind == ChecksumKind::crc64nvme ? 56 : 24; shift >= 0; shift -= 8)
    raw += static_cast<char>(crc >> shift);
  return raw;
}

uint64_t crc_of_bytes(std::string_view bytes) noexcept {
  uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

std::string crc32c_text(uint32_t crc) {
  return base64_encode(crc_bytes(ChecksumKind::crc32c, crc));
}

std::optional<uint32_t> parse_crc32c(std::string_view text) {
  const auto raw = from_base64(text, 4);
  return raw ? std::optional(static_cast<uint32_t>(crc_of_bytes(*raw))) : std::nullopt;
}

std::optional<ToldChecksum> told_checksum(const HttpHeaders& headers) {
  for (const Header& header : headers_known) {
    std::optional<ToldChecksum> told = read_checksum(header, headers.find(header.name));
    if (!told) continue;
    told->composite = told->composite || headers.find("x-amz-checksum-type") == "COMPOSITE";
    return told;
  }
  return std::nullopt;
}

std::optional<StoredChecksum> stored_checksum(const HttpHeaders& headers) {
  const std::optional<ToldChecksum> told = told_checksum(headers);
  if (!told || told->composite || !is_crc(told->kind)) return std::nullopt;
  return StoredChecksum{told->kind, crc_of_bytes(told->value)};
}

}  // namespace penstock
