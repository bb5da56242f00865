// SPDX-License-Identifier: Apache-2.0
// What other servers do otherwise than AWS S3.
#include <array>
#include <stdexcept>

#include "server/operations.h"
#include "server/test_server.h"

namespace penstock::test {
namespace {

struct Personality {
  const char* server;
  void (*apply)(ServerOptions&);
};

constexpr std::array personalities{
    Personality{"r2",
                [](ServerOptions& o) {
                  o.equal_parts = true;
                  o.failed_complete_ends_upload = true;
                  o.bare_copy_sources = true;
                  o.no_part_copy_conditions = true;
                }},
    Personality{"gcs",
                [](ServerOptions& o) {
                  o.no_batch_removal = true;
                  o.no_part_copies = true;
                }},
    Personality{"object-lock", [](ServerOptions& o) { o.wants_checksums = true; }},
};

Response not_implemented(int status, const std::string& what) {
  return error_response(status, "NotImplemented",
                        "A header or query you provided requested a function that is not "
                        "implemented. (" +
                            what + ")");
}

bool has_checksum(const Request& request) {
  for (const auto& [name, value] : request.headers) {
    if (name == "content-md5" || name.starts_with("x-amz-checksum-")) return true;
  }
  return false;
}

}  // namespace

void make_like(ServerOptions& options, const std::string& server) {
  for (const Personality& each : personalities) {
    if (server == each.server) return each.apply(options);
  }
  throw std::invalid_argument("no server is known by the name of " + server);
}

std::optional<Response> refusal_by_server(const Request& request, const ServerOptions& options) {
  const std::string& operation = request.operation;
  // Google answers 400.
  if (options.no_batch_removal && operation == "DeleteObjects")
    return not_implemented(400, "POST ?delete");
  if (operation == "UploadPartCopy") {
    if (options.no_part_copies) return not_implemented(501, "UploadPartCopy");
    if (options.no_part_copy_conditions && request.has_header("x-amz-copy-source-if-match"))
      return not_implemented(501, "x-amz-copy-source-if-match");
  }
  if (options.bare_copy_sources && request.header("x-amz-copy-source").starts_with('/'))
    return error_response(400, "InvalidArgument", "The copy source bucket name is not valid");
  const bool part = operation == "UploadPart";
  if (options.wants_checksums && (part || operation == "PutObject") && !has_checksum(request)) {
    return error_response(
        400, "InvalidRequest",
        std::string("Content-MD5 OR x-amz-checksum- HTTP header is required for ") +
            (part ? "Put Part" : "Put Object") + " requests with Object Lock parameters");
  }
  return std::nullopt;
}

}  // namespace penstock::test
