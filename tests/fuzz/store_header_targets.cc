// SPDX-License-Identifier: Apache-2.0
// What S3 answers in headers, times, and encoded keys.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <string>

#include "fuzz/parsers.h"
#include "fuzz/target.h"
#include "store/s3/dates.h"
#include "store/s3/endpoint.h"
#include "store/s3/s3_error.h"
#include "store/s3/s3_responses.h"
#include "store/s3/uri.h"
#include "store/store_factory.h"

namespace penstock::fuzz {
namespace {

using Nanoseconds = std::chrono::sys_time<std::chrono::nanoseconds>;

/// The time by "%Y" and the like, of UTC.
std::string written_time(int64_t ns, const char* form) {
  const auto time =
      std::chrono::floor<std::chrono::seconds>(Nanoseconds(std::chrono::nanoseconds(ns)));
  const std::time_t seconds = time.time_since_epoch() / std::chrono::seconds(1);
  std::tm utc{};
  must(gmtime_r(&seconds, &utc) != nullptr, "a time has a date");
  std::string text(64, '\0');
  text.resize(std::strftime(text.data(), text.size(), form, &utc));
  return text;
}

/// Those of leap seconds can lie beyond what is read.
bool is_readable(int64_t ns) {
  using namespace std::chrono;
  return Nanoseconds(nanoseconds(ns)) < sys_days(year(2262) / 1 / 1);
}

/// The status, then lines of headers, an empty one, and the body.
HttpResponse whole_answer(std::string_view input) {
  HttpResponse answer;
  const auto line = [&] {
    const size_t end = std::min(input.find('\n'), input.size());
    const std::string_view text = input.substr(0, end);
    input.remove_prefix(std::min(end + 1, input.size()));
    return text;
  };
  answer.status = static_cast<int>(parse_number(line().substr(0, 3)).value_or(200));
  for (std::string_view text = line(); !text.empty(); text = line()) {
    const size_t colon = text.find(": ");
    if (colon != std::string_view::npos)
      answer.headers.add(text.substr(0, colon), text.substr(colon + 2));
  }
  answer.body = input;
  return answer;
}

}  // namespace

void http_date(std::string_view input) {
  if (const auto time = parse_http_date(input); time && is_readable(*time)) {
    const std::string written = written_time(*time, "%a, %d %b %Y %H:%M:%S GMT");
    must(parse_http_date(written) == time, "an HTTP date that is written is the same one");
  }
  if (const auto time = parse_iso_date(input); time && is_readable(*time)) {
    const Nanoseconds whole{std::chrono::nanoseconds(*time)};
    const auto fraction = whole - std::chrono::floor<std::chrono::seconds>(whole);
    const std::string written =
        fmt::format("{}.{:09}Z", written_time(*time, "%Y-%m-%dT%H:%M:%S"), fraction.count());
    must(parse_iso_date(written) == time, "an ISO date that is written is the same one");
  }
}

void object_headers(std::string_view input) {
  const HttpResponse answer = whole_answer(input);
  const ObjectInfo object = object_from_headers(answer.headers, "key", 5);
  must(object.key == "key" && object.size == 5 && object.metadata, "it is the object asked for");
  size_t bytes = 0;
  for (const auto& [name, value] : *object.metadata) bytes += name.size() + value.size();
  must(bytes <= input.size(), "no more metadata than the answer has");
  if (const auto written = written_object(answer, {.key = "key", .size = 5}))
    must(!written->etag.empty(), "what was written has an ETag");
  for (const std::string_view text : {answer.headers.find("content-range"), input}) {
    const auto range = parse_content_range(text);
    if (!range) continue;
    must(range->first <= range->last && range->last < range->total, "a range lies in the object");
    const auto again =
        parse_content_range(fmt::format("bytes {}-{}/{}", range->first, range->last, range->total));
    must(again && again->first == range->first && again->total == range->total, "it is the same");
  }
}

void error_answer(std::string_view input) {
  const HttpResponse response = whole_answer(input);
  const ErrorAnswer answer = read_error_answer(response);
  must(answer.retry_after_ms >= 0 && answer.retry_after_ms <= 3'600'000, "no wait over an hour");
  const Error error = to_error(answer, "key", true);
  must(!error.message().empty() && !error.describe().empty(), "an error says something");
  must(error.code() != Code::changed, "with If-None-Match it is never that the object changed");
}

/// Where a server says that requests should go.
void redirect(std::string_view input) {
  const auto endpoint = Endpoint::choose({.bucket = "bucket", .url = "https://s3.example.com"});
  must(endpoint.has_value(), "there is an endpoint to be led away from");
  for (const auto& moved : {endpoint->at_location(input), endpoint->at_host(input)}) {
    if (!moved) continue;
    must(moved->base_url().starts_with("https://"), "nobody is led from https to http");
    must(moved->host().find_first_of("\r\n/ ") == std::string::npos, "a host is one word");
  }
}

void store_url(std::string_view input) {
  const Result<StoreUrl> url = parse_store_url(std::string(input));
  if (!url) return must(!url.error().message().empty(), "a wrong URL is explained");
  if (url->kind == StoreUrl::Kind::directory)
    return must(url->directory.starts_with('/'), "a folder is absolute");
  must(url->bucket.find_first_of("/ \n") == std::string::npos, "a bucket is one word");
  must(url->prefix.empty() || url->prefix.ends_with('/'), "a prefix is of whole names");
  const auto again = parse_store_url("s3://" + url->bucket + "/" + url->prefix);
  must(again && again->bucket == url->bucket && again->prefix == url->prefix, "it is the same");
}

void encoded_key(std::string_view input) {
  must(uri_decode(uri_encode(input)) == input, "any key can be encoded");
  const std::optional<std::string> decoded = uri_decode(input);
  if (!decoded) return;
  must(decoded->size() <= input.size(), "decoding makes nothing longer");
  must(uri_decode(uri_encode(*decoded)) == decoded, "a key that is written is the same one");
}

}  // namespace penstock::fuzz
