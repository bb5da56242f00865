// SPDX-License-Identifier: Apache-2.0
#include "store/s3/s3_session.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <optional>

#include "store/s3/dates.h"

namespace penstock {
namespace {

constexpr int bad_request = 400;
// Servers refuse requests that are 15 minutes off; a clock that is less than 5 minutes off is not
// why.
constexpr int64_t suspicious_skew_ns = 300LL * 1'000'000'000;

std::string_view method_name(HttpMethod method) {
  switch (method) {
    case HttpMethod::get:
      return "GET";
    case HttpMethod::head:
      return "HEAD";
    case HttpMethod::put:
      return "PUT";
    case HttpMethod::post:
      return "POST";
    case HttpMethod::remove:
      return "DELETE";
  }
  return "GET";
}

bool says_credentials_are_stale(const ErrorAnswer& answer) {
  constexpr std::array<std::string_view, 6> codes = {
      "ExpiredToken",       "InvalidToken",          "TokenRefreshRequired",
      "InvalidAccessKeyId", "ExpiredTokenException", "InvalidTokenId"};  // The last is MinIO's.
  return std::find(codes.begin(), codes.end(), answer.code) != codes.end();
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 307 || status == 308;
}

int64_t to_ns(std::chrono::system_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

Error with_key(const Error& error, const std::string& key) {
  Error::Detail detail = error.detail();
  detail.key = key;
  return Error(error.code(), std::move(detail));
}

/// Of a GET that is asked whether it works: its bytes are not wanted.
class NoBody final : public HttpSink {
 public:
  static bool refused(const Error& error) { return error.message() == not_wanted; }
  std::optional<Error> started(const HttpResponse&) noexcept override {
    return Error(Code::cancelled, std::string(not_wanted));
  }
  std::optional<Error> write(std::span<const std::byte>) noexcept override { return std::nullopt; }

 private:
  static constexpr std::string_view not_wanted = "the bytes are not wanted";
};

}  // namespace

/// One request and its repetitions. Lives until its answer has been delivered.
///
///   start ── credentials ──> transmit ── answer ──> done
///     ^                                    │ region, endpoint, clock, credentials or checksum
///     learnt └────────────────────────────────────┘ once for each
class S3Session::Exchange : public std::enable_shared_from_this<S3Session::Exchange> {
 public:
  Exchange(S3Session& session, S3Request request, Done<HttpResponse> done)
      : session_(session),
        pass_(session.pass()),
        request_(std::move(request)),
        done_(std::move(done)) {}

  void start() {
    if (!session_.credentials_) return transmit();
    session_.credentials_->get([self = shared_from_this()](Result<Credentials> credentials) {
      if (!credentials) return self->finish(with_key(credentials.error(), self->request_.key));
      self->used_credentials_ = std::move(*credentials);
      self->transmit();
    });
  }

 private:
  /// Tells it from requests that it does not repeat.
  std::string name() const {
    return fmt::format("{} {} {}", method_name(request_.method),
                       request_.query.empty() ? "" : request_.query.front().first, request_.key);
  }

  void transmit() {
    used_endpoint_ = moved_once_ ? moved_once_ : session_.endpoint();
    // Also where a redirect has led.
    if (session_.terms_.has_key() && !used_endpoint_->is_unobserved())
      return finish(with_key(would_show_key(*used_endpoint_), request_.key));
    doublings_ = session_.failed_.any_slow() ? session_.failed_.doublings(name()) : 0;
    const auto patience = session_.patience(request_.effort, doublings_);
    const bool silent = request_.effort == Effort::changing || request_.effort == Effort::copying;
    HttpRequest http{.method = request_.method,
                     .body = request_.body,
                     .sink = request_.sink,
                     .first_byte_limit = patience,
                     .silence_limit = silent ? patience : std::chrono::milliseconds{0},
                     .cancel = request_.cancel,
                     .request_class = request_.request_class,
                     .awaited = request_.awaited};
    const std::string path = used_endpoint_->path(request_.key);
    http.url = used_endpoint_->origin() + path;
    if (!request_.query.empty()) http.url += '?' + request_query(request_.query);
    // A proxy would see it where the server is this machine, without TLS.
    http.direct = session_.terms_.has_key() && !used_endpoint_->is_encrypted();
    http.fresh_connection = session_.failed_.take(request_.key);

    SignableRequest signable{
        .method = method_name(request_.method), .path = path, .headers = request_.headers};
    session_.terms_.add_headers(request_.use, signable.headers);
    signable.headers.emplace_back("host", used_endpoint_->host());
    if (request_.stores_body && session_.traits_.wants_checksums)
      signable.headers.emplace_back("content-md5", checksum());
    sums_sent_ = !request_.sums.empty() && !sums_dropped_ && !takes_no_sums();
    if (sums_sent_)
      signable.headers.insert(signable.headers.end(), request_.sums.begin(), request_.sums.end());
    const std::string query = canonical_query(request_.query);
    signable.query = query;
    signable.payload_hash = request_.body.size() == 0 ? empty_payload : unsigned_payload;
    if (session_.credentials_) {
      session_.signer_.sign(signable, used_credentials_, used_endpoint_->region(), session_.now());
    }
    for (const auto& [name, value] : signable.headers)
      http.headers.push_back(fmt::format("{}: {}", name, value));
    sent_at_ = std::chrono::steady_clock::now();
    session_.http_->send(std::move(http),
                         [self = shared_from_this()](Result<HttpResponse> response) {
                           self->log_answer(response);
                           self->take_answer(std::move(response));
                         });
  }

