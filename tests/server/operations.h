// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "server/message.h"
#include "server/store.h"
#include "server/test_server.h"

namespace penstock::test {

/// What an operation works on.
struct OperationContext {
  Store& store;
  const ServerOptions& options;
  time_t now = 0;
};

// One function per S3 operation. The request is complete, its signature and checksums are right,
// and its bucket existed a moment ago.
Response get_object(const OperationContext& context, const Request& request);  // and HeadObject
Response put_object(const OperationContext& context, const Request& request);
Response delete_object(const OperationContext& context, const Request& request);
Response delete_objects(const OperationContext& context, const Request& request);
Response copy_object(const OperationContext& context, const Request& request);
/// Of directory buckets, whose names end in "--x-s3".
Response rename_object(const OperationContext& context, const Request& request);
Response restore_object(const OperationContext& context, const Request& request);
/// ?lifecycle of a bucket.
Response get_lifecycle(const OperationContext& context, const Request& request);
Response put_lifecycle(const OperationContext& context, const Request& request);
Response delete_lifecycle(const OperationContext& context, const Request& request);
Response get_tagging(const OperationContext& context, const Request& request);
Response put_tagging(const OperationContext& context, const Request& request);
Response list_objects(const OperationContext& context, const Request& request);  // versions 1 and 2
Response create_upload(const OperationContext& context, const Request& request);
Response upload_part(const OperationContext& context, const Request& request);
Response upload_part_copy(const OperationContext& context, const Request& request);
Response complete_upload(const OperationContext& context, const Request& request);
Response abort_upload(const OperationContext& context, const Request& request);
Response list_parts(const OperationContext& context, const Request& request);
Response list_uploads(const OperationContext& context, const Request& request);
/// Not nullopt: what a server that is unlike AWS says instead of doing it.
std::optional<Response> refusal_by_server(const Request& request, const ServerOptions& options);
/// Not nullopt: the bucket's policy denies it.
std::optional<Response> refusal_by_policy(const Request& request, const ServerOptions& options);
/// ListBuckets, HeadBucket, GetBucketLocation, CreateBucket, DeleteBucket.
Response bucket_operation(const OperationContext& context, const Request& request);

// What several of them need.
constexpr const char* xmlns = " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";
std::string unquoted(std::string_view etag);
std::string quoted(const std::string& etag);
Response no_such_key();
ObjectHeaders object_headers(const Request& request);
/// Of "name=value&...", percent-encoded.
std::vector<std::pair<std::string, std::string>> parse_tags(const std::string& text);
/// Not nullopt: the answer to a write whose If-Match or If-None-Match does not hold of `present`
/// (null: no object).
std::optional<Response> failed_condition(const Request& request, const Object* present);
/// The ETag of a body that came with `request`.
std::string body_etag(const Request& request);
/// One that no bytes have; for what is encrypted so that its ETag is opaque.
std::string opaque_etag(const OperationContext& context);
/// The ETag of `length` bytes from `offset` of `source` when they are copied.
std::string copied_etag(const OperationContext& context, const Object& source, uint64_t offset,
                        uint64_t length);

/// Not nullopt: the refusal to read the object, which is archived and not restored.
std::optional<Response> archived_refusal(const Object& object);
/// What x-amz-restore says; empty: nothing.
std::string restore_header(const Object& object);
/// x-amz-archive-status; empty: none.
std::string archive_status(const Object& object);
/// The RestoreStatus of a listing; empty: none.
std::string restore_status(const Object& object);

struct CopySource {
  std::shared_ptr<const Object> object;
  std::string bucket;
  std::string key;
  std::optional<Response> refusal;
};
CopySource find_copy_source(const OperationContext& context, const Request& request);
std::chrono::nanoseconds copy_time(const OperationContext& context, uint64_t bytes);

/// The bytes that a Range header asks for; nullopt: the header means nothing, or the range lies
/// outside (then `unsatisfiable`).
struct RangeAnswer {
  uint64_t offset = 0;
  uint64_t length = 0;
  bool partial = false;
  bool unsatisfiable = false;
};
RangeAnswer resolve_range(const std::string& header, uint64_t size);

/// Bodies up to here have an MD5 as their ETag, and are kept even where others are discarded.
inline constexpr uint64_t small_body = uint64_t{1} << 20;

}  // namespace penstock::test
