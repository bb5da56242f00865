// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "penstock/object_store.h"
#include "store/store_metrics.h"

namespace penstock {

/// Counts the requests that reach a store, their bytes, times and failures, and changes nothing.
/// Below the retries each try counts. `inner` must outlive it. Thread-safe.
class MeteredStore final : public ObjectStore {
 public:
  /// RequestMetrics::retried is left alone: retries are not seen from here.
  MeteredStore(ObjectStore& inner, std::shared_ptr<StoreMetrics> metrics)
      : inner_(inner), metrics_(std::move(metrics)) {}

  StoreLimits limits() const override { return inner_.limits(); }
  std::string identity() const override { return inner_.identity(); }
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
  class MeteredSink;

  /// As metered_call.
  template <typename T>
  Done<T> metered(StoreRequest kind, Done<T> done, uint64_t sent = 0);

  ObjectStore& inner_;
  const std::shared_ptr<StoreMetrics> metrics_;
};

}  // namespace penstock
