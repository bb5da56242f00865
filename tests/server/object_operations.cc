// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "server/digest.h"
#include "server/operations.h"
#include "server/text.h"

namespace penstock::test {
namespace {

constexpr uint64_t largest_put = uint64_t{5} << 30;
constexpr std::string_view metadata_prefix = "x-amz-meta-";
constexpr size_t most_tags = 10;

std::shared_ptr<const Object> find_object(const OperationContext& context,
                                          const std::string& bucket, const std::string& key) {
  const MutexLock lock(context.store.mutex);
  const auto found = context.store.buckets.find(bucket);
  if (found == context.store.buckets.end()) return nullptr;
  const auto object = found->second.objects.find(key);
  return object == found->second.objects.end() ? nullptr : object->second;
}

void add_object_headers(Response& response, const Object& object) {
  response.add("ETag", quoted(object.etag));
  response.add("Last-Modified", http_date(object.last_modified));
  response.add("Accept-Ranges", "bytes");
  for (const auto& [name, value] : object.headers.standard) response.add(name, value);
  if (!object.headers.standard.contains("content-type"))
    response.add("Content-Type", "binary/octet-stream");
  for (const auto& [name, value] : object.headers.metadata)
    response.add(std::string(metadata_prefix) + name, value);
  if (!object.headers.storage_class.empty())
    response.add("x-amz-storage-class", object.headers.storage_class);
  if (const std::string restored = restore_header(object); !restored.empty())
    response.add("x-amz-restore", restored);
  if (const std::string tier = archive_status(object); !tier.empty())
    response.add("x-amz-archive-status", tier);
  if (!object.headers.website_redirect.empty())
    response.add("x-amz-website-redirect-location", object.headers.website_redirect);
  if (!object.headers.tags.empty())
    response.add("x-amz-tagging-count", std::to_string(object.headers.tags.size()));
  if (!object.part_sizes.empty())
    response.add("x-amz-mp-parts-count", std::to_string(object.part_sizes.size()));
  tell(response, object.encryption);
}

bool names_etag(const std::string& header, const std::string& etag) {
  return header == "*" || unquoted(header) == etag;
}

std::optional<Response> failed_read_condition(const Request& request, const Object& object) {
  if (request.has_header("if-match") && !names_etag(request.header("if-match"), object.etag)) {
    return error_response(412, "PreconditionFailed",
                          "At least one of the pre-conditions you specified did not hold",
                          "<Condition>If-Match</Condition>");
  }
  if (request.has_header("if-none-match") &&
      names_etag(request.header("if-none-match"), object.etag)) {
    Response unchanged;
    unchanged.status = 304;
    unchanged.add("ETag", quoted(object.etag));
    unchanged.said_length = 0;
    return unchanged;
  }
  return std::nullopt;
}

RangeAnswer part_range(const Request& request, const Object& object) {
  const std::optional<uint64_t> number = parse_number(request.query_value("partNumber"));
  if (!number || *number == 0 || *number > std::max<size_t>(object.part_sizes.size(), 1)) {
    return {.unsatisfiable = true};
  }
  if (object.part_sizes.empty()) return {.length = object.body.size(), .partial = true};
  uint64_t offset = 0;
  for (uint64_t i = 0; i + 1 < *number; ++i) offset += object.part_sizes[i];
  return {.offset = offset, .length = object.part_sizes[*number - 1], .partial = true};
}

/// Those of the whole object, or that of the part which is asked for.
void add_checksums(Response& response, const Request& request, const Object& object, bool partial) {
  if (!partial) {
    for (const auto& [name, value] : object.checksums) response.add(name, value);
  } else if (request.has_query("partNumber") && !object.part_crcs.empty()) {
    const uint64_t number = parse_number(request.query_value("partNumber")).value_or(1);
    response.add("x-amz-checksum-crc32c", object.part_crcs[number - 1]);
    response.add("x-amz-checksum-type", "COMPOSITE");
  }
}

std::string copy_result(const std::string& element, const std::string& etag, time_t when) {
  return "<" + element + "><LastModified>" + iso_date(when) + "</LastModified><ETag>" +
         xml_escape(quoted(etag)) + "</ETag></" + element + ">";
}

}  // namespace

std::string unquoted(std::string_view etag) {
  etag = trimmed(etag);
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"')
    etag = etag.substr(1, etag.size() - 2);
  return std::string(etag);
}

std::string quoted(const std::string& etag) { return "\"" + etag + "\""; }

Response no_such_key() {
  return error_response(404, "NoSuchKey", "The specified key does not exist.");
}

ObjectHeaders object_headers(const Request& request) {
  ObjectHeaders headers;
  for (const auto& [name, value] : request.headers) {
    if (name.starts_with(metadata_prefix))
      headers.metadata[name.substr(metadata_prefix.size())] = value;
  }
  for (const char* name : {"content-type", "content-encoding", "cache-control",
                           "content-disposition", "content-language", "expires"}) {
    if (request.has_header(name)) headers.standard[name] = request.header(name);
  }
  headers.storage_class = request.header("x-amz-storage-class");
  if (headers.storage_class == "STANDARD") headers.storage_class.clear();
  headers.website_redirect = request.header("x-amz-website-redirect-location");
  headers.tags = parse_tags(request.header("x-amz-tagging"));
  return headers;
}

std::optional<Response> failed_condition(const Request& request, const Object* present) {
  const auto refuse = [](const std::string& name) {
    return error_response(412, "PreconditionFailed",
                          "At least one of the pre-conditions you specified did not hold",
                          "<Condition>" + name + "</Condition>");
  };
  if (request.has_header("if-none-match")) {
    if (request.header("if-none-match") != "*") {
      return error_response(501, "NotImplemented", "Only If-None-Match: * is possible here");
    }
    if (present != nullptr) return refuse("If-None-Match");
  }
  if (request.has_header("if-match")) {
    if (present == nullptr) return no_such_key();
    if (!names_etag(request.header("if-match"), present->etag)) return refuse("If-Match");
  }
  return std::nullopt;
}

std::string body_etag(const Request& request) {
  const auto md5 = request.digests.find("md5");
  const auto fast = request.digests.find("fast");
  if (fast != request.digests.end()) return hex(fast->second);
  return md5 == request.digests.end() ? std::string(32, '0') : hex(md5->second);
}

std::string opaque_etag(const OperationContext& context) {
  return hex(digest(DigestKind::md5, "opaque " + std::to_string(context.store.next_id++)));
}

std::string copied_etag(const OperationContext& context, const Object& source, uint64_t offset,
                        uint64_t length) {
  if (length <= small_body || context.options.md5_etags) {
    Digest md5(DigestKind::md5);
    for (uint64_t at = 0; at < length;) {
      iovec span = {};
      source.body.spans(offset + at, length - at, &span, 1);
      md5.update({static_cast<const char*>(span.iov_base), span.iov_len});
      at += span.iov_len;
    }
    return hex(md5.finish());
  }
  if (offset == 0 && length == source.body.size() && source.part_sizes.empty()) return source.etag;
  const std::string identity =
      source.etag + ":" + std::to_string(offset) + "+" + std::to_string(length);
  return hex(digest(DigestKind::fast, identity));
}

RangeAnswer resolve_range(const std::string& header, uint64_t size) {
  RangeAnswer whole{.length = size};
  if (!header.starts_with("bytes=") || header.find(',') != std::string::npos) return whole;
  const std::string spec = header.substr(6);
  const size_t dash = spec.find('-');
  if (dash == std::string::npos) return whole;
  const std::optional<uint64_t> first = parse_number(spec.substr(0, dash));
  const std::optional<uint64_t> last = parse_number(spec.substr(dash + 1));
  if (!first) {
    if (dash != 0 || !last) return whole;
    if (*last == 0 || size == 0) return {.unsatisfiable = true};
    const uint64_t length = std::min(*last, size);
    return {.offset = size - length, .length = length, .partial = true};
  }
  if ((!last && dash + 1 != spec.size()) || (last && *last < *first)) return whole;
  if (*first >= size) return {.unsatisfiable = true};
  const uint64_t end = last ? std::min(*last + 1, size) : size;
  return {.offset = *first, .length = end - *first, .partial = true};
}

Response get_object(const OperationContext& context, const Request& request) {
  const std::shared_ptr<const Object> object = find_object(context, request.bucket, request.key);
  if (object == nullptr) return no_such_key();
  if (auto refusal = wrong_key(request, object->encryption)) return std::move(*refusal);
  if (auto refusal = failed_read_condition(request, *object)) return std::move(*refusal);
  const bool head = request.method == "HEAD";
  if (!head) {
    if (auto refusal = archived_refusal(*object)) return std::move(*refusal);
  }
  const uint64_t size = object->body.size();
  const RangeAnswer range = request.has_query("partNumber")
                                ? part_range(request, *object)
                                : resolve_range(request.header("range"), size);
  if (range.unsatisfiable) {
    Response refusal =
        error_response(416, "InvalidRange", "The requested range is not satisfiable",
                       "<ActualObjectSize>" + std::to_string(size) + "</ActualObjectSize>");
    refusal.add("Content-Range", "bytes */" + std::to_string(size));
    return refusal;
  }
  Response response;
  response.status = range.partial ? 206 : 200;
  add_object_headers(response, *object);
  if (range.partial && range.length > 0) {
    response.add("Content-Range", "bytes " + std::to_string(range.offset) + "-" +
                                      std::to_string(range.offset + range.length - 1) + "/" +
                                      std::to_string(size));
  }
  if (lower_case(request.header("x-amz-checksum-mode")) == "enabled")
    add_checksums(response, request, *object, range.partial);
  if (head) {
    response.said_length = range.length;
  } else {
    response.body = range.partial ? object->body.slice(range.offset, range.length) : object->body;
  }
  return response;
}

Response put_object(const OperationContext& context, const Request& request) {
  if (request.body.size() > largest_put) {
    return error_response(400, "EntityTooLarge",
                          "Your proposed upload exceeds the maximum allowed size");
  }
  auto object = std::make_shared<Object>();
  object->body = request.body;
  object->etag = body_etag(request);
  object->last_modified = context.now;
  object->headers = object_headers(request);
  object->encryption = encryption_asked(request, context.options.default_encryption);
  if (object->encryption.is_opaque()) object->etag = opaque_etag(context);
  Response response;
  response.add("ETag", quoted(object->etag));
  tell(response, object->encryption);
  for (const auto& [name, value] : request.headers) {
    if (!name.starts_with("x-amz-checksum-") || name == "x-amz-checksum-type") continue;
    object->checksums[name] = value;
    response.add(name, value);
  }
  const MutexLock lock(context.store.mutex);
  auto& objects = context.store.buckets[request.bucket].objects;
  const auto present = objects.find(request.key);
  if (auto refusal =
          failed_condition(request, present == objects.end() ? nullptr : present->second.get())) {
    return std::move(*refusal);
  }
  objects[request.key] = std::move(object);
  return response;
}

Response delete_object(const OperationContext& context, const Request& request) {
  Response response;
  response.status = 204;
  const MutexLock lock(context.store.mutex);
  auto& objects = context.store.buckets[request.bucket].objects;
  const auto present = objects.find(request.key);
  if (request.has_header("if-match")) {
    if (auto refusal =
            failed_condition(request, present == objects.end() ? nullptr : present->second.get())) {
      return std::move(*refusal);
    }
  }
  if (present != objects.end()) objects.erase(present);
  return response;
}

Response delete_objects(const OperationContext& context, const Request& request) {
  const std::string body = request.body.read(0, request.body.size());
  const std::vector<std::string> items = xml_elements(body, "Object");
  if (items.empty() || items.size() > 1000 || !xml_can_carry(body)) {
    return error_response(400, "MalformedXML", "The XML you provided was not well-formed");
  }
  const bool quiet = xml_text(body, "Quiet") == "true";
  std::string result = std::string("<DeleteResult") + xmlns + ">";
  const MutexLock lock(context.store.mutex);
  auto& objects = context.store.buckets[request.bucket].objects;
  for (const std::string& item : items) {
    const std::string key = xml_text(item, "Key");
    const std::string etag = unquoted(xml_text(item, "ETag"));
    const auto present = objects.find(key);
    if (!etag.empty() && (present == objects.end() || present->second->etag != etag)) {
      result += "<Error><Key>" + xml_escape(key) +
                "</Key><Code>PreconditionFailed</Code><Message>The ETag differs</Message></Error>";
      continue;
    }
    if (present != objects.end()) objects.erase(present);
    if (!quiet) result += "<Deleted><Key>" + xml_escape(key) + "</Key></Deleted>";
  }
  return xml_response(200, result + "</DeleteResult>");
}

CopySource find_copy_source(const OperationContext& context, const Request& request) {
  CopySource source;
  std::string path = uri_decode(request.header("x-amz-copy-source")).value_or("");
  if (path.starts_with('/')) path.erase(0, 1);
  const size_t slash = path.find('/');
  if (slash == std::string::npos) {
    source.refusal = error_response(400, "InvalidArgument", "The copy source must be bucket/key");
    return source;
  }
  source.bucket = path.substr(0, slash);
  source.key = path.substr(slash + 1);
  source.object = find_object(context, source.bucket, source.key);
  if (source.object == nullptr) {
    source.refusal = no_such_key();
    return source;
  }
  source.refusal = wrong_key(request, source.object->encryption, true);
  if (source.refusal) return source;
  const std::string match = request.header("x-amz-copy-source-if-match");
  const std::string none_match = request.header("x-amz-copy-source-if-none-match");
  if ((!match.empty() && !names_etag(match, source.object->etag)) ||
      (!none_match.empty() && names_etag(none_match, source.object->etag))) {
    source.refusal = error_response(
        412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold");
  } else {
    source.refusal = archived_refusal(*source.object);
  }
  return source;
}

std::chrono::nanoseconds copy_time(const OperationContext& context, uint64_t bytes) {
  if (context.options.copy_mbps <= 0) return {};
  return std::chrono::nanoseconds(
      static_cast<int64_t>(static_cast<double>(bytes) * 1e3 / context.options.copy_mbps));
}

Response copy_object(const OperationContext& context, const Request& request) {
  CopySource source = find_copy_source(context, request);
  if (source.refusal) return std::move(*source.refusal);
  const uint64_t size = source.object->body.size();
  if (size > largest_put) {
    return error_response(
        400, "InvalidRequest",
        "The specified copy source is larger than the maximum allowable size for a copy source");
  }
  const bool replace = request.header("x-amz-metadata-directive") == "REPLACE";
  if (!replace && source.bucket == request.bucket && source.key == request.key &&
      !request.has_header("x-amz-storage-class")) {
    return error_response(
        400, "InvalidRequest",
        "This copy request is illegal because it is trying to copy an object to itself without "
        "changing the object's metadata");
  }
  auto object = std::make_shared<Object>();
  object->body = source.object->body;
  object->encryption = encryption_asked(request, context.options.default_encryption);
  object->etag = object->encryption.is_opaque() ? opaque_etag(context)
                                                : copied_etag(context, *source.object, 0, size);
  object->last_modified = context.now;
  object->headers = replace ? object_headers(request) : source.object->headers;
  object->checksums = source.object->checksums;
  if (!replace) {
    object->headers.storage_class = object_headers(request).storage_class;
    object->headers.website_redirect = object_headers(request).website_redirect;
  }
  object->headers.tags = request.header("x-amz-tagging-directive") == "REPLACE"
                             ? object_headers(request).tags
                             : source.object->headers.tags;
  Response response = xml_response(200, copy_result("CopyObjectResult", object->etag, context.now));
  tell(response, object->encryption);
  response.extra_delay = copy_time(context, size);
  const MutexLock lock(context.store.mutex);
  auto& objects = context.store.buckets[request.bucket].objects;
  const auto present = objects.find(request.key);
  if (auto refusal =
          failed_condition(request, present == objects.end() ? nullptr : present->second.get())) {
    return std::move(*refusal);
  }
  objects[request.key] = std::move(object);
  return response;
}

std::vector<std::pair<std::string, std::string>> parse_tags(const std::string& text) {
  std::vector<std::pair<std::string, std::string>> tags;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('&', at), text.size());
    const std::string tag = text.substr(at, end - at);
    const size_t sign = std::min(tag.find('='), tag.size());
    tags.emplace_back(uri_decode(tag.substr(0, sign)).value_or(""),
                      uri_decode(tag.substr(std::min(sign + 1, tag.size()))).value_or(""));
    at = end + 1;
  }
  return tags;
}

