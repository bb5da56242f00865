// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "http/http_client.h"
#include "penstock/lifecycle_rules.h"
#include "penstock/object_store.h"
#include "penstock/object_sums.h"
#include "penstock/options.h"
#include "penstock/result.h"
#include "store/s3/bucket_terms.h"
#include "store/s3/credentials.h"

namespace penstock {

class HeldBodies;
class S3Lifecycle;
class S3Renames;
class S3Session;
class S3Sums;

/// S3 Express One Zone: these have RenameObject, and list in no order.
bool is_directory_bucket(std::string_view bucket);

struct S3Options {
  std::string bucket;
  std::string endpoint;  ///< "http(s)://host[:port][/path]"; empty: AWS for the region.
  std::string region;    ///< Empty: us-east-1 until the server names another.
  StoreOptions::PathStyle path_style = StoreOptions::PathStyle::automatic;
  StoreOptions::RenameObject rename_object = StoreOptions::RenameObject::automatic;
  StoreOptions::EqualParts equal_parts = StoreOptions::EqualParts::automatic;
  /// Keys that begin so are free for what rename() tries first; empty: it never does anything.
  std::string rename_trial_prefix;
  /// CRCs go with what is stored, and what is read is held against them.
  bool verify = true;
  /// How long an answer may take to begin; more for what takes servers longer (Effort).
  std::chrono::milliseconds first_byte_limit{10'000};
  bool dual_stack = false;  ///< As in Endpoint::Choice, and so are the next two.
  bool fips = false;
  bool accelerate = false;
  BucketTerms terms;  ///< With a key of its own over plain HTTP only to this machine.
  /// The clock that requests are signed by; empty: the system's.
  std::function<std::chrono::system_clock::time_point()> clock;
};

/// One bucket of an S3-compatible service. One operation is one request, tried once (the list
/// operations without a page in their signature: one per page), except
/// - where the answer itself says how to put it right: another region or endpoint, a clock that is
///   off, credentials that expired. Each of these is learnt for all later requests and the request
///   repeated once;
/// - where an object has tags that a new one shall get: they are asked for first;
/// - where servers do less than S3 promises and do not say so: see s3_copies.h, s3_completion.h,
///   s3_renames.h and send_if_match. Conditions on Complete and on the target of a copy are looked
///   at first (HEAD); atomic they are only where the server keeps them.
/// Retries of failures are RetryingStore's.
///
/// `done` is called on a thread of the HTTP client or of the credentials provider, or before the
/// operation returns.
class S3Store final : public ObjectStore {
 public:
  /// `credentials` null: requests are not signed. invalid_argument with a sentence for a person
  /// where endpoint or bucket name can never work.
  static Result<std::unique_ptr<S3Store>> create(S3Options options,
                                                 std::shared_ptr<CredentialsProvider> credentials,
                                                 std::shared_ptr<HttpClient> http,
                                                 std::shared_ptr<Log> log);
  /// Waits for the operations in flight.
  ~S3Store() override;

  StoreLimits limits() const override;
  std::string identity() const override;

  void get(GetRequest request, Done<ObjectInfo> done) override;
  void head(HeadRequest request, Done<ObjectInfo> done) override;
  void put(PutRequest request, Done<ObjectInfo> done) override;
  void list(ListRequest request, Done<ListPage> done) override;
  void remove(std::string key, Done<void> done) override;
  void remove_many(std::vector<std::string> keys, Done<std::vector<DeleteFailure>> done) override;
  /// The result's size is 0: the answer does not tell it.
  void copy(CopyRequest request, Done<ObjectInfo> done) override;
  void rename(RenameRequest request, Done<ObjectInfo> done) override;

  void restore(RestoreRequest request, Done<RestoreAnswer> done) override;
  void create_upload(CreateUpload request, Done<std::string> done) override;
  void upload_part(UploadPart request, Done<CompletedPart> done) override;
  void upload_part_copy(UploadPartCopy request, Done<CompletedPart> done) override;
  void complete_upload(CompleteUpload request, Done<ObjectInfo> done) override;
  void abort_upload(std::string key, std::string upload_id, Done<void> done) override;
  void list_parts(std::string key, std::string upload_id,
                  Done<std::vector<CompletedPart>> done) override;
  void list_uploads(std::string prefix, Done<std::vector<UploadInfo>> done) override;

  /// The rules of the bucket; lives as long as the store.
  LifecycleRules& lifecycle();
  /// The checksums of its objects; lives as long as the store.
  ObjectSums& sums();

 private:
  /// The same once the tags are known.
  void put_described(PutRequest request, Done<ObjectInfo> done);
  void create_described(CreateUpload request, Done<std::string> done);

  S3Store(std::unique_ptr<S3Session> session, std::unique_ptr<S3Renames> renames, bool equal_parts);

  const bool equal_parts_;
  std::shared_ptr<HeldBodies> held_;  ///< Null: what is read is not checked.
  std::unique_ptr<S3Renames> renames_;
  std::unique_ptr<S3Lifecycle> lifecycle_;
  std::unique_ptr<S3Sums> sums_;
  std::unique_ptr<S3Session> session_;  ///< Last: it waits for what uses the rest.
};

}  // namespace penstock
