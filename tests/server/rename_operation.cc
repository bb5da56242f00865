// SPDX-License-Identifier: Apache-2.0
#include "server/operations.h"
#include "server/text.h"

namespace penstock::test {

Response rename_object(const OperationContext& context, const Request& request) {
  std::string source = uri_decode(request.header("x-amz-rename-source")).value_or("");
  if (source.starts_with('/')) source.erase(0, 1);
  if (source.empty())
    return error_response(400, "InvalidArgument", "The rename source must be a key");
  if (source.ends_with('/') || request.key.ends_with('/')) {
    return error_response(400, "InvalidRequest",
                          "Objects whose keys end in the delimiter are not renamed");
  }
  const std::string token = request.header("x-amz-client-token");
  const MutexLock lock(context.store.mutex);
  Bucket& bucket = context.store.buckets[request.bucket];
  if (const auto before = bucket.renames.find(token);
      !token.empty() && before != bucket.renames.end()) {
    if (before->second.source == source && before->second.target == request.key) return {};
    return error_response(400, "IdempotencyParameterMismatch",
                          "Another rename was made with this token");
  }
  const auto found = bucket.objects.find(source);
  if (found == bucket.objects.end()) return no_such_key();
  const std::string match = request.header("x-amz-rename-source-if-match");
  if (!match.empty() && unquoted(match) != found->second->etag) {
    return error_response(412, "PreconditionFailed",
                          "At least one of the pre-conditions you specified did not hold",
                          "<Condition>x-amz-rename-source-if-match</Condition>");
  }
  const auto present = bucket.objects.find(request.key);
  if (auto refusal = failed_condition(
          request, present == bucket.objects.end() ? nullptr : present->second.get())) {
    return std::move(*refusal);
  }
  std::shared_ptr<const Object> object = found->second;
  bucket.objects.erase(found);
  bucket.objects[request.key] = std::move(object);
  if (!token.empty()) bucket.renames[token] = {.source = source, .target = request.key};
  return {};
}

}  // namespace penstock::test
