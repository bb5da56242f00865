// SPDX-License-Identifier: Apache-2.0
#include "server/operations.h"
#include "server/text.h"

namespace penstock::test {
namespace {

Response list_buckets(const OperationContext& context) {
  std::string xml = std::string("<ListAllMyBucketsResult") + xmlns + "><Buckets>";
  const MutexLock lock(context.store.mutex);
  for (const auto& [name, bucket] : context.store.buckets) {
    xml += "<Bucket><Name>" + xml_escape(name) + "</Name><CreationDate>" + iso_date(context.now) +
           "</CreationDate></Bucket>";
  }
  return xml_response(200, xml + "</Buckets></ListAllMyBucketsResult>");
}

Response create_bucket(const OperationContext& context, const Request& request) {
  const MutexLock lock(context.store.mutex);
  if (!context.store.buckets.try_emplace(request.bucket).second) {
    return error_response(409, "BucketAlreadyOwnedByYou", "The bucket exists and is yours");
  }
  Response response;
  response.add("Location", "/" + request.bucket);
  return response;
}

Response delete_bucket(const OperationContext& context, const Request& request) {
  const MutexLock lock(context.store.mutex);
  if (!context.store.buckets[request.bucket].objects.empty()) {
    return error_response(409, "BucketNotEmpty", "The bucket you tried to delete is not empty");
  }
  context.store.buckets.erase(request.bucket);
  Response response;
  response.status = 204;
  return response;
}

}  // namespace

Response bucket_operation(const OperationContext& context, const Request& request) {
  if (request.operation == "ListBuckets") return list_buckets(context);
  if (request.operation == "CreateBucket") return create_bucket(context, request);
  if (request.operation == "DeleteBucket") return delete_bucket(context, request);
  if (request.operation == "GetBucketLocation") {
    const std::string region = context.options.region == "us-east-1" ? "" : context.options.region;
    return xml_response(
        200, std::string("<LocationConstraint") + xmlns + ">" + region + "</LocationConstraint>");
  }
  Response head;
  return head;
}

}  // namespace penstock::test
