// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "penstock/object_store.h"
#include "store/store_factory.h"

namespace penstock {

/// Counts the requests that reach a store, their bytes and their failures, and changes nothing.
/// Below the retries each try counts. `inner` must outlive it. Thread-safe.
class MeteredStore final : public ObjectStore {
 public:
  explicit MeteredStore(ObjectStore& inner) : inner_(inner), meters_(std::make_shared<Meters>()) {}

  /// StoreCounters::retried stays 0: the retries are not seen from here.
  StoreCounters counters() const;

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
  void create_upload(CreateUpload request, Done<std::string> done) override;
  void upload_part(UploadPart request, Done<CompletedPart> done) override;
  void upload_part_copy(UploadPartCopy request, Done<CompletedPart> done) override;
  void complete_upload(CompleteUpload request, Done<ObjectInfo> done) override;
  void abort_upload(std::string key, std::string upload_id, Done<void> done) override;
  void list_parts(std::string key, std::string upload_id,
                  Done<std::vector<CompletedPart>> done) override;
  void list_uploads(std::string prefix, Done<std::vector<UploadInfo>> done) override;

 private:
  using Count = std::atomic<uint64_t>;
  struct Meters {
    Count gets{0}, heads{0}, puts{0}, lists{0}, removes{0}, copies{0}, renames{0}, multipart{0};
    Count failed{0}, bytes_received{0}, bytes_sent{0};
  };
  class CountingSink;

  /// Counts the request now, and its failure when it ends; `sent` bytes if it succeeds.
  template <typename T>
  Done<T> metered(Count Meters::*kind, Done<T> done, uint64_t sent = 0);

  ObjectStore& inner_;
  const std::shared_ptr<Meters> meters_;
};

}  // namespace penstock
