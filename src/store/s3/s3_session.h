// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/gate.h"
#include "base/log.h"
#include "base/mutex.h"
#include "http/http_client.h"
#include "penstock/result.h"
#include "store/s3/bucket_terms.h"
#include "store/s3/credentials.h"
#include "store/s3/endpoint.h"
#include "store/s3/failed_requests.h"
#include "store/s3/s3_error.h"
#include "store/s3/server_traits.h"
#include "store/s3/signer.h"
#include "store/s3/upload_sums.h"
#include "store/s3/uri.h"

namespace penstock {

/// What a request asks of the server, which decides how long it may take: so many times the limit
/// that is set for the first byte of an answer, and more where it is repeated.
enum class Effort : uint8_t {
  quick,     ///< Once: looks something up.
  storing,   ///< Twice: puts a body in its place.
  changing,  ///< Three times, and in silence: 1,000 keys, 10,000 parts.
  copying,   ///< Twelve times, and in silence: some servers move 5 GiB before they say a word.
};

/// One S3 request before it is addressed and signed.
struct S3Request {
  HttpMethod method = HttpMethod::get;
  std::string key;  ///< Empty: the bucket itself.
  QueryParameters query;
  std::vector<std::pair<std::string, std::string>> headers;  ///< Names in lower case.
  Body body;
  bool stores_body = false;  ///< PutObject and UploadPart: the server may want an MD5 of it.
  /// Headers with CRCs, or about them. Not every server takes them: where one refuses, the request
  /// is repeated without, and no other of its kind gets them. An answer that tells another CRC is
  /// Code::corrupt.
  std::vector<std::pair<std::string, std::string>> sums;
  std::shared_ptr<HttpSink> sink;
  ObjectUse use = ObjectUse::none;
  Effort effort = Effort::quick;
  bool if_none_match = false;  ///< A failed condition is Code::already_exists.
  std::stop_token cancel;
  RequestClass request_class = RequestClass::small;
  std::stop_token awaited;  ///< As in GetRequest.
};

/// What is known of one bucket's service, and the way to it: addresses, signs and sends requests,
/// learns from the answers that say how to put a request right (region, endpoint, clock,
/// credentials, checksum) and repeats it then, once for each reason. Thread-safe.
class S3Session {
 public:
  using Clock = std::function<std::chrono::system_clock::time_point()>;
  struct Parts {
    Endpoint endpoint;
    std::string bucket;
    std::shared_ptr<CredentialsProvider> credentials;  ///< Null: requests are not signed.
    std::shared_ptr<HttpClient> http;
    std::shared_ptr<Log> log;
    Clock clock;
    std::chrono::milliseconds first_byte_limit{10'000};
    bool verify = true;  ///< What is stored and read is checked by CRCs.
    BucketTerms terms;
  };

  explicit S3Session(Parts parts);
  /// Waits for what holds a pass.
  ~S3Session();

  /// Delivers a 2xx answer, or what went wrong. The callback runs on a thread of the HTTP client or
  /// of the credentials provider.
  void send(S3Request request, Done<HttpResponse> done);

  const std::string& bucket() const noexcept { return bucket_; }
  std::string base_url() const EXCLUDES(mutex_);
  /// By the server's clock, as far as it is known.
  std::chrono::system_clock::time_point now() const;
  const BucketTerms& terms() const noexcept { return terms_; }
  /// False where objects are known to be encrypted so that their ETags, and those of parts, are no
  /// MD5s: because requests ask for that, or by what answers have said.
  bool etags_are_md5s() const noexcept { return !traits_.opaque_etags; }
  /// Keeps the session alive for an operation of several requests.
  Gate::Pass pass() { return gate_.pass(); }

  /// Operations add to it what they learn.
  ServerTraits& traits() noexcept { return traits_; }
  Log& log() const noexcept { return *log_; }
  bool verifies() const noexcept { return verify_; }
  UploadSums& upload_sums() noexcept { return upload_sums_; }

 private:
  class Exchange;
  using EndpointPtr = std::shared_ptr<const Endpoint>;

  EndpointPtr endpoint() const EXCLUDES(mutex_);
  void set_endpoint(Endpoint endpoint) EXCLUDES(mutex_);
  void learn_clock(int64_t server_ns);
  /// False for a while after it turned out that the credentials are good, but do not suffice.
  bool asks_reasons() const;
  void note_denial();
  std::chrono::milliseconds patience(Effort effort, uint32_t doublings) const;

  const std::string bucket_;
  const std::shared_ptr<CredentialsProvider> credentials_;
  const std::shared_ptr<HttpClient> http_;
  const std::shared_ptr<Log> log_;
  const Clock clock_;
  const BucketTerms terms_;
  RequestSigner signer_;
  std::atomic<int64_t> clock_offset_ns_{0};
  std::atomic<bool> clock_warned_{false};
  const std::chrono::milliseconds first_byte_limit_;
  const bool verify_;
  ServerTraits traits_;
  UploadSums upload_sums_;
  FailedRequests failed_;
  std::atomic<std::chrono::steady_clock::rep> denied_until_{0};

  mutable Mutex mutex_;
  EndpointPtr endpoint_ GUARDED_BY(mutex_);

  Gate gate_;
};

}  // namespace penstock
