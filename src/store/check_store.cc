// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <string_view>
#include <utility>

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

std::string sentence(const ObjectStore& store, const std::string& prefix, const Error& error) {
  const std::string place = store.identity();
  const Error::Detail& detail = error.detail();
  std::string known = advice(error);
  if (error.code() == Code::not_found) {
    return fmt::format("there is no bucket {} (check the name, --region and --endpoint-url)",
                       place);
  }
  // Without an answer of the server it is about this side: no credentials, no connection. These say
  // it themselves.
  if (detail.http_status == 0) {
    const bool unreachable = error.code() == Code::unavailable || error.code() == Code::timed_out;
    return fmt::format("cannot use {}: {}{}", place, detail.message,
                       unreachable ? "; is the server running, and --endpoint-url right?" : "");
  }
  if (error.code() == Code::access_denied && known.empty()) {
    known = fmt::format(
        "these credentials may not list {} (s3:ListBucket), or, for a public bucket, use "
        "--no-sign-request",
        prefix.empty() ? "the bucket" : "'" + prefix + "'");
  }
  const std::string said = detail.service_code.empty()
                               ? fmt::format("{} (HTTP {})", detail.message, detail.http_status)
                               : fmt::format("{} ({}, HTTP {})", detail.message,
                                             detail.service_code, detail.http_status);
  return known.empty() ? fmt::format("cannot use {}: {}", place, said)
                       : fmt::format("cannot use {}: {} [{}]", place, known, said);
}

}  // namespace

void check_store(ObjectStore& store, const std::string& prefix, Done<void> done) {
  // One attempt to connect and one answer that does not come fit into the patience; a person waits
  // for this.
  store.list({.prefix = prefix, .by_directory = true, .max_keys = 1, .patience = 15s},
             [&store, prefix, done = std::move(done)](const Result<ListPage>& page) mutable {
               if (page.has_value()) return done({});
               Error::Detail detail = page.error().detail();
               detail.message = sentence(store, prefix, page.error());
               done(Error(page.code(), std::move(detail)));
             });
}

}  // namespace penstock
