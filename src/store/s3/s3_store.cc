// SPDX-License-Identifier: Apache-2.0
#include "store/s3/s3_store.h"

#include <fmt/core.h>

#include <utility>

#include "store/s3/get_stream.h"
#include "store/s3/held_bodies.h"
#include "store/s3/s3_completion.h"
#include "store/s3/s3_copies.h"
#include "store/s3/s3_lifecycle.h"
#include "store/s3/s3_operations.h"
#include "store/s3/s3_removal.h"
#include "store/s3/s3_renames.h"
#include "store/s3/s3_requests.h"
#include "store/s3/s3_responses.h"
#include "store/s3/s3_session.h"
#include "store/s3/s3_sums.h"

namespace penstock {
namespace {

/// AWS gives the names of directory buckets this end, and no other bucket may have it.
constexpr std::string_view directory_bucket_suffix = "--x-s3";

bool may_rename(const S3Options& options) {
  if (options.rename_object != StoreOptions::RenameObject::automatic)
    return options.rename_object == StoreOptions::RenameObject::on;
  return is_directory_bucket(options.bucket);
}

/// R2 is reached by no other name.
bool wants_equal_parts(const S3Options& options, const Endpoint& endpoint) {
  if (options.equal_parts != StoreOptions::EqualParts::automatic)
    return options.equal_parts == StoreOptions::EqualParts::on;
  const std::string host = endpoint.host();
  return host.substr(0, host.find(':')).ends_with(".r2.cloudflarestorage.com");
}

Result<RestoreAnswer> restore_answer(const Result<HttpResponse>& response) {
  constexpr int accepted = 202;
  if (response) return response->status == accepted ? RestoreAnswer::begun : RestoreAnswer::ready;
  const Error& refusal = response.error();
  const std::string& word = refusal.detail().service_code;
  if (word == "RestoreAlreadyInProgress") return RestoreAnswer::ongoing;
  // What a GET says of an archived object is said here of one that is not.
  const bool not_archived =
      refusal.code() == Code::archived || word == "ObjectAlreadyInActiveTierError";
  return not_archived ? refusal.with_code(Code::invalid_argument) : refusal;
}

}  // namespace

bool is_directory_bucket(std::string_view bucket) {
  return bucket.ends_with(directory_bucket_suffix);
}

Result<std::unique_ptr<S3Store>> S3Store::create(S3Options options,
                                                 std::shared_ptr<CredentialsProvider> credentials,
                                                 std::shared_ptr<HttpClient> http,
                                                 std::shared_ptr<Log> log) {
  auto endpoint = Endpoint::choose({.bucket = options.bucket,
                                    .url = options.endpoint,
                                    .region = options.region,
                                    .path_style = options.path_style,
                                    .dual_stack = options.dual_stack,
                                    .fips = options.fips,
                                    .accelerate = options.accelerate});
  if (!endpoint) return endpoint.error();
  if (options.terms.has_key() && !endpoint->is_unobserved()) return would_show_key(*endpoint);
  const bool renames = may_rename(options);
  const bool equal_parts = wants_equal_parts(options, *endpoint);
  auto session =
      std::make_unique<S3Session>(S3Session::Parts{.endpoint = std::move(*endpoint),
                                                   .bucket = std::move(options.bucket),
                                                   .credentials = std::move(credentials),
                                                   .http = std::move(http),
                                                   .log = log,
                                                   .clock = std::move(options.clock),
                                                   .first_byte_limit = options.first_byte_limit,
                                                   .verify = options.verify,
                                                   .terms = std::move(options.terms)});
  auto renamer = std::make_unique<S3Renames>(
      *session, renames ? std::move(options.rename_trial_prefix) : std::string(), std::move(log));
  return std::unique_ptr<S3Store>(new S3Store(std::move(session), std::move(renamer), equal_parts));
}

S3Store::S3Store(std::unique_ptr<S3Session> session, std::unique_ptr<S3Renames> renames,
                 bool equal_parts)
    : equal_parts_(equal_parts),
      held_(session->verifies() ? std::make_shared<HeldBodies>() : nullptr),
      renames_(std::move(renames)),
      lifecycle_(std::make_unique<S3Lifecycle>(*session)),
      sums_(std::make_unique<S3Sums>(*session)),
      session_(std::move(session)) {}

S3Store::~S3Store() = default;

StoreLimits S3Store::limits() const {
  return {.renames = renames_->possible(),
          .part_copies = !session_->traits().no_part_copy,
          .equal_parts = equal_parts_};
}

std::string S3Store::identity() const {
  return fmt::format("s3://{} at {}", session_->bucket(), session_->base_url());
}

void S3Store::get(GetRequest request, Done<ObjectInfo> done) {
  if (auto error = check_key(request.key)) return done(*std::move(error));
  if (request.range &&
      (request.range->length == 0 || request.range->end() < request.range->offset)) {
    return done(Error(Code::invalid_argument, "a range of no bytes"));
  }
  S3Request s3 = get_request(request);
  // Of a part of an object the server tells no checksum.
  if (held_ != nullptr && !request.range) s3.headers.emplace_back("x-amz-checksum-mode", "ENABLED");
  auto stream = std::make_shared<GetStream>(std::move(request), held_);
  s3.sink = stream;
  session_->send(std::move(s3),
                 [stream, done = std::move(done)](const Result<HttpResponse>& response) mutable {
                   if (!response) return done(response.error());
                   done(stream->finish());
                 });
}

void S3Store::head(HeadRequest request, Done<ObjectInfo> done) {
  if (auto error = check_key(request.key)) return done(*std::move(error));
  head_object(*session_, std::move(request), std::move(done));
}

void S3Store::put(PutRequest request, Done<ObjectInfo> done) {
  if (auto error = check_key(request.key)) return done(*std::move(error));
  const std::string tags_of = request.tags_of.empty() ? request.key : request.tags_of;
  Metadata metadata = std::move(request.metadata);
  complete_tags(*session_, std::move(metadata), tags_of,
                [this, pass = session_->pass(), request = std::move(request),
                 done = std::move(done)](Result<Metadata> whole) mutable {
                  if (!whole) return done(whole.error());
                  request.metadata = std::move(*whole);
                  put_described(std::move(request), std::move(done));
                });
}

void S3Store::put_described(PutRequest request, Done<ObjectInfo> done) {
  if (!request.condition.if_match.empty())
    return put_if_match(*session_, std::move(request), std::move(done));
  ObjectInfo object{.key = request.key, .size = request.body.size()};
  auto s3 = put_request(std::move(request));
  if (!s3) return done(s3.error());
  add_body_sum(*session_, *s3);
  session_->send(std::move(*s3), [object = std::move(object),
                                  done = std::move(done)](Result<HttpResponse> response) mutable {
    if (!response) return done(response.error());
    done(written_object(*response, std::move(object)));
  });
}

void S3Store::list(ListRequest request, Done<ListPage> done) {
  if (request.max_keys < 1 || request.max_keys > 1000)
    return done(Error(Code::invalid_argument, "a page of a listing has 1 to 1,000 keys"));
  S3Request s3 = list_request(request);  // before it is moved: arguments have no order
  session_->send(std::move(s3), [request = std::move(request),
                                 done = std::move(done)](Result<HttpResponse> response) mutable {
    if (!response) return done(response.error());
    done(parse_list_page(*response, request));
  });
}

void S3Store::remove(std::string key, Done<void> done) {
  if (auto error = check_key(key)) return done(*std::move(error));
  S3Request s3{.method = HttpMethod::remove, .key = std::move(key)};
  session_->send(std::move(s3),
                 [done = std::move(done)](const Result<HttpResponse>& response) mutable {
                   const bool no_object = !response && response.code() == Code::not_found &&
                                          response.error().detail().service_code != "NoSuchBucket";
                   if (!response && !no_object) return done(response.error());
                   done({});
                 });
}

void S3Store::remove_many(std::vector<std::string> keys, Done<std::vector<DeleteFailure>> done) {
  if (keys.empty()) return done(std::vector<DeleteFailure>());
  if (keys.size() > 1000)
    return done(Error(Code::invalid_argument, "at most 1,000 keys can be removed at once"));
  for (const std::string& key : keys) {
    if (auto error = check_key(key)) return done(*std::move(error));
  }
  remove_keys(*session_, std::move(keys), std::move(done));
}

void S3Store::copy(CopyRequest request, Done<ObjectInfo> done) {
  for (const std::string& key : {request.source, request.target}) {
    if (auto error = check_key(key)) return done(*std::move(error));
  }
  copy_object(*session_, std::move(request), std::move(done));
}

void S3Store::rename(RenameRequest request, Done<ObjectInfo> done) {
  for (const std::string& key : {request.source, request.target}) {
    if (auto error = check_key(key)) return done(*std::move(error));
  }
  if (request.source_if_match.empty())
    return done(Error(Code::invalid_argument, "a rename of whatever is there"));
  renames_->rename(std::move(request), std::move(done));
}

void S3Store::restore(RestoreRequest request, Done<RestoreAnswer> done) {
  if (auto error = check_key(request.key)) return done(*std::move(error));
  session_->send(restore_request(request),
                 [done = std::move(done)](const Result<HttpResponse>& response) mutable {
                   done(restore_answer(response));
                 });
}

void S3Store::create_upload(CreateUpload request, Done<std::string> done) {
  if (auto error = check_key(request.key)) return done(*std::move(error));
  const std::string tags_of = request.tags_of.empty() ? request.key : request.tags_of;
  Metadata metadata = std::move(request.metadata);
  complete_tags(*session_, std::move(metadata), tags_of,
                [this, pass = session_->pass(), request = std::move(request),
                 done = std::move(done)](Result<Metadata> whole) mutable {
                  if (!whole) return done(whole.error());
                  request.metadata = std::move(*whole);
                  create_described(std::move(request), std::move(done));
                });
}

void S3Store::create_described(CreateUpload request, Done<std::string> done) {
  const bool checked = session_->verifies() && !session_->traits().no_upload_sums;
  auto s3 = create_upload_request(request, checked);
  if (!s3) return done(s3.error());
  session_->send(std::move(*s3), [this, key = std::move(request.key),
                                  done = std::move(done)](Result<HttpResponse> response) mutable {
    if (!response) return done(response.error());
    const auto xml = parse_answer(*response, {.root = "InitiateMultipartUploadResult", .key = key});
    if (!xml) return done(xml.error());
    std::string id(xml->text_of("UploadId"));
    if (id.empty()) return done(Error(Code::corrupt, "a new multipart upload has no id"));
    // Servers that ignore checksums do not repeat what they should be of.
    const bool checks = response->headers.find("x-amz-checksum-algorithm") == "CRC32C" &&
                        response->headers.find("x-amz-checksum-type") == "FULL_OBJECT";
    if (checks) session_->upload_sums().begin(id);
    done(std::move(id));
  });
}

void S3Store::upload_part(UploadPart request, Done<CompletedPart> done) {
  if (auto error = check_key(request.key)) return done(*std::move(error));
  if (auto error = check_part_number(request.number)) return done(*std::move(error));
  CompletedPart part{.number = request.number, .size = request.body.size()};
  const std::string upload_id = request.upload_id;
  S3Request s3 = upload_part_request(std::move(request));
  const auto crc = add_body_sum(*session_, s3, upload_id);
  session_->send(std::move(s3), [this, part, upload_id, crc,
                                 done = std::move(done)](Result<HttpResponse> response) mutable {
    if (!response) return done(response.error());
    session_->upload_sums().add(upload_id, part.number, crc);
    part.etag = unquote_etag(response->headers.find("etag"));
    if (part.etag.empty()) return done(Error(Code::corrupt, "the answer to a part has no ETag"));
    done(std::move(part));
  });
}

void S3Store::upload_part_copy(UploadPartCopy request, Done<CompletedPart> done) {
  for (const std::string& key : {request.source, request.key}) {
    if (auto error = check_key(key)) return done(*std::move(error));
  }
  if (auto error = check_part_number(request.number)) return done(*std::move(error));
  if (request.source_range.length == 0)
    return done(Error(Code::invalid_argument, "a range of no bytes"));
  copy_part(*session_, std::move(request), std::move(done));
}

void S3Store::complete_upload(CompleteUpload request, Done<ObjectInfo> done) {
  if (auto error = check_key(request.key)) return done(*std::move(error));
  if (auto error = check_parts(request.parts)) return done(*std::move(error));
  const std::string upload_id = request.upload_id;
  complete_parts(*session_, std::move(request),
                 [this, upload_id, done = std::move(done)](Result<ObjectInfo> result) mutable {
                   if (result) session_->upload_sums().forget(upload_id);
                   done(std::move(result));
                 });
}

void S3Store::abort_upload(std::string key, std::string upload_id, Done<void> done) {
  if (auto error = check_key(key)) return done(*std::move(error));
  session_->upload_sums().forget(upload_id);
  S3Request s3{.method = HttpMethod::remove,
               .key = std::move(key),
               .query = {{"uploadId", std::move(upload_id)}}};
  session_->send(std::move(s3),
                 [done = std::move(done)](const Result<HttpResponse>& response) mutable {
                   const bool gone = !response && response.code() == Code::not_found &&
                                     response.error().detail().service_code != "NoSuchBucket";
                   if (!response && !gone) return done(response.error());
                   done({});
                 });
}

void S3Store::list_parts(std::string key, std::string upload_id,
                         Done<std::vector<CompletedPart>> done) {
  if (auto error = check_key(key)) return done(*std::move(error));
  list_all_parts(*session_, std::move(key), std::move(upload_id), std::move(done));
}

void S3Store::list_uploads(std::string prefix, Done<std::vector<UploadInfo>> done) {
  list_all_uploads(*session_, std::move(prefix), std::move(done));
}

LifecycleRules& S3Store::lifecycle() { return *lifecycle_; }

ObjectSums& S3Store::sums() { return *sums_; }

}  // namespace penstock
