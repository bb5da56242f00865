// SPDX-License-Identifier: Apache-2.0
#include "store/s3/running_digest.h"

#include <fmt/format.h>
#include <openssl/evp.h>

namespace penstock {
namespace {

const EVP_MD* algorithm(ChecksumKind kind) {
  switch (kind) {
    case ChecksumKind::sha1:
      return EVP_sha1();
    case ChecksumKind::sha256:
      return EVP_sha256();
    case ChecksumKind::md5:
      return EVP_md5();
    default:
      return nullptr;
  }
}

}  // namespace

void RunningDigest::Free::operator()(evp_md_ctx_st* context) const noexcept {
  EVP_MD_CTX_free(context);
}

RunningDigest::RunningDigest(ChecksumKind kind) noexcept : kind_(kind), crc_(kind) {
  if (is_crc(kind)) return;
  context_.reset(EVP_MD_CTX_new());
  if (context_ && EVP_DigestInit_ex(context_.get(), algorithm(kind), nullptr) != 1)
    context_.reset();
}

RunningDigest::~RunningDigest() = default;

void RunningDigest::update(std::span<const std::byte> bytes) noexcept {
  if (is_crc(kind_)) return crc_.update(bytes);
  if (context_ && EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) != 1)
    context_.reset();
}

Result<std::string> RunningDigest::finish() {
  if (is_crc(kind_)) return crc_bytes(kind_, crc_.value());
  std::string raw(EVP_MAX_MD_SIZE, '\0');
  unsigned int length = 0;
  if (!context_ || EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(raw.data()),
                                      &length) != 1) {
    return Error(Code::not_supported,
                 fmt::format("OpenSSL on this machine refuses {}", to_string(kind_)));
  }
  raw.resize(length);
  return raw;
}

Result<std::string> digest_of(ChecksumKind kind, std::string_view text) {
  RunningDigest digest(kind);
  digest.update(std::as_bytes(std::span(text)));
  return digest.finish();
}

}  // namespace penstock
