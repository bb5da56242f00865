// SPDX-License-Identifier: Apache-2.0
#include "server/service.h"

#include <cstdio>

#include "server/encryption.h"
#include "server/sigv4.h"
#include "server/text.h"

namespace penstock::test {
namespace {

bool needs_bucket(const std::string& operation) {
  return operation != "Control" && operation != "ListBuckets" && operation != "CreateBucket";
}

/// An ETag of the same form with other digits.
std::string another_etag(std::string etag) {
  for (char& c : etag) {
    if (c == '-') break;
    c = c == '0' ? 'f' : '0';
  }
  return etag;
}

void change_etag(Response& response) {
  for (auto& [name, value] : response.headers) {
    if (name == "ETag") value = quoted(another_etag(unquoted(value)));
  }
  const size_t at = response.document.find("<ETag>&quot;");
  if (at == std::string::npos) return;
  const size_t begin = at + std::string_view("<ETag>&quot;").size();
  const size_t end = response.document.find("&quot;", begin);
  response.document.replace(begin, end - begin,
                            another_etag(response.document.substr(begin, end - begin)));
}

}  // namespace

Service::Service(ServerOptions options)
    : options_(std::make_shared<const ServerOptions>(options)),
      random_(options.seed),
      faults_(options.seed) {
  const MutexLock lock(store_.mutex);
  for (const std::string& bucket : options.buckets) store_.buckets[bucket];
}

std::shared_ptr<const ServerOptions> Service::options() const {
  const MutexLock lock(mutex_);
  return options_;
}

void Service::change_options(const std::function<void(ServerOptions&)>& change) {
  const MutexLock lock(mutex_);
  ServerOptions changed = *options_;
  change(changed);
  options_ = std::make_shared<const ServerOptions>(std::move(changed));
}

void Service::set_timing(const ServerOptions& timing) {
  change_options([&](ServerOptions& options) {
    options.first_byte = timing.first_byte;
    options.list_latency = timing.list_latency;
    options.connection_mbps = timing.connection_mbps;
    options.total_mbps = timing.total_mbps;
    options.copy_mbps = timing.copy_mbps;
    options.clock_skew = timing.clock_skew;
    options.object_age = timing.object_age;
    options.restore_time = timing.restore_time;
    options.restored_day = timing.restored_day;
    options.tail_probability = timing.tail_probability;
    options.tail_latency = timing.tail_latency;
    options.error_probability = timing.error_probability;
  });
}

void Service::set_credentials(const std::string& access_key, const std::string& secret_key,
                              const std::string& session_token) {
  change_options([&](ServerOptions& options) {
    options.access_key = access_key;
    options.secret_key = secret_key;
    options.session_token = session_token;
  });
}

ServerStats Service::stats() const {
  ServerStats stats;
  {
    const MutexLock lock(mutex_);
    stats.requests = requests_;
  }
  stats.faults = faults_.taken();
  stats.bytes_in = bytes_in_;
  stats.bytes_out = bytes_out_;
  stats.peak_concurrency = peak_;
  stats.bad_signatures = bad_signatures_;
  stats.connections = connections_;
  return stats;
}

void Service::reset_stats() {
  faults_.reset_taken();
  const MutexLock lock(mutex_);
  requests_.clear();
  bytes_in_ = 0;
  bytes_out_ = 0;
  peak_ = in_work_.load();
  bad_signatures_ = 0;
  connections_ = 0;
}

time_t Service::now(const ServerOptions& options) const {
  return time(nullptr) + static_cast<time_t>(options.clock_skew.count());
}

std::map<std::string, std::string> Service::last_headers(const std::string& operation) const {
  const MutexLock lock(mutex_);
  const auto found = last_headers_.find(operation);
  return found == last_headers_.end() ? std::map<std::string, std::string>() : found->second;
}

void Service::count(const Request& request) {
  const MutexLock lock(mutex_);
  ++requests_[request.operation];
  if (options_->keep_headers) last_headers_[request.operation] = request.headers;
}

std::optional<Response> Service::refuse(const Request& request, const ServerOptions& options) {
  if (request.operation == "Control") return std::nullopt;
  if (options.check_signatures) {
    const SigningRules rules{.access_key = options.access_key,
                             .secret_key = options.secret_key,
                             .session_token = options.session_token,
                             .region = options.region,
                             .redirect_regions = options.redirect_regions,
                             .now = now(options)};
    if (auto refusal = check_signature(request, rules)) {
      if (refusal->status == 403) ++bad_signatures_;
      return refusal;
    }
  }
  if (request.header("x-amz-content-sha256").starts_with("STREAMING-") ||
      request.header("content-encoding").find("aws-chunked") != std::string::npos) {
    return error_response(501, "NotImplemented", "This server does not take aws-chunked bodies");
  }
  if (request.has_header("transfer-encoding") || request.has_header("x-amz-write-offset-bytes")) {
    return error_response(501, "NotImplemented",
                          "A header you provided implies functionality that is not implemented");
  }
  if (request.operation == "PutObject" || request.operation == "UploadPart") {
    if (!request.has_header("content-length")) {
      return error_response(411, "MissingContentLength",
                            "You must provide the Content-Length HTTP header.");
    }
  }
  if (auto refusal = refusal_by_server(request, options)) return refusal;
  if (auto refusal = refusal_by_policy(request, options)) return refusal;
  if (auto refusal = wrong_encryption(request)) return refusal;
  size_t metadata_bytes = 0;
  for (const auto& [name, value] : request.headers) {
    if (name.starts_with("x-amz-meta-")) metadata_bytes += name.size() - 11 + value.size();
  }
  if (metadata_bytes > 2048) {
    return error_response(400, "MetadataTooLarge",
                          "Your metadata headers exceed the maximum allowed metadata size");
  }
  const MutexLock lock(store_.mutex);
  if (needs_bucket(request.operation) && !store_.buckets.contains(request.bucket)) {
    return error_response(404, "NoSuchBucket", "The specified bucket does not exist",
                          "<BucketName>" + xml_escape(request.bucket) + "</BucketName>");
  }
  return std::nullopt;
}

void Service::roll_dice(Exchange& exchange, const ServerOptions& options) {
  const bool is_list = exchange.request.operation.starts_with("ListObjects");
  exchange.latency =
      is_list && options.list_latency.count() > 0 ? options.list_latency : options.first_byte;
  if (options.tail_probability <= 0 && options.error_probability <= 0) return;
  std::uniform_real_distribution<double> share(0, 1);
  const MutexLock lock(mutex_);
  if (share(random_) < options.tail_probability) exchange.latency += options.tail_latency;
  if (share(random_) < options.error_probability) {
    exchange.refusal = error_response(503, "SlowDown", "Please reduce your request rate.");
  }
}

Exchange Service::begin(Request request) {
  const uint64_t in_work = ++in_work_;
  uint64_t peak = peak_;
  while (in_work > peak && !peak_.compare_exchange_weak(peak, in_work)) {
  }
  Exchange exchange{.request = std::move(request)};
  const std::shared_ptr<const ServerOptions> held = this->options();
  const ServerOptions& options = *held;
  if (options.renames_are_puts)
    std::erase_if(exchange.request.query, [](const auto& p) { return p.first == "renameObject"; });
  exchange.refusal = route(exchange.request);
  const std::string& operation = exchange.request.operation;
  if (operation == "Control") return exchange;
  count(exchange.request);
  exchange.fault = faults_.take(operation, exchange.request.key);
  if (exchange.fault.kind == FaultKind::error) {
    exchange.refusal = error_response(static_cast<int>(exchange.fault.number.value_or(500)),
                                      exchange.fault.code, "An error to order");
  }
  if (!exchange.refusal) exchange.refusal = refuse(exchange.request, options);
  if (!exchange.refusal) {
    roll_dice(exchange, options);
    exchange.digests = wanted_digests(exchange.request, options);
  } else {
    exchange.latency = options.first_byte;
  }
  if (exchange.fault.kind == FaultKind::delay) {
    exchange.latency += std::chrono::milliseconds(exchange.fault.number.value_or(0));
  }
  const bool stores_body = operation == "PutObject" || operation == "UploadPart";
  if (exchange.refusal ||
      (stores_body && options.discard_bodies && exchange.request.content_length > small_body)) {
    exchange.keep_body = false;
    exchange.digests.clear();
  }
  return exchange;
}

Response Service::perform(const Exchange& exchange) {
  const Request& request = exchange.request;
  const std::shared_ptr<const ServerOptions> held = options();
  const OperationContext here{.store = store_, .options = *held, .now = now(*held)};
  const std::string& operation = request.operation;
  if (operation == "GetObject" || operation == "HeadObject") return get_object(here, request);
  if (operation == "PutObject") return put_object(here, request);
  if (operation == "GetObjectTagging") return get_tagging(here, request);
  if (operation == "RestoreObject") return restore_object(here, request);
  if (operation == "PutObjectTagging") return put_tagging(here, request);
  if (operation == "ListObjectsV2" || operation == "ListObjects")
    return list_objects(here, request);
  if (operation == "DeleteObject") return delete_object(here, request);
  if (operation == "DeleteObjects") return delete_objects(here, request);
  if (operation == "CopyObject") return copy_object(here, request);
  if (operation == "RenameObject") return rename_object(here, request);
  if (operation == "CreateMultipartUpload") return create_upload(here, request);
  if (operation == "UploadPart") return upload_part(here, request);
  if (operation == "UploadPartCopy") return upload_part_copy(here, request);
  if (operation == "CompleteMultipartUpload") return complete_upload(here, request);
  if (operation == "AbortMultipartUpload") return abort_upload(here, request);
  if (operation == "ListParts") return list_parts(here, request);
  if (operation == "ListMultipartUploads") return list_uploads(here, request);
  if (operation == "GetBucketLifecycleConfiguration") return get_lifecycle(here, request);
  if (operation == "PutBucketLifecycleConfiguration") return put_lifecycle(here, request);
  if (operation == "DeleteBucketLifecycle") return delete_lifecycle(here, request);
  if (operation == "Control") return control(request);
  return bucket_operation(here, request);
}

Response Service::finish(Exchange& exchange) {
  const std::shared_ptr<const ServerOptions> held = options();
  Response response;
  if (exchange.refusal) {
    response = std::move(*exchange.refusal);
  } else if (auto refusal = wrong_checksum(exchange.request); refusal && exchange.keep_body) {
    response = std::move(*refusal);
  } else if (exchange.fault.kind == FaultKind::error_in_200) {
    response =
        error_response(200, exchange.fault.code, "An error to order, after the status was sent");
  } else {
    response = perform(exchange);
  }
  if (exchange.fault.kind == FaultKind::wrong_etag) change_etag(response);
  finalize(exchange, *held, response);
  return response;
}

void Service::finalize(const Exchange& exchange, const ServerOptions& options, Response& response) {
  const uint64_t number = next_request_id_++;
  std::array<char, 24> id = {};
  std::snprintf(id.data(), id.size(), "REQ%013llX", static_cast<unsigned long long>(number));
  response.add("x-amz-request-id", id.data());
  response.add("Date", http_date(now(options)));
  response.add("Server", "s3-testserver");
  if (exchange.request.operation == "HeadBucket")
    response.set("x-amz-bucket-region", options.region);
  if (response.document.empty()) return;
  const size_t at = response.document.find("REQUEST_ID");
  if (at != std::string::npos && response.document.find("<Error>") != std::string::npos) {
    response.document.replace(at, 10, id.data());
  }
  if (exchange.request.method == "HEAD") {
    response.said_length = 0;  // HEAD tells no more than the status
  } else {
    response.body = Content::of_string(std::move(response.document));
  }
  response.document.clear();
}

}  // namespace penstock::test
