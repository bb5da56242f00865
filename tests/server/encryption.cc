// SPDX-License-Identifier: Apache-2.0
// Server-side encryption as AWS S3 shows it to clients.
#include "server/encryption.h"

#include <array>
#include <string_view>

#include "server/digest.h"
#include "server/text.h"

namespace penstock::test {
namespace {

constexpr std::string_view sse = "x-amz-server-side-encryption";
constexpr std::string_view of_source = "x-amz-copy-source-server-side-encryption";
constexpr size_t key_bytes = 32;

std::string name(std::string_view prefix, std::string_view end) {
  return std::string(prefix) + std::string(end);
}

bool settles_encryption(const std::string& operation) {
  return operation == "PutObject" || operation == "CreateMultipartUpload" ||
         operation == "CopyObject";
}

bool takes_key(const std::string& operation) {
  return settles_encryption(operation) || operation == "GetObject" || operation == "HeadObject" ||
         operation == "UploadPart" || operation == "UploadPartCopy" ||
         operation == "CompleteMultipartUpload" || operation == "ListParts";
}

Response invalid(const std::string& message) {
  return error_response(400, "InvalidArgument", message);
}

std::optional<Response> wrong_key_headers(const Request& request, std::string_view prefix) {
  if (!request.has_header(name(prefix, "-customer-algorithm"))) return std::nullopt;
  if (request.header(name(prefix, "-customer-algorithm")) != "AES256") {
    return error_response(400, "InvalidEncryptionAlgorithmError",
                          "The encryption request that you specified is not valid");
  }
  const auto key = from_base64(request.header(name(prefix, "-customer-key")));
  if (!key || key->size() != key_bytes)
    return invalid("The secret key was invalid for the specified algorithm.");
  if (request.header(name(prefix, "-customer-key-md5")) != base64(digest(DigestKind::md5, *key))) {
    return invalid("The calculated MD5 hash of the key did not match the hash that was provided.");
  }
  return std::nullopt;
}

}  // namespace

bool Encryption::is_opaque() const {
  const auto kind = told.find(std::string(sse));
  return !key_md5.empty() || (kind != told.end() && kind->second.starts_with("aws:kms"));
}

Encryption encryption_asked(const Request& request, const std::string& otherwise) {
  Encryption encryption;
  for (const char* end : {"", "-aws-kms-key-id", "-context", "-bucket-key-enabled",
                          "-customer-algorithm", "-customer-key-md5"}) {
    const std::string header = name(sse, end);
    if (request.has_header(header)) encryption.told[header] = request.header(header);
  }
  encryption.key_md5 = request.header(name(sse, "-customer-key-md5"));
  if (encryption.told.empty() && !otherwise.empty()) encryption.told[std::string(sse)] = otherwise;
  return encryption;
}

std::optional<Response> wrong_encryption(const Request& request) {
  const bool asked = request.has_header(std::string(sse));
  const bool key = request.has_header(name(sse, "-customer-algorithm"));
  if (asked && !settles_encryption(request.operation))
    return invalid(name(sse, " header is not supported for this operation."));
  if (key && !takes_key(request.operation))
    return invalid(name(sse, "-customer-key header is not supported for this operation."));
  if (asked && key) {
    return invalid(
        "Server Side Encryption with Customer provided key is incompatible with the encryption "
        "method specified");
  }
  if (auto refusal = wrong_key_headers(request, sse)) return refusal;
  return wrong_key_headers(request, of_source);
}

std::optional<Response> wrong_key(const Request& request, const Encryption& encryption,
                                  bool copy_source) {
  const std::string given =
      request.header(name(copy_source ? of_source : sse, "-customer-key-md5"));
  if (given == encryption.key_md5) return std::nullopt;
  if (encryption.key_md5.empty()) {
    return error_response(400, "InvalidRequest",
                          "The encryption parameters are not applicable to this object.");
  }
  if (!given.empty()) return error_response(403, "AccessDenied", "Access Denied");
  return error_response(400, "InvalidRequest",
                        "The object was stored using a form of Server Side Encryption. The "
                        "correct parameters must be provided to retrieve the object.");
}

void tell(Response& response, const Encryption& encryption) {
  for (const auto& [header, value] : encryption.told) response.add(header, value);
}

}  // namespace penstock::test