  /// Of the headers the range alone: others have credentials, and keys of what is encrypted.
  void log_answer(const Result<HttpResponse>& response) const {
    if (!session_.log_->enabled(LogLevel::debug)) return;
    std::string what = fmt::format("{} '{}'", method_name(request_.method), request_.key);
    if (!request_.query.empty()) what += " ?" + request_query(request_.query);
    for (const auto& [header, value] : request_.headers)
      if (header == "range") what += " " + value;
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - sent_at_);
    session_.log_->debug("{}: {} in {} ms", what,
                         response ? std::to_string(response->status) : response.error().describe(),
                         took.count());
  }

  void take_answer(Result<HttpResponse> response) {
    if (!response) {
      const Code code = response.code();
      if (code == Code::unavailable || code == Code::timed_out || code == Code::corrupt)
        session_.failed_.failed(request_.key);
      if (code == Code::timed_out) session_.failed_.timed_out(name(), doublings_);
      return finish(with_key(response.error(), request_.key));
    }
    if (session_.failed_.any_slow()) session_.failed_.answered(name());
    if (response->status >= 200 && response->status < 300) {
      learn_kind(response->headers);
      learn_etags(response->headers);
      learn_refused_sums();
      if (tells_another_sum(response->headers)) return finish(was_damaged());
      return finish(std::move(response));
    }
    if (response->status >= 500) session_.failed_.failed(request_.key);
    const ErrorAnswer answer = read_error_answer(*response);
    if (learn_place(answer) || learn_clock(answer, *response) || renew_credentials(answer) ||
        learn_checksum(answer) || drop_sums(answer))
      return start();
    if (hides_reason(answer)) return ask_reason();
    finish(name_owner(to_error(answer, request_.key, request_.if_none_match)));
  }

  /// S3 says no more than that access is denied where the owner is another.
  Error name_owner(const Error& error) const {
    const std::string& owner = session_.terms_.expected_owner();
    if (owner.empty() || error.detail().service_code != "AccessDenied") return error;
    Error::Detail detail = error.detail();
    detail.message +=
        fmt::format(" (or the bucket's owner is not {}, as --expected-bucket-owner says)", owner);
    return Error(error.code(), std::move(detail));
  }

  /// The answer to a HEAD has no body to tell whether the credentials have expired or do not
  /// suffice.
  bool hides_reason(const ErrorAnswer& answer) {
    const bool refused = answer.status == bad_request || answer.status == 403;
    return request_.method == HttpMethod::head && !request_.key.empty() && !answer.has_body &&
           refused && session_.credentials_ && !std::exchange(reason_asked_, true) &&
           session_.asks_reasons();
  }

  /// A GET of the object is refused for the same reason, in words, and learns from them.
  void ask_reason() {
    S3Request same{.method = HttpMethod::get,
                   .key = request_.key,
                   .use = request_.use,
                   .cancel = request_.cancel};
    same.headers.emplace_back("range", "bytes=0-0");
    same.sink = std::make_shared<NoBody>();
    session_.send(std::move(same), [self = shared_from_this()](const Result<HttpResponse>& told) {
      const bool works = told || NoBody::refused(told.error()) ||
                         told.error().detail().http_status == 416 || told.code() == Code::archived;
      if (works) return self->start();
      // That an object is encrypted with a key (400) is the matter of that object alone.
      const bool rights =
          told.code() == Code::access_denied && told.error().detail().http_status != bad_request;
      if (rights) self->session_.note_denial();
      self->finish(told.error());
    });
  }

  /// Ceph's gateway shows itself in what it says of an object.
  void learn_kind(const HttpHeaders& headers) {
    using Kind = ServerTraits::Kind;
    const bool of_object =
        (request_.method == HttpMethod::get || request_.method == HttpMethod::head) &&
        !request_.key.empty() && request_.query.empty();
    if (!of_object || session_.traits_.kind != Kind::unknown) return;
    session_.traits_.kind = headers.contains("x-rgw-object-type") ? Kind::radosgw : Kind::other;
  }

