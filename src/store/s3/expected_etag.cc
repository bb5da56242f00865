// SPDX-License-Identifier: Apache-2.0
#include "store/s3/expected_etag.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <memory>
#include <span>
#include <string>

namespace penstock {
namespace {

constexpr size_t md5_bytes = 16;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string hex(std::span<const unsigned char> digest) {
  std::string text;
  for (const unsigned char byte : digest) text += fmt::format("{:02x}", byte);
  return text;
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

ETag put_etag(const Body& body) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  if (context == nullptr || EVP_DigestInit_ex(context.get(), EVP_md5(), nullptr) != 1) return {};
  for (const auto& piece : body.pieces) {
    if (EVP_DigestUpdate(context.get(), piece.data(), piece.size()) != 1) return {};
  }
  std::array<unsigned char, md5_bytes> digest{};
  if (EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) != 1) return {};
  return hex(digest);
}

std::optional<ETag> multipart_etag(const std::vector<CompletedPart>& parts) {
  std::string md5s;
  md5s.reserve(parts.size() * md5_bytes);
  for (const CompletedPart& part : parts) {
    const std::optional<std::string> md5 = md5_of_etag(part.etag);
    if (!md5) return std::nullopt;
    md5s += *md5;
  }
  std::array<unsigned char, md5_bytes> digest{};
  unsigned int length = 0;
  if (EVP_Digest(md5s.data(), md5s.size(), digest.data(), &length, EVP_md5(), nullptr) != 1)
    return std::nullopt;
  return hex(digest) + fmt::format("-{}", parts.size());
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
