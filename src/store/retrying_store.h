// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "store/retry_call.h"

namespace penstock {

/// Repeats what failed for reasons that pass, with full-jitter exponential backoff, until it works
/// or the policy's time is over; the error then says how often and how long it was tried. See
/// RetryPolicy, Throttle (which slows all calls down when the store asks for it), ResumingGet,
/// VerifiedPut, VerifiedCopy, VerifiedCreate, VerifiedComplete and VerifiedRename for what is more
/// than repetition.
///
/// `inner` and `scheduler` must outlive it. Its destructor ends calls that wait for another try
/// with Code::cancelled and returns when the tries at work have ended. A Done must not destroy the
/// store. Thread-safe.
class RetryingStore final : public ObjectStore {
 public:
  /// `seed` makes the waits repeatable. RequestMetrics::retried is counted in `metrics`.
  RetryingStore(ObjectStore& inner, Scheduler& scheduler, RetryPolicy policy, uint64_t seed,
                std::shared_ptr<Log> log,
                std::shared_ptr<StoreMetrics> metrics = std::make_shared<StoreMetrics>());
  ~RetryingStore() override;

  /// What is known here: of the throttle, not of connections.
  StoreLoad load() const;

  StoreLimits limits() const override { return shared_->inner.limits(); }
  std::string identity() const override { return shared_->inner.identity(); }
  void get(GetRequest request, Done<ObjectInfo> done) override;
  void head(HeadRequest request, Done<ObjectInfo> done) override;
  void put(PutRequest request, Done<ObjectInfo> done) override;
  void list(ListRequest request, Done<ListPage> done) override;
  void remove(std::string key, Done<void> done) override;
  void remove_many(std::vector<std::string> keys, Done<std::vector<DeleteFailure>> done) override;
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

 private:
  template <typename T>
  void write(CallSubject subject, typename SimpleCall<T>::Send send, Done<T> done);
  template <typename T>
  void read(CallSubject subject, const std::stop_token& cancel, typename SimpleCall<T>::Send send,
            Done<T> done);

  const std::shared_ptr<RetryShared> shared_;
};

}  // namespace penstock
