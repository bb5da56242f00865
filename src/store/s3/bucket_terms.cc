// SPDX-License-Identifier: Apache-2.0
#include "store/s3/bucket_terms.h"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "store/s3/base64.h"
#include "store/s3/signer.h"

namespace penstock {
namespace {

constexpr size_t key_bytes = 32;
constexpr std::string_view sse_header = "x-amz-server-side-encryption";
constexpr std::string_view source_prefix = "x-amz-copy-source-server-side-encryption";

Error wrong(std::string message) { return Error(Code::invalid_argument, std::move(message)); }

/// Whether a header carries it unchanged.
bool is_word(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

/// S3 takes an object of texts, in base64.
Result<std::string> context_header(const std::string& given) {
  const bool plain = given.starts_with('{');
  const std::optional<std::string> text = plain ? given : base64_decode(given);
  const auto json = nlohmann::json::parse(text.value_or(""), nullptr, false);
  const bool texts =
      json.is_object() && !json.empty() &&
      std::all_of(json.begin(), json.end(), [](const auto& value) { return value.is_string(); });
  if (!texts) {
    return wrong(
        fmt::format("--sse-kms-context: '{}' is no JSON object of texts, such as "
                    "{{\"project\":\"a\"}}, nor one in base64",
                    given));
  }
  return base64_encode(plain ? json.dump() : *text);
}

Result<void> check_together(const BucketTermsOptions& options) {
  const bool kms = options.sse.starts_with("aws:kms");
  for (const auto& [name, given] :
       {std::pair("--sse-kms-key-id", !options.sse_kms_key_id.empty()),
        std::pair("--sse-kms-context", !options.sse_kms_context.empty()),
        std::pair("--sse-bucket-key", options.sse_bucket_key)}) {
    if (given && !kms) return wrong(fmt::format("{} means nothing without --sse=aws:kms", name));
  }
  if (options.sse_bucket_key && options.sse == "aws:kms:dsse")
    return wrong("--sse-bucket-key: S3 has no bucket keys with --sse=aws:kms:dsse");
  if (!options.sse_c_key_file.empty() && !options.sse.empty()) {
    return wrong(
        "--sse and --sse-c-key-file exclude one another: S3 encrypts an object with a key of its "
        "own or with yours");
  }
  if (!is_word(options.sse_kms_key_id)) {
    return wrong(fmt::format(
        "--sse-kms-key-id: '{}' is no key's id, ARN or alias: it has blanks or letters outside "
        "ASCII",
        options.sse_kms_key_id));
  }
  return {};
}

/// The 32 bytes. What they are is never said.
Result<std::string> read_key(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  // One byte more than base64 with an end of line has: what is longer is no key.
  constexpr size_t longest = 47;
  std::string text(longest, '\0');
  if (file) file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || !file.is_open() || (file.fail() && !file.eof())) {
    return Error(Code::access_denied,
                 fmt::format("--sse-c-key-file: cannot read {}: {}", path, std::strerror(errno)));
  }
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() == key_bytes) return text;
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  if (std::optional<std::string> key = base64_decode(text); key && key->size() == key_bytes)
    return *std::move(key);
  return wrong(fmt::format(
      "--sse-c-key-file: {} is no key: it must hold 32 bytes, or those in base64 (openssl rand "
      "-base64 32)",
      path));
}

BucketTerms::Headers key_headers(std::string_view prefix, const std::string& key) {
  return {{fmt::format("{}-customer-algorithm", prefix), "AES256"},
          {fmt::format("{}-customer-key", prefix), base64_encode(key)},
          {fmt::format("{}-customer-key-md5", prefix), md5_base64(key)}};
}

void append(const BucketTerms::Headers& more, BucketTerms::Headers& headers) {
  headers.insert(headers.end(), more.begin(), more.end());
}

}  // namespace

Result<BucketTerms> BucketTerms::make(const BucketTermsOptions& options) {
  if (Result<void> checked = check_together(options); !checked) return checked.error();
  BucketTerms terms;
  const auto store = [&terms](std::string_view name, std::string value) {
    terms.stored_.emplace_back(name, std::move(value));
  };
  if (!options.sse.empty()) store(sse_header, options.sse);
  if (!options.sse_kms_key_id.empty())
    store("x-amz-server-side-encryption-aws-kms-key-id", options.sse_kms_key_id);
  if (!options.sse_kms_context.empty()) {
    Result<std::string> context = context_header(options.sse_kms_context);
    if (!context) return context.error();
    store("x-amz-server-side-encryption-context", std::move(*context));
  }
  if (options.sse_bucket_key) store("x-amz-server-side-encryption-bucket-key-enabled", "true");
  if (!options.sse_c_key_file.empty()) {
    const Result<std::string> key = read_key(options.sse_c_key_file);
    if (!key) return key.error();
    terms.key_ = key_headers(sse_header, *key);
    terms.source_key_ = key_headers(source_prefix, *key);
  }
  terms.opaque_etags_ = options.sse.starts_with("aws:kms") || terms.has_key();
  return terms;
}

void BucketTerms::add_headers(ObjectUse use, Headers& headers) const {
  if (use == ObjectUse::none) return;
  append(key_, headers);
  if (use == ObjectUse::stores || use == ObjectUse::copies) append(stored_, headers);
  if (use == ObjectUse::copies || use == ObjectUse::copies_part) append(source_key_, headers);
}

}  // namespace penstock
