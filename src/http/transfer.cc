// SPDX-License-Identifier: Apache-2.0
#include "http/transfer.h"

#include <fmt/chrono.h>
#include <fmt/core.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <new>

#include "http/connection_settings.h"

namespace penstock {
namespace {

// Measured: 0.46 against 0.68 CPU-s/GB at the default of 16 KiB; beyond 512 KiB it gets slower
// again.
constexpr long bulk_buffer = 512L << 10;
constexpr long small_buffer = 64L << 10;
// Kept connections are not used after idling for so long: servers close theirs after 5 to 60 s, and
// a request sent into a connection that is just being closed costs a round trip.
constexpr long max_idle_seconds = 30;
constexpr long dns_cache_seconds = 10;

const char* method_name(HttpMethod method) {
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

template <typename T>
void set(CURL* easy, CURLoption option, T value) {
  // These options fail only for want of memory or where the library lacks the feature; both mean
  // that the requests would not be what we promise.
  if (curl_easy_setopt(easy, option, value) != CURLE_OK) throw std::bad_alloc();
}

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

double seconds(std::chrono::milliseconds time) { return static_cast<double>(time.count()) / 1000; }

}  // namespace

Transfer::Transfer(const HttpOptions& options, CURLSH* share, ConnectionCounts& connections)
    : options_(options), connections_(connections), easy_(curl_easy_init()) {
  if (easy_ == nullptr) throw std::bad_alloc();
  set(easy_, CURLOPT_SHARE, share);  // Survives curl_easy_reset.
}

Transfer::~Transfer() {
  curl_easy_cleanup(easy_);
  curl_slist_free_all(header_list_);
}

bool Transfer::streams() const noexcept {
  return submission_->request.sink != nullptr && response_.status >= 200 && response_.status < 300;
}

void Transfer::begin(std::unique_ptr<Submission> submission) {
  submission_ = std::move(submission);
  response_ = {};
  failure_.reset();
  answer_begun_ = sink_started_ = body_cut_ = false;
  received_ = 0;
  body_size_ = submission_->request.body.size();
  seek_body(0);
  marked_phase_ = Phase::connecting;
  marked_bytes_ = 0;
  marked_time_ = std::chrono::steady_clock::now();
  error_text_[0] = '\0';

  curl_easy_reset(
      easy_);  // Keeps connections and caches, forgets everything of the request before.
  set_fixed_options();
  set(easy_, CURLOPT_URL, submission_->request.url.c_str());
  set_method();
  set_headers();
  if (submission_->request.fresh_connection) set(easy_, CURLOPT_FRESH_CONNECT, 1L);
  if (submission_->request.direct) set(easy_, CURLOPT_NOPROXY, "*");
}

void Transfer::set_fixed_options() {
  set(easy_, CURLOPT_PRIVATE, this);
  set(easy_, CURLOPT_ERRORBUFFER, error_text_.data());
  set(easy_, CURLOPT_NOSIGNAL, 1L);
  set(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(easy_, CURLOPT_PATH_AS_IS, 1L);
  set(easy_, CURLOPT_FOLLOWLOCATION, 0L);
  // What a proxy says to CONNECT is no answer of the server.
  set(easy_, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(easy_, CURLOPT_USERAGENT, "penstock/" PENSTOCK_VERSION);
  set_socket_functions();
  set(easy_, CURLOPT_TCP_NODELAY, 1L);
  set(easy_, CURLOPT_TCP_KEEPALIVE, 1L);
  set(easy_, CURLOPT_MAXAGE_CONN, max_idle_seconds);
  set(easy_, CURLOPT_DNS_CACHE_TIMEOUT, dns_cache_seconds);
  set(easy_, CURLOPT_DNS_SHUFFLE_ADDRESSES, 1L);
  set(easy_, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout.count()));
  set(easy_, CURLOPT_BUFFERSIZE, submission_->request.sink ? bulk_buffer : small_buffer);
  set(easy_, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
  set(easy_, CURLOPT_HEADERDATA, this);
  set(easy_, CURLOPT_WRITEFUNCTION, &Transfer::on_write);
  set(easy_, CURLOPT_WRITEDATA, this);
  set_connection(easy_, options_.ca_bundle, options_.connection);
}

// libcurl says nowhere how many connections it keeps.
void Transfer::set_socket_functions() {
  set(easy_, CURLOPT_OPENSOCKETFUNCTION, &Transfer::on_open);
  set(easy_, CURLOPT_OPENSOCKETDATA, &connections_);
  set(easy_, CURLOPT_CLOSESOCKETFUNCTION, &Transfer::on_close);
  set(easy_, CURLOPT_CLOSESOCKETDATA, &connections_);
}

curl_socket_t Transfer::on_open(void* connections, curlsocktype /*purpose*/,
                                curl_sockaddr* address) noexcept {
  const int opened = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  if (opened < 0) return CURL_SOCKET_BAD;
  static_cast<ConnectionCounts*>(connections)->opened.add();
  return opened;
}

int Transfer::on_close(void* connections, curl_socket_t socket) noexcept {
  static_cast<ConnectionCounts*>(connections)->closed.add();
  return close(socket);
}

void Transfer::set_method() {
  const HttpMethod method = submission_->request.method;
  if (method == HttpMethod::head) {
    set(easy_, CURLOPT_NOBODY, 1L);
    return;
  }
  if (method == HttpMethod::put || method == HttpMethod::post) {
    set(easy_, CURLOPT_UPLOAD, 1L);
    set(easy_, CURLOPT_UPLOAD_BUFFERSIZE,
        body_size_ > static_cast<uint64_t>(small_buffer) ? bulk_buffer : small_buffer);
    set(easy_, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(body_size_));
    set(easy_, CURLOPT_READFUNCTION, &Transfer::on_read);
    set(easy_, CURLOPT_READDATA, this);
    set(easy_, CURLOPT_SEEKFUNCTION, &Transfer::on_seek);
    set(easy_, CURLOPT_SEEKDATA, this);
  }
  if (method != HttpMethod::get) set(easy_, CURLOPT_CUSTOMREQUEST, method_name(method));
}

void Transfer::set_headers() {
  curl_slist_free_all(header_list_);
  header_list_ = nullptr;
  const auto append = [this](const char* line) {
    curl_slist* longer = curl_slist_append(header_list_, line);
    if (longer == nullptr) throw std::bad_alloc();
    header_list_ = longer;
  };
  append("Expect:");  // Without it libcurl waits up to a second for "100 Continue" before it sends
                      // a large body.
  for (const std::string& header : submission_->request.headers) {
    const size_t colon = header.find(':');
    if (colon != std::string::npos && trim(std::string_view(header).substr(colon + 1)).empty()) {
      append((header.substr(0, colon) + ';')
                 .c_str());  // libcurl's way to write a header without a value.
    } else {
      append(header.c_str());
    }
  }
  set(easy_, CURLOPT_HTTPHEADER, header_list_);
}

size_t Transfer::on_header(char* data, size_t size, size_t count, void* self) noexcept {
  auto* transfer = static_cast<Transfer*>(self);
  return transfer->take_header({data, size * count}) ? size * count : 0;
}

bool Transfer::take_header(std::string_view line) {
  received_ += line.size();
  if (!answer_begun_) {
    answer_begun_ = true;
    response_.first_byte = std::chrono::steady_clock::now() - submission_->submitted;
  }
  if (line.starts_with("HTTP/")) {  // Also after a "100 Continue" and before every later answer.
    response_.headers.clear();
    response_.status = 0;
    const size_t blank = line.find(' ');
    if (blank != std::string_view::npos) {
      const char* digits = line.data() + blank + 1;
      std::from_chars(digits, line.data() + line.size(), response_.status);
    }
    return true;
  }
  const size_t colon = line.find(':');
  if (colon != std::string_view::npos) {
    response_.headers.add(trim(line.substr(0, colon)), trim(line.substr(colon + 1)));
    return true;
  }
  if (trim(line).empty() && streams() && !sink_started_) {  // The blank line: the head is complete.
    sink_started_ = true;
    failure_ = submission_->request.sink->started(response_);
    return !failure_.has_value();
  }
  return true;
}

size_t Transfer::on_write(char* data, size_t size, size_t count, void* self) noexcept {
  auto* transfer = static_cast<Transfer*>(self);
  return transfer->take_body({data, size * count}) ? size * count : CURL_WRITEFUNC_ERROR;
}

bool Transfer::take_body(std::string_view bytes) {
  received_ += bytes.size();
  if (!streams()) return collect(bytes);
  failure_ = submission_->request.sink->write(std::as_bytes(std::span(bytes.data(), bytes.size())));
  return !failure_.has_value();
}

bool Transfer::collect(std::string_view bytes) {
  const bool success = response_.status >= 200 && response_.status < 300;
  const size_t limit = success ? max_collected_body : max_error_body;
  const size_t room = limit - response_.body.size();
  response_.body.append(bytes.substr(0, room));
  if (bytes.size() <= room) return true;
  if (success) {
    failure_ = Error(Code::corrupt, fmt::format("the answer is longer than {} bytes", limit));
  } else {
    body_cut_ = true;
  }
  return false;
}

size_t Transfer::on_read(char* buffer, size_t size, size_t count, void* self) noexcept {
  auto* transfer = static_cast<Transfer*>(self);
  const auto& pieces = transfer->submission_->request.body.pieces;
  const size_t wanted = size * count;
  size_t copied = 0;
  while (copied < wanted && transfer->piece_ < pieces.size()) {
    const auto& piece = pieces[transfer->piece_];
    const size_t part = std::min(wanted - copied, piece.size() - transfer->piece_offset_);
    // An empty piece may have no address, which memcpy does not take.
    if (part > 0) std::memcpy(buffer + copied, piece.data() + transfer->piece_offset_, part);
    copied += part;
    transfer->piece_offset_ += part;
    if (transfer->piece_offset_ == piece.size()) {
      ++transfer->piece_;
      transfer->piece_offset_ = 0;
    }
  }
  return copied;
}

int Transfer::on_seek(void* self, curl_off_t offset, int origin) noexcept {
  auto* transfer = static_cast<Transfer*>(self);
  if (origin != SEEK_SET || offset < 0) return CURL_SEEKFUNC_FAIL;
  return transfer->seek_body(static_cast<uint64_t>(offset)) ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

bool Transfer::seek_body(uint64_t offset) noexcept {
  const auto& pieces = submission_->request.body.pieces;
  piece_ = 0;
  while (piece_ < pieces.size() && offset >= pieces[piece_].size())
    offset -= pieces[piece_++].size();
  piece_offset_ = offset;
  return piece_ < pieces.size() || offset == 0;
}

Transfer::Phase Transfer::phase() const {
  if (answer_begun_) return Phase::receiving;
  curl_off_t ready = 0;
  curl_easy_getinfo(easy_, CURLINFO_PRETRANSFER_TIME_T, &ready);
  if (ready == 0) return Phase::connecting;
  curl_off_t sent = 0;
  curl_easy_getinfo(easy_, CURLINFO_SIZE_UPLOAD_T, &sent);
  return static_cast<uint64_t>(sent) < body_size_ ? Phase::sending : Phase::waiting;
}

std::optional<Error> Transfer::find_stall(Time now) {
  const Phase current = phase();
  curl_off_t sent = 0;
  curl_easy_getinfo(easy_, CURLINFO_SIZE_UPLOAD_T, &sent);
  const uint64_t bytes = static_cast<uint64_t>(sent) + received_;
  const bool patient = submission_->request.silence_limit.count() > 0;
  const bool waits = current == Phase::waiting;
  uint64_t needed = 1;
  if (!patient && !waits) {
    needed = std::max<uint64_t>(
        1, static_cast<uint64_t>(options_.stall_rate * seconds(options_.stall_timeout)));
  }
  // libcurl itself limits the time to connect.
  const bool moved = bytes < marked_bytes_ || bytes - marked_bytes_ >= needed;
  if (current == Phase::connecting || current != marked_phase_ || moved) {
    marked_phase_ = current;
    marked_bytes_ = bytes;
    marked_time_ = now;
    return std::nullopt;
  }
  auto limit = waits ? options_.first_byte_timeout : options_.stall_timeout;
  const auto own_limit = submission_->request.first_byte_limit;
  if (waits && own_limit.count() > 0) limit = own_limit;
  if (patient) limit = submission_->request.silence_limit;
  if (now - marked_time_ < limit) return std::nullopt;
  if (patient || waits) {
    return Error(Code::timed_out, fmt::format("no answer for {} s", seconds(limit)));
  }
  return Error(Code::timed_out, fmt::format("the transfer stalled: fewer than {} bytes/s for {} s",
                                            options_.stall_rate, seconds(limit)));
}

Result<HttpResponse> Transfer::finish(CURLcode code) {
  if (failure_) return *std::move(failure_);
  if (code != CURLE_OK && !body_cut_) return to_error(code);
  long connects = 0;
  curl_easy_getinfo(easy_, CURLINFO_NUM_CONNECTS, &connects);
  response_.reused_connection = connects == 0;
  return std::move(response_);
}

std::unique_ptr<Submission> Transfer::release() {
  response_ = {};
  return std::move(submission_);
}

Error Transfer::to_error(CURLcode code) const {
  Error::Detail detail{
      .message = error_text_[0] != '\0' ? error_text_.data() : curl_easy_strerror(code),
      .http_status = response_.status};
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return Error(Code::timed_out, std::move(detail));
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
      detail.message.insert(0, http_closed_early);
      return Error(Code::unavailable, std::move(detail));
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
      detail.message = fmt::format(
          "the server's certificate is not trusted ({}); if its authority is your own, name its "
          "certificate with --ca-bundle",
          detail.message);
      return Error(Code::access_denied, std::move(detail));
    case CURLE_SSL_CACERT_BADFILE:
      detail.message = fmt::format("the CA bundle cannot be read: {}", detail.message);
      return Error(Code::access_denied, std::move(detail));
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
      detail.message = "the answer is not HTTP: " + detail.message;
      return Error(Code::corrupt, std::move(detail));
    case CURLE_URL_MALFORMAT:
      return Error(Code::invalid_argument, std::move(detail));
    case CURLE_OUT_OF_MEMORY:
    case CURLE_BAD_FUNCTION_ARGUMENT:
    case CURLE_FAILED_INIT:
      return Error(Code::internal, std::move(detail));
    default:  // Refused, reset, unresolved, broken TLS and whatever else libcurl tells apart: no
              // answer this time.
      return Error(Code::unavailable, std::move(detail));
  }
}

}  // namespace penstock