  /// The bucket may encrypt by itself.
  void learn_etags(const HttpHeaders& headers) {
    if (session_.traits_.opaque_etags) return;
    const bool opaque = headers.find("x-amz-server-side-encryption").starts_with("aws:kms") ||
                        headers.contains("x-amz-server-side-encryption-customer-algorithm");
    if (opaque) session_.traits_.opaque_etags = true;
  }

  /// Another region or endpoint.
  bool learn_place(const ErrorAnswer& answer) {
    const bool elsewhere = is_redirect(answer.status) ||
                           answer.code == "AuthorizationHeaderMalformed" ||
                           (!answer.has_body && (answer.status == 400 || answer.status == 403));
    if (place_learnt_ || !elsewhere) return false;
    if (!answer.region.empty() && answer.region != used_endpoint_->region()) {
      place_learnt_ = true;
      Endpoint moved = used_endpoint_->in_region(answer.region);
      if (moved.region() != answer.region) return false;  // Not a region's name.
      session_.log_->info("bucket '{}' is in region {}: using that from now on", session_.bucket_,
                          answer.region);
      session_.set_endpoint(std::move(moved));
      return true;
    }
    if (!is_redirect(answer.status)) return false;
    auto moved = answer.location.empty() ? used_endpoint_->at_host(answer.endpoint)
                                         : used_endpoint_->at_location(answer.location);
    if (!moved) return false;
    place_learnt_ = true;
    if (answer.status == 301 || answer.status == 308) {
      session_.log_->info("bucket '{}' is at {}: using that from now on", session_.bucket_,
                          moved->base_url());
      session_.set_endpoint(std::move(*moved));
    } else {
      moved_once_ = std::make_shared<const Endpoint>(std::move(*moved));
    }
    return true;
  }

  bool learn_clock(const ErrorAnswer& answer, const HttpResponse& response) {
    if (clock_learnt_ || !session_.credentials_) return false;
    const auto server = parse_http_date(response.headers.find("date"));
    if (!server) return false;
    bool skewed = answer.code == "RequestTimeTooSkewed";
    if (!skewed && answer.status == 403 && !answer.has_body) {  // HEAD tells no code.
      skewed = std::abs(*server - to_ns(session_.now())) > suspicious_skew_ns;
    }
    if (!skewed) return false;
    clock_learnt_ = true;
    session_.learn_clock(*server);
    return true;
  }

  bool renew_credentials(const ErrorAnswer& answer) {
    if (credentials_renewed_ || !session_.credentials_) return false;
    if (!says_credentials_are_stale(answer)) return false;
    credentials_renewed_ = true;
    session_.credentials_->invalidate(used_credentials_);
    return true;
  }

  /// Of all checksums every server knows this one.
  const std::string& checksum() {
    if (checksum_.empty()) checksum_ = md5_base64(request_.body);
    return checksum_;
  }

  /// AWS: 400 InvalidRequest, "Content-MD5 OR x-amz-checksum- HTTP header is required for Put
  /// Object requests with Object Lock parameters"; others say that the header is missing.
  bool learn_checksum(const ErrorAnswer& answer) {
    const bool wanted =
        answer.status == 400 && answer.message.find("Content-MD5") != std::string::npos;
    if (!wanted || !request_.stores_body || !checksum_.empty()) return false;
    if (!session_.traits_.wants_checksums.exchange(true)) {
      session_.log_->info("bucket '{}' wants a checksum with all that is stored: it gets an MD5",
                          session_.bucket_);
    }
    return true;
  }

  std::atomic<bool>& takes_no_sums() {
    ServerTraits& traits = session_.traits_;
    return request_.query.empty() ? traits.no_put_sums : traits.no_upload_sums;
  }

  /// A server that does not know a header ignores it, or says one of these. Whether that was the
  /// reason shows when the same is taken without.
  bool drop_sums(const ErrorAnswer& answer) {
    constexpr std::array<std::string_view, 4> words = {"", "NotImplemented", "InvalidRequest",
                                                       "InvalidArgument"};
    const bool refused =
        answer.status == 501 ||
        (answer.status == 400 && std::find(words.begin(), words.end(), answer.code) != words.end());
    if (!refused || !sums_sent_ || sums_dropped_) return false;
    return sums_dropped_ = true;
  }

  void learn_refused_sums() {
    if (!sums_dropped_ || takes_no_sums().exchange(true)) return;
    session_.log_->info("bucket '{}' takes no CRC32C with {}: they are sent without",
                        session_.bucket_, request_.query.empty() ? "objects" : "uploads");
  }

