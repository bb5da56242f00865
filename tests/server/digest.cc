// SPDX-License-Identifier: Apache-2.0
#include "server/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <bit>
#include <cstring>
#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace penstock::test {
namespace {

// Reflected CRCs, eight bytes at a time ("slicing").
template <typename Word, Word polynomial>
class CrcTables {
 public:
  CrcTables() {
    for (unsigned i = 0; i < 256; ++i) {
      Word crc = i;
      for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? (crc >> 1) ^ polynomial : crc >> 1;
      tables_[0][i] = crc;
    }
    for (unsigned t = 1; t < 8; ++t) {
      for (unsigned i = 0; i < 256; ++i) {
        const Word before = tables_[t - 1][i];
        tables_[t][i] = (before >> 8) ^ tables_[0][before & 255];
      }
    }
  }

  Word update(Word crc, std::string_view bytes) const {
    while (bytes.size() >= 8) {
      uint64_t word = 0;
      std::memcpy(&word, bytes.data(), 8);
      word ^= crc;
      crc = 0;
      for (unsigned i = 0; i < 8; ++i) crc ^= tables_[7 - i][(word >> (8 * i)) & 255];
      bytes.remove_prefix(8);
    }
    for (const char byte : bytes)
      crc = (crc >> 8) ^ tables_[0][(crc ^ static_cast<unsigned char>(byte)) & 255];
    return crc;
  }

 private:
  std::array<std::array<Word, 256>, 8> tables_;
};

uint32_t update_crc32(uint32_t crc, std::string_view bytes) {
  static const CrcTables<uint32_t, 0xEDB88320U> tables;
  return tables.update(crc, bytes);
}

uint64_t update_crc64(uint64_t crc, std::string_view bytes) {
  static const CrcTables<uint64_t, 0x9A6C9329AC4BC9B5ULL> tables;
  return tables.update(crc, bytes);
}

uint32_t update_crc32c_portably(uint32_t crc, std::string_view bytes) {
  static const CrcTables<uint32_t, 0x82F63B78U> tables;
  return tables.update(crc, bytes);
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t update_crc32c_sse(uint32_t start,
                                                             std::string_view bytes) {
  uint64_t crc = start;
  while (bytes.size() >= 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data(), 8);
    crc = _mm_crc32_u64(crc, word);
    bytes.remove_prefix(8);
  }
  auto crc32 = static_cast<uint32_t>(crc);
  for (const char byte : bytes) crc32 = _mm_crc32_u8(crc32, static_cast<unsigned char>(byte));
  return crc32;
}
#endif

uint32_t update_crc32c(uint32_t crc, std::string_view bytes) {
#if defined(__x86_64__)
  static const bool has_sse = __builtin_cpu_supports("sse4.2") != 0;
  if (has_sse) return update_crc32c_sse(crc, bytes);
#endif
  return update_crc32c_portably(crc, bytes);
}

std::string big_endian(uint64_t value, unsigned bytes) {
  std::string text;
  for (unsigned i = bytes; i-- > 0;) text += static_cast<char>((value >> (8 * i)) & 255);
  return text;
}

const EVP_MD* algorithm(DigestKind kind) {
  switch (kind) {
    case DigestKind::md5:
      return EVP_md5();
    case DigestKind::sha1:
      return EVP_sha1();
    case DigestKind::sha256:
      return EVP_sha256();
    default:
      return nullptr;
  }
}

}  // namespace

void Digest::FreeContext::operator()(void* context) const noexcept {
  EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context));
}

Digest::Digest(DigestKind kind) : kind_(kind) {
  if (const EVP_MD* md = algorithm(kind); md != nullptr) {
    context_.reset(EVP_MD_CTX_new());
    EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(context_.get()), md, nullptr);
  }
  if (kind == DigestKind::crc32 || kind == DigestKind::crc32c) crc_ = 0xFFFFFFFFU;
  if (kind == DigestKind::crc64nvme) crc_ = ~uint64_t{0};
}

