// SPDX-License-Identifier: Apache-2.0
#include "store/s3/signer.h"

#include <fmt/core.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <algorithm>
#include <ctime>
#include <memory>
#include <new>
#include <span>

#include "store/s3/base64.h"

namespace penstock {
namespace {

using Digest = std::array<unsigned char, 32>;

std::string hex(std::span<const unsigned char> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const unsigned char byte : bytes) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

Digest hmac(std::span<const unsigned char> key, std::string_view text) {
  Digest digest{};
  unsigned int length = 0;
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes, text.size(),
           digest.data(), &length) == nullptr) {
    throw std::bad_alloc();  // HMAC with SHA-256 fails for nothing else.
  }
  return digest;
}

std::span<const unsigned char> as_key(const std::string& text) {
  return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

/// "20130524T000000Z".
std::string amz_date(RequestSigner::Time now) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", utc.tm_year + 1900, utc.tm_mon + 1,
                     utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

/// A header's value as it is signed: trimmed, runs of blanks made one.
void append_value(std::string& out, std::string_view value) {
  bool pending_blank = false;
  bool begun = false;
  for (const char c : value) {
    if (c == ' ') {
      pending_blank = begun;
      continue;
    }
    if (pending_blank) out += ' ';
    pending_blank = false;
    begun = true;
    out += c;
  }
}

}  // namespace

std::string sha256_hex(std::string_view bytes) {
  Digest digest{};
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  return hex(digest);
}

std::string sha1_hex(std::string_view bytes) {
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  SHA1(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  return hex(digest);
}

std::string md5_base64(std::string_view bytes) {
  return md5_base64(Body{.pieces = {std::as_bytes(std::span(bytes))}, .owner = nullptr});
}

std::string md5_base64(const Body& body) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  if (context == nullptr || EVP_DigestInit_ex(context.get(), EVP_md5(), nullptr) != 1) return {};
  for (const auto& piece : body.pieces) {
    if (EVP_DigestUpdate(context.get(), piece.data(), piece.size()) != 1) return {};
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  if (EVP_DigestFinal_ex(context.get(), digest.data(), &length) != 1) return {};
  return base64_encode({reinterpret_cast<const char*>(digest.data()), length});
}

RequestSigner::Digest RequestSigner::signing_key(const std::string& secret, const std::string& day,
                                                 const std::string& region) {
  {
    const MutexLock lock(mutex_);
    if (kept_secret_ == secret && kept_day_ == day && kept_region_ == region) return kept_key_;
  }
  const std::string seed = "AWS4" + secret;
  Digest key = hmac(as_key(seed), day);
  key = hmac(key, region);
  key = hmac(key, service_);
  key = hmac(key, "aws4_request");
  const MutexLock lock(mutex_);
  kept_secret_ = secret;
  kept_day_ = day;
  kept_region_ = region;
  kept_key_ = key;
  return key;
}

void RequestSigner::sign(SignableRequest& request, const Credentials& credentials,
                         const std::string& region, Time now) {
  const std::string date = amz_date(now);
  const std::string day = date.substr(0, 8);
  auto& headers = request.headers;
  headers.emplace_back("x-amz-content-sha256", request.payload_hash);
  headers.emplace_back("x-amz-date", date);
  if (!credentials.session_token.empty())
    headers.emplace_back("x-amz-security-token", credentials.session_token);
  std::sort(headers.begin(), headers.end());

  std::string names;
  std::string canonical = fmt::format("{}\n{}\n{}\n", request.method, request.path, request.query);
  for (const auto& [name, value] : headers) {
    if (!names.empty()) names += ';';
    names += name;
    canonical += name;
    canonical += ':';
    append_value(canonical, value);
    canonical += '\n';
  }
  canonical += fmt::format("\n{}\n{}", names, request.payload_hash);

  const std::string scope = fmt::format("{}/{}/{}/aws4_request", day, region, service_);
  const std::string to_sign =
      fmt::format("AWS4-HMAC-SHA256\n{}\n{}\n{}", date, scope, sha256_hex(canonical));
  const Digest signature = hmac(signing_key(credentials.secret_key, day, region), to_sign);
  headers.emplace_back(
      "authorization",
      fmt::format("AWS4-HMAC-SHA256 Credential={}/{},SignedHeaders={},Signature={}",
                  credentials.access_key, scope, names, hex(signature)));
}

}  // namespace penstock