  bool tells_another_sum(const HttpHeaders& headers) const {
    constexpr std::string_view name = "x-amz-checksum-crc32c";
    const std::string_view told = headers.find(name);
    if (!sums_sent_ || told.empty()) return false;
    return std::any_of(request_.sums.begin(), request_.sums.end(), [&](const auto& header) {
      return header.first == name && header.second != told;
    });
  }

  Error was_damaged() const {
    return Error(Code::corrupt,
                 Error::Detail{.message = "the store has received other bytes than were sent",
                               .key = request_.key});
  }

  void finish(Result<HttpResponse> result) {
    Done<HttpResponse> done = std::move(done_);
    done(std::move(result));
  }

  S3Session& session_;
  const Gate::Pass pass_;
  const S3Request request_;
  Done<HttpResponse> done_;
  Credentials used_credentials_;
  std::chrono::steady_clock::time_point sent_at_;  ///< The try that is under way.
  uint32_t doublings_ = 0;  ///< Of the time that it is given, see FailedRequests.
  std::string checksum_;    ///< Of the body; empty: none was sent.
  EndpointPtr used_endpoint_;
  EndpointPtr moved_once_;  ///< Where a temporary redirect sent this request.
  bool place_learnt_ = false;
  bool clock_learnt_ = false;
  bool credentials_renewed_ = false;
  bool reason_asked_ = false;
  bool sums_sent_ = false;     ///< With the try that is under way.
  bool sums_dropped_ = false;  ///< A try with them was refused.
};

S3Session::S3Session(Parts parts)
    : bucket_(std::move(parts.bucket)),
      credentials_(std::move(parts.credentials)),
      http_(std::move(parts.http)),
      log_(std::move(parts.log)),
      clock_(std::move(parts.clock)),
      terms_(std::move(parts.terms)),
      first_byte_limit_(parts.first_byte_limit),
      verify_(parts.verify),
      endpoint_(std::make_shared<const Endpoint>(std::move(parts.endpoint))) {
  traits_.opaque_etags = terms_.opaque_etags();
}

S3Session::~S3Session() { gate_.wait(); }

void S3Session::send(S3Request request, Done<HttpResponse> done) {
  std::make_shared<Exchange>(*this, std::move(request), std::move(done))->start();
}

std::string S3Session::base_url() const { return endpoint()->base_url(); }

std::chrono::system_clock::time_point S3Session::now() const {
  const auto local = clock_ ? clock_() : std::chrono::system_clock::now();
  const std::chrono::nanoseconds offset(clock_offset_ns_.load(std::memory_order_relaxed));
  return local + std::chrono::duration_cast<std::chrono::system_clock::duration>(offset);
}

S3Session::EndpointPtr S3Session::endpoint() const {
  const MutexLock lock(mutex_);
  return endpoint_;
}

void S3Session::set_endpoint(Endpoint endpoint) {
  auto next = std::make_shared<const Endpoint>(std::move(endpoint));
  const MutexLock lock(mutex_);
  endpoint_ = std::move(next);
}

void S3Session::learn_clock(int64_t server_ns) {
  const auto local = clock_ ? clock_() : std::chrono::system_clock::now();
  const int64_t offset = server_ns - to_ns(local);
  clock_offset_ns_.store(offset, std::memory_order_relaxed);
  if (clock_warned_.exchange(true)) return;
  log_->warning(
      "this machine's clock differs from the server's by {} s: requests are signed by the server's "
      "time; "
      "set the clock (for example with NTP)",
      offset / 1'000'000'000);
}

bool S3Session::asks_reasons() const {
  return std::chrono::steady_clock::now().time_since_epoch().count() >=
         denied_until_.load(std::memory_order_relaxed);
}

void S3Session::note_denial() {
  // Where rights do not suffice for a name they do not for many, and none of them is worth two
  // requests.
  constexpr std::chrono::seconds pause{10};
  const auto until = std::chrono::steady_clock::now() + pause;
  denied_until_.store(until.time_since_epoch().count(), std::memory_order_relaxed);
}

std::chrono::milliseconds S3Session::patience(Effort effort, uint32_t doublings) const {
  constexpr uint32_t of_most = 12;
  constexpr uint32_t of_copies = 60;
  uint32_t factor = 1;
  switch (effort) {
    case Effort::quick:
      break;
    case Effort::storing:
      factor = 2;
      break;
    case Effort::changing:
      factor = 3;
      break;
    case Effort::copying:
      factor = of_most;
      break;
  }
  const uint32_t most = effort == Effort::copying ? of_copies : of_most;
  return first_byte_limit_ * std::min(factor << doublings, most);
}

}  // namespace penstock
