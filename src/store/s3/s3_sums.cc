// SPDX-License-Identifier: Apache-2.0
#include "store/s3/s3_sums.h"

#include <string>
#include <string_view>
#include <utility>

#include "store/s3/checksum.h"
#include "store/s3/expected_etag.h"
#include "store/s3/s3_requests.h"
#include "store/s3/s3_responses.h"
#include "store/s3/s3_store.h"

namespace penstock {
namespace {

constexpr char mode_header[] = "x-amz-checksum-mode";

/// What "MD5" or "MD5-PARTS" says; nothing for what is neither.
std::optional<ToldChecksum> told_by_etag(const ETag& etag) {
  const size_t dash = etag.find('-');
  std::optional<std::string> md5 = md5_of_etag(etag.substr(0, dash));
  if (!md5) return std::nullopt;
  ToldChecksum told{.kind = ChecksumKind::md5, .value = *std::move(md5)};
  if (dash == ETag::npos) return told;
  const auto parts = parse_part_count(std::string_view(etag).substr(dash + 1));
  if (!parts) return std::nullopt;
  told.composite = true;
  told.parts = *parts;
  return told;
}

bool encrypts_otherwise(const HttpHeaders& headers) {
  return headers.find("x-amz-server-side-encryption").starts_with("aws:kms") ||
         headers.contains("x-amz-server-side-encryption-customer-algorithm");
}

}  // namespace

ObjectSum object_sum(const HttpHeaders& headers, ObjectInfo object, bool etags_may_be_md5s) {
  ObjectSum sum{.object = std::move(object), .kind = {}, .value = {}};
  std::optional<ToldChecksum> told = told_checksum(headers);
  if (!told && !etags_may_be_md5s) {
    sum.why_not = "the store has no checksum, and its ETags are no MD5s";
  } else if (!told && encrypts_otherwise(headers)) {
    sum.why_not = "the store has no checksum, and with KMS or SSE-C the ETag is no MD5";
  } else if (!told) {
    told = told_by_etag(sum.object.etag);
    sum.of_etag = told.has_value();
    if (!told) sum.why_not = "the store has no checksum, and the ETag is no MD5";
  }
  if (told && told->composite && told->parts == 0) {
    sum.why_not = "the checksum is one of parts, and the store does not tell how many";
    told.reset();
  }
  if (!told) return sum;
  sum.kind = told->kind;
  sum.value = std::move(told->value);
  sum.parts = told->composite ? told->parts : 0;
  return sum;
}

void S3Sums::look(HeadRequest request, Done<ObjectSum> done) {
  if (auto error = check_key(request.key)) return done(*std::move(error));
  S3Request s3{.method = HttpMethod::head,
               .key = request.key,
               .headers = {{mode_header, "ENABLED"}},
               .use = ObjectUse::reads,
               .cancel = request.cancel};
  // Directory buckets make ETags of their own (AWS, "Directory buckets: ETag").
  const bool md5s = !is_directory_bucket(session_.bucket());
  session_.send(std::move(s3), [key = std::move(request.key), md5s,
                                done = std::move(done)](Result<HttpResponse> response) mutable {
    if (!response) return done(response.error());
    const HttpHeaders& headers = response->headers;
    const auto size = parse_number(headers.find("content-length"));
    if (!size) return done(Error(Code::corrupt, "the answer to a HEAD does not tell the size"));
    done(object_sum(headers, object_from_headers(headers, key, *size), md5s));
  });
}

void S3Sums::look_at_part(PartSumRequest request, Done<PartSum> done) {
  if (auto error = check_key(request.key)) return done(*std::move(error));
  if (auto error = check_part_number(request.number)) return done(*std::move(error));
  S3Request s3{.method = HttpMethod::head,
               .key = request.key,
               .query = {{"partNumber", std::to_string(request.number)}},
               .headers = {{mode_header, "ENABLED"}, {"if-match", quote_etag(request.if_match)}},
               .use = ObjectUse::reads,
               .cancel = request.cancel};
  session_.send(std::move(s3), [request = std::move(request),
                                done = std::move(done)](Result<HttpResponse> response) mutable {
    if (!response) return done(response.error());
    const HttpHeaders& headers = response->headers;
    // A server that takes no notice of the part's number answers with the whole object.
    constexpr int partial = 206;
    const auto size = parse_number(headers.find("content-length"));
    if (!size || response->status != partial) {
      return done(Error(Code::not_supported,
                        Error::Detail{.message = "the store does not tell the sizes of parts",
                                      .key = std::move(request.key)}));
    }
    PartSum part{.size = *size, .value = {}};
    std::optional<ToldChecksum> told = told_checksum(headers);
    // One with a number of parts is that of the whole object; the type is told with a part's, too.
    if (told && told->kind == request.kind && told->parts == 0) part.value = std::move(told->value);
    done(std::move(part));
  });
}

}  // namespace penstock
