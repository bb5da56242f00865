// SPDX-License-Identifier: Apache-2.0
// What the owner of a bucket asks of requests.
#include "server/operations.h"

namespace penstock::test {
namespace {

Response denied(const std::string& message) { return error_response(403, "AccessDenied", message); }

bool stores_object(const std::string& operation) {
  return operation == "PutObject" || operation == "CreateMultipartUpload" ||
         operation == "CopyObject";
}

}  // namespace

std::optional<Response> refusal_by_policy(const Request& request, const ServerOptions& options) {
  for (const char* name : {"x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner"}) {
    if (request.has_header(name) && request.header(name) != options.owner)
      return denied("Access Denied");
  }
  if (options.requester_pays && request.header("x-amz-request-payer") != "requester")
    return denied("Access Denied");
  if (!stores_object(request.operation)) return std::nullopt;
  for (const auto& [name, value] : options.required_of_writes) {
    if (request.header(name) != value) {
      return denied(
          "User: test is not authorized to perform: s3:PutObject with an explicit deny in a "
          "resource-based policy");
    }
  }
  return std::nullopt;
}

}  // namespace penstock::test
