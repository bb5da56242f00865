// SPDX-License-Identifier: Apache-2.0
#include "store/s3/s3_requests.h"

#include <fmt/core.h>

#include <algorithm>
#include <memory>

#include "store/s3/checksum.h"
#include "store/s3/s3_responses.h"
#include "store/s3/uri.h"
#include "store/s3/xml.h"

namespace penstock {
namespace {

constexpr size_t max_key_bytes = 1024;

bool is_token(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

/// What a name of namespace `header` is called in a request; empty for what none carries.
std::string header_of(std::string_view name) {
  if (name == header::storage_class || name == header::website_redirect || name == header::tagging)
    return "x-amz-" + std::string(name.substr(1));
  return name == header::tagging_count ? std::string() : std::string(name.substr(1));
}

void add_metadata(S3Request& request, const Metadata& metadata) {
  for (const auto& [name, value] : metadata) {
    std::string header = is_header(name) ? header_of(name) : "x-amz-meta-" + name;
    if (!header.empty()) request.headers.emplace_back(std::move(header), value);
  }
}

void add_condition(S3Request& request, const Precondition& condition) {
  if (!condition.if_match.empty())
    request.headers.emplace_back("if-match", quote_etag(condition.if_match));
  if (condition.if_none_match) {
    request.headers.emplace_back("if-none-match", "*");
    request.if_none_match = true;
  }
}

std::string range_text(ByteRange range) {
  return fmt::format("bytes={}-{}", range.offset, range.end() - 1);
}

std::string copy_source(const std::string& bucket, const std::string& key,
                        SourceSpelling spelling) {
  // Without a slash before it, which R2 takes for the end of a bucket's name.
  std::string source = uri_encode(bucket) + '/';
  switch (spelling) {
    case SourceSpelling::once:
      return source + uri_encode_path(key);
    case SourceSpelling::twice:
      return source + uri_encode_path(uri_encode_path(key));
    case SourceSpelling::twice_in_full:
      for (const char c : key) source += fmt::format("%25{:02X}", static_cast<unsigned char>(c));
  }
  return source;
}

}  // namespace

std::optional<Error> check_key(const std::string& key) {
  if (key.empty()) return Error(Code::invalid_argument, "an object's key cannot be empty");
  if (key.size() <= max_key_bytes) return std::nullopt;
  return Error(Code::name_too_long,
               Error::Detail{.message = fmt::format("the key has {} bytes; S3 allows {}",
                                                    key.size(), max_key_bytes),
                             .key = key});
}

std::optional<Error> check_metadata(const Metadata& metadata, const std::string& key) {
  for (const auto& [name, value] : metadata) {
    if (is_header(name)) continue;  // They came from a store, or from this program.
    const bool name_ok = !name.empty() && std::all_of(name.begin(), name.end(), is_token);
    const bool value_ok =
        std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~'; });
    const bool blanks = !value.empty() && (value.front() == ' ' || value.back() == ' ');
    if (name_ok && value_ok && !blanks) continue;
    return Error(
        Code::invalid_argument,
        Error::Detail{.message = fmt::format("metadata '{}' cannot be carried by a header", name),
                      .key = key});
  }
  return std::nullopt;
}

std::optional<Error> check_part_number(uint32_t number) {
  if (number >= 1 && number <= most_parts) return std::nullopt;
  return Error(Code::invalid_argument, fmt::format("there is no part {} of an upload", number));
}

std::optional<Error> check_parts(const std::vector<CompletedPart>& parts) {
  if (parts.empty()) return Error(Code::invalid_argument, "an upload of no parts");
  uint32_t last = 0;
  for (const CompletedPart& part : parts) {
    if (auto error = check_part_number(part.number)) return error;
    if (part.number <= last)
      return Error(Code::invalid_argument, "the parts of an upload are not in order");
    last = part.number;
  }
  return std::nullopt;
}

S3Request get_request(const GetRequest& request) {
  S3Request s3{.method = HttpMethod::get,
               .key = request.key,
               .use = ObjectUse::reads,
               .cancel = request.cancel,
               .request_class = request.request_class,
               .awaited = request.awaited};
  if (request.range) s3.headers.emplace_back("range", range_text(*request.range));
  if (!request.if_match.empty()) s3.headers.emplace_back("if-match", quote_etag(request.if_match));
  return s3;
}

S3Request list_request(const ListRequest& request) {
  S3Request s3{.method = HttpMethod::get, .cancel = request.cancel};
  s3.query = {
      {"list-type", "2"}, {"encoding-type", "url"}, {"max-keys", std::to_string(request.max_keys)}};
  if (!request.prefix.empty()) s3.query.emplace_back("prefix", request.prefix);
  if (request.by_directory) s3.query.emplace_back("delimiter", "/");
  if (request.with_restore)
    s3.headers.emplace_back("x-amz-optional-object-attributes", "RestoreStatus");
  if (!request.continuation.empty()) {
    s3.query.emplace_back("continuation-token", request.continuation);
  } else if (!request.start_after.empty()) {
    s3.query.emplace_back("start-after", request.start_after);
  }
  return s3;
}

Result<S3Request> put_request(PutRequest request) {
  if (auto error = check_metadata(request.metadata, request.key)) return *std::move(error);
  S3Request s3{.method = HttpMethod::put,
               .key = std::move(request.key),
               .body = std::move(request.body),
               .stores_body = true,
               .use = ObjectUse::stores,
               .effort = Effort::storing,
               .request_class = RequestClass::demand};
  add_metadata(s3, request.metadata);
  add_condition(s3, request.condition);
  return s3;
}

Result<S3Request> copy_request(const CopyRequest& request, const std::string& bucket) {
  S3Request s3{.method = HttpMethod::put,
               .key = request.target,
               .use = ObjectUse::copies,
               .effort = Effort::copying,
               .request_class = RequestClass::background};
  s3.headers.emplace_back("x-amz-copy-source",
                          copy_source(bucket, request.source, SourceSpelling::once));
  if (!request.source_if_match.empty()) {
    s3.headers.emplace_back("x-amz-copy-source-if-match", quote_etag(request.source_if_match));
  }
  if (request.metadata) {
    if (auto error = check_metadata(*request.metadata, request.target)) return *std::move(error);
    s3.headers.emplace_back("x-amz-metadata-directive", "REPLACE");
    if (request.metadata->contains(header::tagging))
      s3.headers.emplace_back("x-amz-tagging-directive", "REPLACE");
    add_metadata(s3, *request.metadata);
  }
  add_condition(s3, request.condition);
  return s3;
}

S3Request rename_request(const RenameRequest& request) {
  S3Request s3{.method = HttpMethod::put, .key = request.target, .query = {{"renameObject", ""}}};
  // The slash tells a key that begins with one from its name without it.
  s3.headers.emplace_back("x-amz-rename-source", '/' + uri_encode_path(request.source));
  s3.headers.emplace_back("x-amz-rename-source-if-match", quote_etag(request.source_if_match));
  if (!request.token.empty()) s3.headers.emplace_back("x-amz-client-token", request.token);
  add_condition(s3, request.condition);
  return s3;
}

S3Request restore_request(const RestoreRequest& request) {
  std::string xml = R"(<RestoreRequest xmlns="http://s3.amazonaws.com/doc/2006-03-01/">)";
  if (request.days) xml += fmt::format("<Days>{}</Days>", *request.days);
  xml += fmt::format("<GlacierJobParameters><Tier>{}</Tier></GlacierJobParameters>",
                     to_string(request.tier));
  xml += "</RestoreRequest>";
  S3Request s3{.method = HttpMethod::post, .key = request.key, .query = {{"restore", ""}}};
  s3.headers.emplace_back("content-type", "application/xml");
  s3.body = Body::of(std::move(xml));
  return s3;
}

Result<S3Request> create_upload_request(const CreateUpload& request, bool checked) {
  if (auto error = check_metadata(request.metadata, request.key)) return *std::move(error);
  S3Request s3{.method = HttpMethod::post,
               .key = request.key,
               .query = {{"uploads", ""}},
               .use = ObjectUse::stores};
  if (checked) {
    s3.sums = {{"x-amz-checksum-algorithm", "CRC32C"}, {"x-amz-checksum-type", "FULL_OBJECT"}};
  }
  add_metadata(s3, request.metadata);
  return s3;
}

S3Request upload_part_request(UploadPart request) {
  return {.method = HttpMethod::put,
          .key = std::move(request.key),
          .query = {{"partNumber", std::to_string(request.number)},
                    {"uploadId", std::move(request.upload_id)}},
          .body = std::move(request.body),
          .stores_body = true,
          .use = ObjectUse::stores_part,
          .effort = Effort::storing,
          .request_class = RequestClass::background};
}

S3Request upload_part_copy_request(const UploadPartCopy& request, const std::string& bucket,
                                   SourceSpelling spelling) {
  S3Request s3{
      .method = HttpMethod::put,
      .key = request.key,
      .query = {{"partNumber", std::to_string(request.number)}, {"uploadId", request.upload_id}},
      .use = ObjectUse::copies_part,
      .effort = Effort::copying,
      .request_class = RequestClass::background};
  s3.headers.emplace_back("x-amz-copy-source", copy_source(bucket, request.source, spelling));
  s3.headers.emplace_back("x-amz-copy-source-range", range_text(request.source_range));
  if (!request.source_if_match.empty()) {
    s3.headers.emplace_back("x-amz-copy-source-if-match", quote_etag(request.source_if_match));
  }
  return s3;
}

S3Request complete_upload_request(const CompleteUpload& request, std::optional<uint32_t> crc) {
  std::string xml = R"(<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">)";
  for (const CompletedPart& part : request.parts) {
    xml += fmt::format("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>", part.number,
                       xml_escape(quote_etag(part.etag)));
  }
  xml += "</CompleteMultipartUpload>";
  S3Request s3{.method = HttpMethod::post,
               .key = request.key,
               .query = {{"uploadId", request.upload_id}},
               .body = Body::of(std::move(xml)),
               .use = ObjectUse::stores_part,
               .effort = Effort::changing};
  s3.headers.emplace_back("content-type", "application/xml");
  if (crc) {
    s3.sums = {{"x-amz-checksum-crc32c", crc32c_text(*crc)},
               {"x-amz-checksum-type", "FULL_OBJECT"}};
  }
  add_condition(s3, request.condition);
  return s3;
}

S3Request remove_many_request(const std::vector<std::string>& keys) {
  std::string xml =
      R"(<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>true</Quiet>)";
  for (const std::string& key : keys) xml += "<Object><Key>" + xml_escape(key) + "</Key></Object>";
  xml += "</Delete>";
  S3Request s3{.method = HttpMethod::post, .query = {{"delete", ""}}, .effort = Effort::changing};
  s3.headers.emplace_back("content-type", "application/xml");
  s3.headers.emplace_back("content-md5",
                          md5_base64(xml));  // Every server takes it; newer checksums not all.
  s3.body = Body::of(std::move(xml));
  return s3;
}

S3Request list_parts_request(const std::string& key, const std::string& upload_id,
                             const std::string& marker) {
  S3Request s3{.method = HttpMethod::get, .key = key, .query = {{"uploadId", upload_id}}};
  if (!marker.empty()) s3.query.emplace_back("part-number-marker", marker);
  return s3;
}

S3Request list_uploads_request(const std::string& prefix, const UploadsMarker& marker, bool plain) {
  S3Request s3{.method = HttpMethod::get, .query = {{"uploads", ""}}};
  if (!plain) s3.query.emplace_back("encoding-type", "url");
  if (!prefix.empty()) s3.query.emplace_back("prefix", prefix);
  if (!marker.key.empty()) s3.query.emplace_back("key-marker", marker.key);
  if (!marker.upload_id.empty()) s3.query.emplace_back("upload-id-marker", marker.upload_id);
  return s3;
}

}  // namespace penstock
