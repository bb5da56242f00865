// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "penstock/object_store.h"

namespace penstock {

/// Hands every operation on to `inner`, which must outlive it: for stores that do otherwise with
/// some of them. As thread-safe as `inner`.
class ForwardingStore : public ObjectStore {
 public:
  explicit ForwardingStore(ObjectStore& inner) : inner_(inner) {}

  StoreLimits limits() const override { return inner_.limits(); }
  std::string identity() const override { return inner_.identity(); }
  void get(GetRequest request, Done<ObjectInfo> done) override {
    inner_.get(std::move(request), std::move(done));
  }
  void head(HeadRequest request, Done<ObjectInfo> done) override {
    inner_.head(std::move(request), std::move(done));
  }
  void put(PutRequest request, Done<ObjectInfo> done) override {
    inner_.put(std::move(request), std::move(done));
  }
  void list(ListRequest request, Done<ListPage> done) override {
    inner_.list(std::move(request), std::move(done));
  }
  void remove(std::string key, Done<void> done) override {
    inner_.remove(std::move(key), std::move(done));
  }
  void remove_many(std::vector<std::string> keys, Done<std::vector<DeleteFailure>> done) override {
    inner_.remove_many(std::move(keys), std::move(done));
  }
  void copy(CopyRequest request, Done<ObjectInfo> done) override {
    inner_.copy(std::move(request), std::move(done));
  }
  void rename(RenameRequest request, Done<ObjectInfo> done) override {
    inner_.rename(std::move(request), std::move(done));
  }
  void restore(RestoreRequest request, Done<RestoreAnswer> done) override {
    inner_.restore(std::move(request), std::move(done));
  }
  void create_upload(CreateUpload request, Done<std::string> done) override {
    inner_.create_upload(std::move(request), std::move(done));
  }
  void upload_part(UploadPart request, Done<CompletedPart> done) override {
    inner_.upload_part(std::move(request), std::move(done));
  }
  void upload_part_copy(UploadPartCopy request, Done<CompletedPart> done) override {
    inner_.upload_part_copy(std::move(request), std::move(done));
  }
  void complete_upload(CompleteUpload request, Done<ObjectInfo> done) override {
    inner_.complete_upload(std::move(request), std::move(done));
  }
  void abort_upload(std::string key, std::string upload_id, Done<void> done) override {
    inner_.abort_upload(std::move(key), std::move(upload_id), std::move(done));
  }
  void list_parts(std::string key, std::string upload_id,
                  Done<std::vector<CompletedPart>> done) override {
    inner_.list_parts(std::move(key), std::move(upload_id), std::move(done));
  }
  void list_uploads(std::string prefix, Done<std::vector<UploadInfo>> done) override {
    inner_.list_uploads(std::move(prefix), std::move(done));
  }

 protected:
  ObjectStore& inner() const noexcept { return inner_; }

 private:
  ObjectStore& inner_;
};

}  // namespace penstock