Response get_tagging(const OperationContext& context, const Request& request) {
  const MutexLock lock(context.store.mutex);
  const auto& objects = context.store.buckets[request.bucket].objects;
  const auto object = objects.find(request.key);
  if (object == objects.end()) return no_such_key();
  std::string xml = std::string("<Tagging") + xmlns + "><TagSet>";
  for (const auto& [name, value] : object->second->headers.tags) {
    xml += "<Tag><Key>" + xml_escape(name) + "</Key><Value>" + xml_escape(value) + "</Value></Tag>";
  }
  return xml_response(200, xml + "</TagSet></Tagging>");
}

Response put_tagging(const OperationContext& context, const Request& request) {
  const std::string body = request.body.read(0, request.body.size());
  std::vector<std::pair<std::string, std::string>> tags;
  for (const std::string& tag : xml_elements(body, "Tag"))
    tags.emplace_back(xml_text(tag, "Key"), xml_text(tag, "Value"));
  if (tags.size() > most_tags)
    return error_response(400, "BadRequest", "Object tags cannot be greater than 10");
  const MutexLock lock(context.store.mutex);
  auto& objects = context.store.buckets[request.bucket].objects;
  const auto object = objects.find(request.key);
  if (object == objects.end()) return no_such_key();
  auto changed = std::make_shared<Object>(*object->second);
  changed->headers.tags = std::move(tags);
  object->second = std::move(changed);
  return {};
}

}  // namespace penstock::test
