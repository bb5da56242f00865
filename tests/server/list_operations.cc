// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>

#include "server/operations.h"
#include "server/text.h"

namespace penstock::test {
namespace {

constexpr uint64_t most_keys = 1000;

struct ListQuery {
  std::string prefix;
  std::string delimiter;
  std::string after;  ///< Only keys after this one.
  bool skip_group =
      false;  ///< `after` is a common prefix that was given already: none of its keys again.
  uint64_t max_keys = most_keys;
  bool url_encoding = false;
};

struct ListItem {
  std::string name;
  std::shared_ptr<const Object> object;  ///< Null: a common prefix.
};

struct ListResult {
  std::vector<ListItem> items;
  bool truncated = false;
};

/// The first string that is greater than everything that begins with `prefix`; empty if there is
/// none.
std::string after_all_of(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xFF) prefix.pop_back();
  if (!prefix.empty())
    prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

ListResult collect(const std::map<std::string, std::shared_ptr<const Object>>& objects,
                   const ListQuery& query) {
  ListResult result;
  auto at = objects.lower_bound(query.prefix);
  if (query.after >= query.prefix && !query.after.empty()) {
    at = query.skip_group ? objects.lower_bound(after_all_of(query.after))
                          : objects.upper_bound(query.after);
  }
  while (at != objects.end() && at->first.starts_with(query.prefix)) {
    if (result.items.size() == query.max_keys) {
      result.truncated = query.max_keys > 0;
      break;
    }
    const size_t end = query.delimiter.empty()
                           ? std::string::npos
                           : at->first.find(query.delimiter, query.prefix.size());
    if (end == std::string::npos) {
      result.items.push_back({.name = at->first, .object = at->second});
      ++at;
      continue;
    }
    std::string group = at->first.substr(0, end + query.delimiter.size());
    const std::string next = after_all_of(group);
    result.items.push_back({.name = std::move(group)});
    at = next.empty() ? objects.end() : objects.lower_bound(next);
  }
  return result;
}

/// As AWS writes names with encoding-type=url: form encoding, but slashes stay.
std::string form_encode(const std::string& text) {
  std::string encoded;
  for (const char c : uri_encode(text, true)) {
    const size_t size = encoded.size();
    encoded += c;
    if (size >= 2 && encoded.ends_with("%20")) encoded.replace(size - 2, 3, "+");
  }
  return encoded;
}

std::string escape_name(const std::string& name, bool url_encoding) {
  return url_encoding ? form_encode(name) : xml_escape(name);
}

// Tokens are opaque to clients: "k" or "p" (a common prefix), then the name.
std::string encode_token(const ListItem& last) {
  return base64((last.object == nullptr ? "p" : "k") + last.name);
}

bool decode_token(const std::string& token, ListQuery& query) {
  const std::optional<std::string> text = from_base64(token);
  if (!text || text->empty() || (text->front() != 'p' && text->front() != 'k')) return false;
  query.after = text->substr(1);
  query.skip_group = text->front() == 'p';
  return true;
}

void append_object(std::string& xml, const ListItem& item, bool url_encoding, bool with_restore) {
  const Object& object = *item.object;
  xml.append("<Contents><Key>")
      .append(escape_name(item.name, url_encoding))
      .append("</Key><LastModified>");
  xml.append(iso_date(object.last_modified))
      .append("</LastModified><ETag>&quot;")
      .append(object.etag);
  xml.append("&quot;</ETag><Size>")
      .append(std::to_string(object.body.size()))
      .append("</Size><StorageClass>");
  xml.append(object.headers.storage_class.empty() ? "STANDARD" : object.headers.storage_class);
  xml.append("</StorageClass>");
  if (with_restore) xml.append(restore_status(object));
  xml.append("</Contents>");
}

std::string element(const std::string& name, const std::string& text) {
  return "<" + name + ">" + text + "</" + name + ">";
}

std::string list_document(const Request& request, const ListQuery& query,
                          const ListResult& result) {
  const bool url = query.url_encoding;
  const bool second_version = request.operation == "ListObjectsV2";
  std::string xml = std::string("<ListBucketResult") + xmlns + ">" +
                    element("Name", xml_escape(request.bucket)) +
                    element("Prefix", escape_name(query.prefix, url)) +
                    element("MaxKeys", std::to_string(query.max_keys)) +
                    element("IsTruncated", result.truncated ? "true" : "false");
  xml.reserve(xml.size() + result.items.size() * 280);
  if (!query.delimiter.empty()) xml += element("Delimiter", escape_name(query.delimiter, url));
  if (url) xml += element("EncodingType", "url");
  if (second_version) {
    xml += element("KeyCount", std::to_string(result.items.size()));
    if (request.has_query("start-after")) {
      xml += element("StartAfter", escape_name(request.query_value("start-after"), url));
    }
    if (request.has_query("continuation-token")) {
      xml += element("ContinuationToken", xml_escape(request.query_value("continuation-token")));
    }
    if (result.truncated)
      xml += element("NextContinuationToken", encode_token(result.items.back()));
  } else {
    xml += element("Marker", escape_name(request.query_value("marker"), url));
    if (result.truncated) xml += element("NextMarker", escape_name(result.items.back().name, url));
  }
  const bool with_restore = request.header("x-amz-optional-object-attributes") == "RestoreStatus";
  for (const ListItem& item : result.items) {
    if (item.object != nullptr) append_object(xml, item, url, with_restore);
  }
  for (const ListItem& item : result.items) {
    if (item.object == nullptr)
      xml += element("CommonPrefixes", element("Prefix", escape_name(item.name, url)));
  }
  return xml + "</ListBucketResult>";
}

Response invalid_argument(const std::string& what) {
  return error_response(400, "InvalidArgument", what);
}

}  // namespace

Response list_objects(const OperationContext& context, const Request& request) {
  ListQuery query{.prefix = request.query_value("prefix"),
                  .delimiter = request.query_value("delimiter")};
  query.url_encoding = request.query_value("encoding-type") == "url";
  if (request.has_query("encoding-type") && !query.url_encoding)
    return invalid_argument("Invalid Encoding Method");
  if (request.has_query("max-keys")) {
    const std::optional<uint64_t> max_keys = parse_number(request.query_value("max-keys"));
    if (!max_keys) return invalid_argument("max-keys is not an integer");
    query.max_keys = std::min(*max_keys, most_keys);
  }
  if (request.operation == "ListObjectsV2") {
    query.after = request.query_value("start-after");
    if (request.has_query("continuation-token") &&
        !decode_token(request.query_value("continuation-token"), query)) {
      return invalid_argument("The continuation token provided is incorrect");
    }
  } else {
    query.after = request.query_value("marker");
    query.skip_group = !query.delimiter.empty() && query.after.size() > query.prefix.size() &&
                       query.after.ends_with(query.delimiter);
  }
  ListResult result;
  {
    const MutexLock lock(context.store.mutex);
    result = collect(context.store.buckets[request.bucket].objects, query);
  }
  return xml_response(200, list_document(request, query, result));
}

Response list_parts(const OperationContext& context, const Request& request) {
  const uint64_t marker = parse_number(request.query_value("part-number-marker")).value_or(0);
  const uint64_t most =
      std::min(parse_number(request.query_value("max-parts")).value_or(1000), most_keys);
  const MutexLock lock(context.store.mutex);
  const auto& uploads = context.store.buckets[request.bucket].uploads;
  const auto upload = uploads.find(request.query_value("uploadId"));
  if (upload == uploads.end() || upload->second.key != request.key) {
    return error_response(404, "NoSuchUpload", "The specified multipart upload does not exist.");
  }
  std::string parts;
  uint64_t count = 0;
  uint64_t last = 0;
  auto at = upload->second.parts.upper_bound(marker);
  for (; at != upload->second.parts.end() && count < most; ++at, ++count) {
    last = at->first;
    parts += "<Part>" + element("PartNumber", std::to_string(at->first)) +
             element("LastModified", iso_date(at->second.last_modified)) +
             element("ETag", "&quot;" + at->second.etag + "&quot;") +
             element("Size", std::to_string(at->second.body.size())) + "</Part>";
  }
  const bool truncated = at != upload->second.parts.end();
  return xml_response(200, std::string("<ListPartsResult") + xmlns + ">" +
                               element("Bucket", xml_escape(request.bucket)) +
                               element("Key", escape_name(request.key, false)) +
                               element("UploadId", upload->first) +
                               element("PartNumberMarker", std::to_string(marker)) +
                               element("NextPartNumberMarker", std::to_string(last)) +
                               element("MaxParts", std::to_string(most)) +
                               element("IsTruncated", truncated ? "true" : "false") + parts +
                               "</ListPartsResult>");
}

Response list_uploads(const OperationContext& context, const Request& request) {
  const std::string prefix = request.query_value("prefix");
  const bool url = request.query_value("encoding-type") == "url";
  const uint64_t most =
      std::min(parse_number(request.query_value("max-uploads")).value_or(1000), most_keys);
  const std::pair<std::string, std::string> marker = {request.query_value("key-marker"),
                                                      request.query_value("upload-id-marker")};
  std::map<std::pair<std::string, std::string>, time_t> sorted;
  {
    const MutexLock lock(context.store.mutex);
    for (const auto& [id, upload] : context.store.buckets[request.bucket].uploads) {
      if (!upload.key.starts_with(prefix)) continue;
      // Without an upload id the marker covers every upload of its key.
      const bool seen = marker.second.empty() ? !marker.first.empty() && upload.key <= marker.first
                                              : std::pair(upload.key, id) <= marker;
      if (!seen) sorted[{upload.key, id}] = upload.initiated;
    }
  }
  std::string body;
  uint64_t count = 0;
  auto at = sorted.begin();
  for (; at != sorted.end() && count < most; ++at, ++count) {
    body += "<Upload>" + element("Key", escape_name(at->first.first, url)) +
            element("UploadId", at->first.second) + element("StorageClass", "STANDARD") +
            element("Initiated", iso_date(at->second)) + "</Upload>";
  }
  const bool truncated = at != sorted.end();
  std::string xml = std::string("<ListMultipartUploadsResult") + xmlns + ">" +
                    element("Bucket", xml_escape(request.bucket)) +
                    element("Prefix", escape_name(prefix, url)) +
                    element("MaxUploads", std::to_string(most)) +
                    element("IsTruncated", truncated ? "true" : "false");
  if (url) xml += element("EncodingType", "url");
  if (truncated && count > 0) {
    const auto& last = std::prev(at)->first;
    xml += element("NextKeyMarker", escape_name(last.first, url)) +
           element("NextUploadIdMarker", last.second);
  }
  return xml_response(200, xml + body + "</ListMultipartUploadsResult>");
}

}  // namespace penstock::test
