// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "http/http_client.h"
#include "store/store_factory.h"

namespace penstock {
namespace {

using namespace std::chrono_literals;

/// What a person can do about it.
std::string advice(const Error& error) {
  const std::string_view code = error.detail().service_code;
  if (code == "InvalidAccessKeyId") {
    return "the access key is not known there; check AWS_ACCESS_KEY_ID, --profile, and that "
           "--endpoint-url is right";
  }
  if (code == "SignatureDoesNotMatch") return "the secret access key is wrong";
  if (code == "ExpiredToken" || code == "InvalidToken" || code == "TokenRefreshRequired") {
    return "the session token has expired or is not valid there; get new credentials";
  }
  if (code == "RequestTimeTooSkewed") return "this machine's clock is wrong";
  if (code == "PermanentRedirect" || code == "AuthorizationHeaderMalformed" ||
      code == "IllegalLocationConstraintException") {
    return "the bucket is in another region or at another endpoint; check --region and "
           "--endpoint-url";
  }
  return "";
}

/// What the server itself said.
std::string words_of(const Error::Detail& detail) {
  return detail.service_code.empty()
             ? fmt::format("{} (HTTP {})", detail.message, detail.http_status)
             : fmt::format("{} ({}, HTTP {})", detail.message, detail.service_code,
                           detail.http_status);
}

/// Not every 404 is about the bucket: proxies, web servers and gateways have their own.
std::string not_found(const std::string& place, const Error::Detail& detail) {
  const bool bucket = detail.http_status == 0 || detail.service_code == "NoSuchBucket";
  if (!bucket) {
    return fmt::format(
        "cannot use {}: the server says: {}; check the bucket's name and --endpoint-url: is an S3 "
        "server there?",
        place, words_of(detail));
  }
  return fmt::format("there is no bucket {} (check the name, --region and --endpoint-url){}", place,
                     detail.http_status == 0 ? "" : " [" + words_of(detail) + "]");
}

/// A server that speaks TLS does not understand plain HTTP, and says so in its own way, if at all.
bool perhaps_tls(const std::string& place, const Error& error) {
  if (place.find("http://") == std::string::npos) return false;
  const Error::Detail& detail = error.detail();
  if (detail.http_status == 0)
    return error.code() == Code::corrupt || detail.message.starts_with(http_closed_early);
  return detail.http_status == 400 && detail.service_code.empty();
}

std::string sentence(const ObjectStore& store, const std::string& prefix, const Error& error) {
  const std::string place = store.identity();
  const Error::Detail& detail = error.detail();
  std::string known = advice(error);
  if (error.code() == Code::not_found) return not_found(place, detail);
  if (perhaps_tls(place, error)) {
    return fmt::format("cannot use {}: {}; perhaps it speaks https: --endpoint-url https://...",
                       place, detail.message);
  }
  // Without an answer of the server it is about this side: no credentials, no connection. These say
  // it themselves.
  if (detail.http_status == 0) {
    const bool unreachable =
        (error.code() == Code::unavailable || error.code() == Code::timed_out) &&
        detail.service_code.empty();
    return fmt::format("cannot use {}: {}{}", place, detail.message,
                       unreachable ? "; is the server running, and --endpoint-url right?" : "");
  }
  if (error.code() == Code::access_denied && known.empty()) {
    known = fmt::format(
        "these credentials may not list {} (s3:ListBucket), or, for a public bucket, use "
        "--no-sign-request",
        prefix.empty() ? "the bucket" : "'" + prefix + "'");
  }
  const std::string said = words_of(detail);
  return known.empty() ? fmt::format("cannot use {}: {}", place, said)
                       : fmt::format("cannot use {}: {} [{}]", place, known, said);
}

}  // namespace

void check_store(ObjectStore& store, const std::string& prefix, Done<void> done,
                 std::stop_token cancel) {
  // One attempt to connect and one answer that does not come fit into the patience; a person waits
  // for this.
  store.list({.prefix = prefix,
              .by_directory = true,
              .max_keys = 1,
              .cancel = std::move(cancel),
              .patience = 15s},
             [&store, prefix, done = std::move(done)](const Result<ListPage>& page) mutable {
               if (page.has_value()) return done({});
               Error::Detail detail = page.error().detail();
               detail.message = sentence(store, prefix, page.error());
               done(Error(page.code(), std::move(detail)));
             });
}

}  // namespace penstock