void Digest::update(std::string_view bytes) {
  switch (kind_) {
    case DigestKind::crc32:
      crc_ = update_crc32(static_cast<uint32_t>(crc_), bytes);
      break;
    case DigestKind::crc32c:
      crc_ = update_crc32c(static_cast<uint32_t>(crc_), bytes);
      break;
    case DigestKind::crc64nvme:
      crc_ = update_crc64(crc_, bytes);
      break;
    case DigestKind::fast:
      update_fast(bytes);
      break;
    default:
      EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_.get()), bytes.data(), bytes.size());
  }
}

void Digest::mix(const char* sixteen_bytes) {
  std::array<uint64_t, 2> words = {};
  std::memcpy(words.data(), sixteen_bytes, 16);
  fast_[0] = std::rotl((fast_[0] ^ words[0]) * 0xA0761D6478BD642FULL, 29) + fast_[1];
  fast_[1] = std::rotl((fast_[1] ^ words[1]) * 0xE7037ED1A0B428DBULL, 31) ^ fast_[0];
}

void Digest::update_fast(std::string_view bytes) {
  length_ += bytes.size();
  while (!pending_.empty() && !bytes.empty()) {
    pending_ += bytes.front();
    bytes.remove_prefix(1);
    if (pending_.size() == 16) {
      mix(pending_.data());
      pending_.clear();
    }
  }
  while (bytes.size() >= 16) {
    mix(bytes.data());
    bytes.remove_prefix(16);
  }
  pending_ += bytes;
}

std::string Digest::finish() {
  switch (kind_) {
    case DigestKind::crc32:
    case DigestKind::crc32c:
      return big_endian(static_cast<uint32_t>(~crc_), 4);
    case DigestKind::crc64nvme:
      return big_endian(~crc_, 8);
    case DigestKind::fast: {
      pending_.resize(16);
      mix(pending_.data());
      for (int round = 0; round < 2; ++round)
        mix((big_endian(length_, 8) + big_endian(~length_, 8)).data());
      return big_endian(fast_[0], 8) + big_endian(fast_[1], 8);
    }
    default: {
      std::string bytes(EVP_MAX_MD_SIZE, '\0');
      unsigned length = 0;
      EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_.get()),
                         reinterpret_cast<unsigned char*>(bytes.data()), &length);
      bytes.resize(length);
      return bytes;
    }
  }
}

uint32_t join_crc32c(uint32_t first, uint32_t second, uint64_t length) {
  // What so many zero bits after it do to a CRC is linear: a matrix, a column for each of its bits.
  using Matrix = std::array<uint32_t, 32>;
  const auto times = [](const Matrix& matrix, uint32_t vector) {
    uint32_t sum = 0;
    for (uint32_t column : matrix) {
      if ((vector & 1) != 0) sum ^= column;
      vector >>= 1;
    }
    return sum;
  };
  Matrix zeros{};
  zeros[0] = 0x82F63B78;
  for (size_t i = 1; i < zeros.size(); ++i) zeros[i] = 1U << (i - 1);
  for (uint64_t bits = length * 8; bits != 0; bits >>= 1) {
    if ((bits & 1) != 0) first = times(zeros, first);
    Matrix square{};
    for (size_t i = 0; i < zeros.size(); ++i) square[i] = times(zeros, zeros[i]);
    zeros = square;
  }
  return first ^ second;
}

std::string digest(DigestKind kind, std::string_view bytes) {
  Digest one(kind);
  one.update(bytes);
  return one.finish();
}

std::string hmac_sha256(std::string_view key, std::string_view message) {
  std::string bytes(32, '\0');
  unsigned length = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(message.data()), message.size(),
       reinterpret_cast<unsigned char*>(bytes.data()), &length);
  return bytes;
}

}  // namespace penstock::test
