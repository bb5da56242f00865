// SPDX-License-Identifier: Apache-2.0
#include "store/s3/bucket_terms.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "store/s3/base64.h"
#include "store/s3/signer.h"
#include "store/s3/uri.h"

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
  if (!is_word(options.expected_owner)) {
    return wrong(
        fmt::format("--expected-bucket-owner: '{}' is no account's id, such as "
                    "111122223333",
                    options.expected_owner));
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

/// Amazon S3 user guide, "Access control list (ACL) overview".
Result<void> check_acl(const std::string& acl) {
  constexpr std::array<std::string_view, 7> canned{
      "private",       "public-read",       "public-read-write",        "authenticated-read",
      "aws-exec-read", "bucket-owner-read", "bucket-owner-full-control"};
  if (std::find(canned.begin(), canned.end(), acl) != canned.end()) return {};
  return wrong(fmt::format("--acl: '{}' is none of S3's canned ACLs, which are {}", acl,
                           fmt::join(canned, ", ")));
}

using Tags = std::vector<std::pair<std::string, std::string>>;

std::vector<std::string_view> split_tags(std::string_view tags) {
  std::vector<std::string_view> all;
  while (!tags.empty()) {
    const size_t end = std::min(tags.find('&'), tags.size());
    all.push_back(tags.substr(0, end));
    tags.remove_prefix(std::min(end + 1, tags.size()));
  }
  return all;
}

/// Characters of UTF-8: the bytes that begin one.
size_t characters(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

/// As many, and as long, as S3 allows (Amazon S3 user guide, "Categorizing your objects using
/// tags").
Result<Tags> parse_tags_option(const std::string& given) {
  constexpr size_t most = 10;
  constexpr size_t longest_name = 128;
  constexpr size_t longest_value = 256;
  const auto refuse = [&given](std::string_view why) {
    return wrong(fmt::format("--tags: '{}' {}; write NAME=VALUE&NAME=VALUE, each percent-encoded",
                             given, why));
  };
  Tags tags;
  for (const std::string_view tag : split_tags(given)) {
    const size_t sign = tag.find('=');
    if (sign == std::string_view::npos) return refuse("has a tag without a value");
    std::optional<std::string> name = uri_decode(tag.substr(0, sign));
    std::optional<std::string> value = uri_decode(tag.substr(sign + 1));
    if (!name || !value) return refuse("is not percent-encoded");
    if (name->empty()) return refuse("has a tag without a name");
    if (characters(*name) > longest_name || characters(*value) > longest_value)
      return refuse("has a name of more than 128 characters, or a value of more than 256");
    const auto same = [&name](const auto& other) { return other.first == *name; };
    if (std::find_if(tags.begin(), tags.end(), same) != tags.end())
      return refuse("has a name twice");
    tags.emplace_back(*std::move(name), *std::move(value));
  }
  if (tags.empty() || tags.size() > most) return refuse("are not 1 to 10 tags");
  return tags;
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
    terms.source_ = key_headers(source_prefix, *key);
  }
  if (!options.acl.empty()) {
    if (Result<void> known = check_acl(options.acl); !known) return known.error();
    store("x-amz-acl", options.acl);
  }
  if (!options.tags.empty()) {
    Result<Tags> tags = parse_tags_option(options.tags);
    if (!tags) return tags.error();
    terms.tags_ = std::move(*tags);
  }
  if (!options.expected_owner.empty()) {
    terms.expected_owner_ = options.expected_owner;
    terms.always_.emplace_back("x-amz-expected-bucket-owner", options.expected_owner);
    terms.source_.emplace_back("x-amz-source-expected-bucket-owner", options.expected_owner);
  }
  if (options.requester_pays) terms.always_.emplace_back("x-amz-request-payer", "requester");
  terms.opaque_etags_ = options.sse.starts_with("aws:kms") || terms.has_key();
  return terms;
}

void BucketTerms::add_headers(ObjectUse use, Headers& headers) const {
  append(always_, headers);
  if (use == ObjectUse::none) return;
  append(key_, headers);
  if (use == ObjectUse::stores || use == ObjectUse::copies) append(stored_, headers);
  if (use == ObjectUse::copies || use == ObjectUse::copies_part) append(source_, headers);
}

std::string BucketTerms::tags_beside(std::string_view own) const {
  std::string all;
  const auto add = [&all](std::string_view tag) {
    if (!all.empty()) all += '&';
    all += tag;
  };
  for (const std::string_view tag : split_tags(own)) {
    const std::optional<std::string> name = uri_decode(tag.substr(0, tag.find('=')));
    const auto same = [&name](const auto& ours) { return name == ours.first; };
    if (std::find_if(tags_.begin(), tags_.end(), same) == tags_.end()) add(tag);
  }
  for (const auto& [name, value] : tags_) add(uri_encode(name) + '=' + uri_encode(value));
  return all;
}

}  // namespace penstock
