// SPDX-License-Identifier: Apache-2.0
#include "store/s3/s3_lifecycle.h"

#include <utility>

#include "store/s3/lifecycle_xml.h"
#include "store/s3/signer.h"

namespace penstock {
namespace {

constexpr char small_objects_header[] = "x-amz-transition-default-minimum-object-size";

Result<LifecycleConfiguration> read_answer(Result<HttpResponse> response) {
  if (!response) {
    if (response.error().detail().service_code == "NoSuchLifecycleConfiguration")
      return LifecycleConfiguration{};
    return response.error();
  }
  Result<std::vector<LifecycleRule>> rules = parse_lifecycle(response->body);
  if (!rules) return rules.error();
  return LifecycleConfiguration{
      .rules = std::move(*rules),
      .small_objects = std::string(response->headers.find(small_objects_header)),
      .document = std::move(response->body)};
}

}  // namespace

void S3Lifecycle::read(Done<LifecycleConfiguration> done) {
  session_.send({.method = HttpMethod::get, .query = {{"lifecycle", ""}}},
                [done = std::move(done)](Result<HttpResponse> response) mutable {
                  done(read_answer(std::move(response)));
                });
}

void S3Lifecycle::put(const LifecycleConfiguration& read, TransitionRule rule, Done<void> done) {
  Result<std::string> document = with_rule(read.document, rule);
  if (!document) return done(document.error());
  write(read, std::move(*document), std::move(done));
}

void S3Lifecycle::remove(const LifecycleConfiguration& read, const std::vector<std::string>& ids,
                         Done<void> done) {
  Result<std::string> document = without_rules(read.document, ids);
  if (!document) return done(document.error());
  write(read, std::move(*document), std::move(done));
}

void S3Lifecycle::write(const LifecycleConfiguration& read, std::string document, Done<void> done) {
  S3Request s3{.method = document.empty() ? HttpMethod::remove : HttpMethod::put,
               .query = {{"lifecycle", ""}}};
  if (!document.empty()) {
    s3.headers.emplace_back("content-type", "application/xml");
    s3.headers.emplace_back("content-md5", md5_base64(document));  // As DeleteObjects.
    // A PUT without it sets AWS's own default.
    if (!read.small_objects.empty())
      s3.headers.emplace_back(small_objects_header, read.small_objects);
    s3.body = Body::of(std::move(document));
  }
  session_.send(std::move(s3),
                [done = std::move(done)](const Result<HttpResponse>& response) mutable {
                  if (!response) return done(response.error());
                  done({});
                });
}

}  // namespace penstock
