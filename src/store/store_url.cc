// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <string_view>

#include "store/store_factory.h"

namespace penstock {
namespace {

constexpr std::string_view usage = "a store is s3://BUCKET[/PREFIX] or file:///DIR";

Error wrong(const std::string& url, const std::string& why) {
  return Error(Code::invalid_argument, fmt::format("'{}' names no store: {}; {}", url, why, usage));
}

bool is_alphanumeric(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

/// Lenient, for servers allow what AWS does not any more (capitals, underscores, long names).
std::string bucket_fault(std::string_view bucket) {
  if (bucket.size() < 3) return "it has fewer than 3 characters";
  if (bucket.size() > 255) return "it has more than 255 characters";
  for (const char c : bucket) {
    if (!is_alphanumeric(c) && c != '-' && c != '.' && c != '_') {
      const bool visible = std::isgraph(static_cast<unsigned char>(c)) != 0;
      return visible ? fmt::format(
                           "it has a '{}', where letters, digits, '-', '.' and '_' are allowed", c)
                     : "it has blanks, control characters or letters that are not ASCII";
    }
  }
  if (!is_alphanumeric(bucket.front()) || !is_alphanumeric(bucket.back())) {
    return "it must begin and end with a letter or digit";
  }
  if (bucket.find("..") != std::string_view::npos) return "it has two dots in a row";
  const bool numbers = std::all_of(bucket.begin(), bucket.end(), [](char c) {
    return c == '.' || std::isdigit(static_cast<unsigned char>(c)) != 0;
  });
  if (numbers && std::count(bucket.begin(), bucket.end(), '.') == 3)
    return "it has the form of an IP address";
  return "";
}

Result<StoreUrl> parse_s3(const std::string& url, std::string_view rest) {
  const size_t slash = std::min(rest.find('/'), rest.size());
  StoreUrl parsed{.kind = StoreUrl::Kind::s3, .bucket = std::string(rest.substr(0, slash))};
  if (parsed.bucket.empty()) return wrong(url, "the bucket is missing");
  if (const std::string fault = bucket_fault(parsed.bucket); !fault.empty()) {
    return wrong(url, fmt::format("'{}' is no name of a bucket: {}", parsed.bucket, fault));
  }
  parsed.prefix = rest.substr(std::min(slash + 1, rest.size()));
  if (!parsed.prefix.empty() && parsed.prefix.back() != '/') parsed.prefix += '/';
  if (parsed.prefix.size() > 1024)
    return wrong(url, "the prefix is longer than a key can be (1,024 bytes)");
  return parsed;
}

Result<StoreUrl> parse_file(const std::string& url, std::string_view rest) {
  if (rest.empty()) return wrong(url, "the folder is missing");
  if (rest.front() != '/') {
    return wrong(
        url,
        fmt::format("the folder must be absolute, with three slashes in all (file:///{})", rest));
  }
  std::string directory(rest);
  while (directory.size() > 1 && directory.back() == '/') directory.pop_back();
  return StoreUrl{.kind = StoreUrl::Kind::directory, .directory = std::move(directory)};
}

std::string guess(const std::string& url) {
  if (url.empty()) return "it is empty";
  for (const std::string_view scheme : {"s3:", "file:"}) {
    if (url.substr(0, scheme.size()) == scheme)
      return fmt::format("slashes are missing after '{}'", scheme);
  }
  if (url.front() == '/') return fmt::format("did you mean file://{}?", url);
  if (const size_t sign = url.find("://"); sign != std::string::npos) {
    const std::string scheme = url.substr(0, sign);
    if (scheme == "http" || scheme == "https") {
      return "the address of a server goes into --endpoint-url";
    }
    return fmt::format("'{}' is not known", scheme + "://");
  }
  return "it does not begin with s3:// or file://";
}

}  // namespace

Result<StoreUrl> parse_store_url(const std::string& url) {
  constexpr std::string_view s3 = "s3://";
  constexpr std::string_view file = "file://";
  const std::string_view text = url;
  if (text.find('\0') != std::string_view::npos)
    return wrong(url.substr(0, url.find('\0')), "it has a zero byte");
  if (text.substr(0, s3.size()) == s3) return parse_s3(url, text.substr(s3.size()));
  if (text.substr(0, file.size()) == file) return parse_file(url, text.substr(file.size()));
  return wrong(url, guess(url));
}

}  // namespace penstock
