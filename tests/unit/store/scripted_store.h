// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "penstock/object_store.h"

namespace penstock::test {

/// An ObjectStore whose every operation is a function that the test sets; one that is not set fails
/// with Code::not_supported. For tests that say answer by answer what a store does.
class ScriptedStore final : public ObjectStore {
 public:
  std::function<void(GetRequest, Done<ObjectInfo>)> on_get;
  std::function<void(HeadRequest, Done<ObjectInfo>)> on_head;
  std::function<void(PutRequest, Done<ObjectInfo>)> on_put;
  std::function<void(ListRequest, Done<ListPage>)> on_list;
  std::function<void(std::string, Done<void>)> on_remove;
  std::function<void(std::vector<std::string>, Done<std::vector<DeleteFailure>>)> on_remove_many;
  std::function<void(CopyRequest, Done<ObjectInfo>)> on_copy;
  std::function<void(RenameRequest, Done<ObjectInfo>)> on_rename;
  std::function<void(CreateUpload, Done<std::string>)> on_create;
  std::function<void(UploadPart, Done<CompletedPart>)> on_part;
  std::function<void(UploadPartCopy, Done<CompletedPart>)> on_part_copy;
  std::function<void(CompleteUpload, Done<ObjectInfo>)> on_complete;
  std::function<void(std::string, std::string, Done<void>)> on_abort;
  std::function<void(std::string, std::string, Done<std::vector<CompletedPart>>)> on_parts;
  std::function<void(std::string, Done<std::vector<UploadInfo>>)> on_uploads;

  StoreLimits limits() const override { return {}; }
  std::string name = "scripted";
  std::string identity() const override { return name; }
  void get(GetRequest request, Done<ObjectInfo> done) override {
    run(on_get, std::move(done), std::move(request));
  }
  void head(HeadRequest request, Done<ObjectInfo> done) override {
    run(on_head, std::move(done), std::move(request));
  }
  void put(PutRequest request, Done<ObjectInfo> done) override {
    run(on_put, std::move(done), std::move(request));
  }
  void list(ListRequest request, Done<ListPage> done) override {
    run(on_list, std::move(done), std::move(request));
  }
  void remove(std::string key, Done<void> done) override {
    run(on_remove, std::move(done), std::move(key));
  }
  void remove_many(std::vector<std::string> keys, Done<std::vector<DeleteFailure>> done) override {
    run(on_remove_many, std::move(done), std::move(keys));
  }
  void copy(CopyRequest request, Done<ObjectInfo> done) override {
    run(on_copy, std::move(done), std::move(request));
  }
  void rename(RenameRequest request, Done<ObjectInfo> done) override {
    run(on_rename, std::move(done), std::move(request));
  }
  void create_upload(CreateUpload request, Done<std::string> done) override {
    run(on_create, std::move(done), std::move(request));
  }
  void upload_part(UploadPart request, Done<CompletedPart> done) override {
    run(on_part, std::move(done), std::move(request));
  }
  void upload_part_copy(UploadPartCopy request, Done<CompletedPart> done) override {
    run(on_part_copy, std::move(done), std::move(request));
  }
  void complete_upload(CompleteUpload request, Done<ObjectInfo> done) override {
    run(on_complete, std::move(done), std::move(request));
  }
  void abort_upload(std::string key, std::string upload_id, Done<void> done) override {
    run(on_abort, std::move(done), std::move(key), std::move(upload_id));
  }
  void list_parts(std::string key, std::string upload_id,
                  Done<std::vector<CompletedPart>> done) override {
    run(on_parts, std::move(done), std::move(key), std::move(upload_id));
  }
  void list_uploads(std::string prefix, Done<std::vector<UploadInfo>> done) override {
    run(on_uploads, std::move(done), std::move(prefix));
  }

 private:
  template <typename Function, typename T, typename... Args>
  static void run(Function& function, Done<T> done, Args... args) {
    if (!function) return done(Error(Code::not_supported, "not scripted"));
    function(std::move(args)..., std::move(done));
  }
};

/// Keeps what it is given, and whether it was all in order.
class CollectingSink final : public BodySink {
 public:
  explicit CollectingSink(uint64_t begin = 0) : next_(begin) {}

  void started(const ObjectInfo& info) noexcept override {
    ++starts;
    etag = info.etag;
  }
  bool write(uint64_t offset, std::span<const std::byte> part) noexcept override {
    if (offset != next_) in_order = false;
    next_ += part.size();
    bytes.append(reinterpret_cast<const char*>(part.data()), part.size());
    return bytes.size() < stop_at;
  }

  std::string bytes;
  ETag etag;
  int starts = 0;
  bool in_order = true;
  size_t stop_at = SIZE_MAX;

 private:
  uint64_t next_;
};

/// Where a Done puts its result.
template <typename T>
struct Outcome {
  std::unique_ptr<Result<T>> result;
  int calls = 0;

  Done<T> done() {
    return [this](Result<T> value) {
      ++calls;
      result = std::make_unique<Result<T>>(std::move(value));
    };
  }
  bool ok() const { return result && result->has_value(); }
  Code code() const {
    return !result ? Code::internal : result->has_value() ? Code::internal : result->code();
  }
  std::string message() const {
    return result && !result->has_value() ? std::string(result->error().message()) : "";
  }
};

inline std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span<const char>(text.data(), text.size()));
}

inline Body body_of(const std::string& text) {
  const auto owner = std::make_shared<const std::string>(text);
  return {.pieces = {as_bytes(*owner)}, .owner = owner};
}

}  // namespace penstock::test
