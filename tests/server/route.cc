// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "server/service.h"
#include "server/text.h"

namespace penstock::test {
namespace {

constexpr size_t longest_key = 1024;

// Subresources that S3 knows and this server does not: refused, never mistaken for the object
// itself.
constexpr std::array unknown_subresources = {"accelerate",
                                             "acl",
                                             "analytics",
                                             "attributes",
                                             "cors",
                                             "encryption",
                                             "inventory",
                                             "legal-hold",
                                             "lifecycle",
                                             "logging",
                                             "metrics",
                                             "notification",
                                             "object-lock",
                                             "ownershipControls",
                                             "policy",
                                             "policyStatus",
                                             "publicAccessBlock",
                                             "renameObject",
                                             "replication",
                                             "requestPayment",
                                             "retention",
                                             "select",
                                             "torrent",
                                             "versioning",
                                             "versions",
                                             "website"};

/// Like AWS: only there are objects renamed.
bool is_directory_bucket(std::string_view name) { return name.ends_with("--x-s3"); }

bool is_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    size_t length = 1;
    if (lead >= 0x80) length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 0;
    if (length == 0 || lead > 0xF4 || i + length > text.size()) return false;
    for (size_t k = 1; k < length; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xC0) != 0x80) return false;
    }
    i += length;
  }
  return true;
}

std::string bucket_of_host(const Request& request) {
  const std::string host = lower_case(request.header("host"));
  const std::string name = host.substr(0, host.rfind(':'));
  constexpr std::string_view suffix = ".localhost";
  return name.ends_with(suffix) ? name.substr(0, name.size() - suffix.size()) : std::string();
}

std::string service_operation(const Request& request) {
  return request.method == "GET" ? "ListBuckets" : "Unknown";
}

std::string bucket_operation(const Request& request) {
  if (request.has_query("lifecycle")) {
    return request.method == "GET"      ? "GetBucketLifecycleConfiguration"
           : request.method == "PUT"    ? "PutBucketLifecycleConfiguration"
           : request.method == "DELETE" ? "DeleteBucketLifecycle"
                                        : "Unknown";
  }
  if (request.method == "HEAD") return "HeadBucket";
  if (request.method == "PUT") return "CreateBucket";
  if (request.method == "DELETE") return "DeleteBucket";
  if (request.method == "POST") return request.has_query("delete") ? "DeleteObjects" : "Unknown";
  if (request.method != "GET") return "Unknown";
  if (request.has_query("location")) return "GetBucketLocation";
  if (request.has_query("uploads")) return "ListMultipartUploads";
  return request.query_value("list-type") == "2" ? "ListObjectsV2" : "ListObjects";
}

std::string object_operation(const Request& request) {
  const bool of_upload = request.has_query("uploadId");
  const bool copy = request.has_header("x-amz-copy-source");
  const bool tags = request.has_query("tagging");
  if (tags && request.method == "GET") return "GetObjectTagging";
  if (tags) return request.method == "PUT" ? "PutObjectTagging" : "Unknown";
  if (request.method == "GET") return of_upload ? "ListParts" : "GetObject";
  if (request.method == "HEAD") return "HeadObject";
  if (request.method == "DELETE") return of_upload ? "AbortMultipartUpload" : "DeleteObject";
  if (request.method == "PUT") {
    if (of_upload) return copy ? "UploadPartCopy" : "UploadPart";
    if (request.has_query("renameObject")) return "RenameObject";
    return copy ? "CopyObject" : "PutObject";
  }
  if (request.method == "POST") {
    if (request.has_query("restore")) return "RestoreObject";
    if (request.has_query("uploads")) return "CreateMultipartUpload";
    if (of_upload) return "CompleteMultipartUpload";
  }
  return "Unknown";
}

}  // namespace

std::optional<Response> route(Request& request) {
  request.operation = "Unknown";
  std::optional<std::string> path = uri_decode(request.raw_path);
  if (!path || !is_utf8(*path))
    return error_response(400, "InvalidURI", "Couldn't parse the specified URI.");
  if (path->starts_with("/-/")) {
    request.operation = "Control";
    return std::nullopt;
  }
  request.bucket = bucket_of_host(request);
  if (request.bucket.empty()) {
    const size_t slash = path->find('/', 1);
    request.bucket = path->substr(1, slash == std::string::npos ? slash : slash - 1);
    if (slash != std::string::npos) request.key = path->substr(slash + 1);
  } else {
    request.key = path->substr(1);
  }
  const bool of_bucket = !request.bucket.empty() && request.key.empty();
  for (const auto& item : request.query) {
    if (item.first == "lifecycle" && of_bucket) continue;
    if (item.first == "renameObject" && is_directory_bucket(request.bucket)) continue;
    if (std::find(unknown_subresources.begin(), unknown_subresources.end(), item.first) !=
        unknown_subresources.end()) {
      return error_response(501, "NotImplemented", "This server does not know ?" + item.first);
    }
  }
  if (request.bucket.empty()) {
    request.operation = service_operation(request);
  } else {
    request.operation = request.key.empty() ? bucket_operation(request) : object_operation(request);
  }
  if (request.key.size() > longest_key)
    return error_response(400, "KeyTooLongError", "Your key is too long");
  if (request.operation == "Unknown") {
    return error_response(405, "MethodNotAllowed",
                          "The specified method is not allowed against this resource.");
  }
  return std::nullopt;
}

}  // namespace penstock::test
