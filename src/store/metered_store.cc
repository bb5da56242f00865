// SPDX-License-Identifier: Apache-2.0
#include "store/metered_store.h"

#include <chrono>
#include <utility>

#include "store/metered_call.h"

namespace penstock {

namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

class MeteredStore::MeteredSink final : public BodySink {
 public:
  MeteredSink(std::shared_ptr<BodySink> sink, std::shared_ptr<StoreMetrics> metrics)
      : sink_(std::move(sink)), metrics_(std::move(metrics)), begun_(Clock::now()) {}

  void started(const ObjectInfo& info) noexcept override {
    metrics_->of(StoreRequest::get).first_byte.observe(Clock::now() - begun_);
    sink_->started(info);
  }
  bool write(uint64_t offset, std::span<const std::byte> bytes) noexcept override {
    metrics_->of(StoreRequest::get).bytes.add(bytes.size());
    return sink_->write(offset, bytes);
  }

 private:
  const std::shared_ptr<BodySink> sink_;
  const std::shared_ptr<StoreMetrics> metrics_;
  const Clock::time_point begun_;
};

template <typename T>
Done<T> MeteredStore::metered(StoreRequest kind, Done<T> done, uint64_t sent) {
  return metered_call(metrics_, kind, std::move(done), sent);
}

void MeteredStore::get(GetRequest request, Done<ObjectInfo> done) {
  request.sink = std::make_shared<MeteredSink>(std::move(request.sink), metrics_);
  inner_.get(std::move(request), metered(StoreRequest::get, std::move(done)));
}

void MeteredStore::head(HeadRequest request, Done<ObjectInfo> done) {
  inner_.head(std::move(request), metered(StoreRequest::head, std::move(done)));
}

void MeteredStore::put(PutRequest request, Done<ObjectInfo> done) {
  const uint64_t size = request.body.size();
  inner_.put(std::move(request), metered(StoreRequest::put, std::move(done), size));
}

void MeteredStore::list(ListRequest request, Done<ListPage> done) {
  inner_.list(std::move(request), metered(StoreRequest::list, std::move(done)));
}

void MeteredStore::remove(std::string key, Done<void> done) {
  inner_.remove(std::move(key), metered(StoreRequest::remove, std::move(done)));
}

void MeteredStore::remove_many(std::vector<std::string> keys,
                               Done<std::vector<DeleteFailure>> done) {
  inner_.remove_many(std::move(keys), metered(StoreRequest::remove_many, std::move(done)));
}

void MeteredStore::copy(CopyRequest request, Done<ObjectInfo> done) {
  inner_.copy(std::move(request), metered(StoreRequest::copy, std::move(done)));
}

void MeteredStore::rename(RenameRequest request, Done<ObjectInfo> done) {
  inner_.rename(std::move(request), metered(StoreRequest::rename, std::move(done)));
}

void MeteredStore::restore(RestoreRequest request, Done<RestoreAnswer> done) {
  inner_.restore(std::move(request), metered(StoreRequest::restore, std::move(done)));
}

void MeteredStore::create_upload(CreateUpload request, Done<std::string> done) {
  inner_.create_upload(std::move(request), metered(StoreRequest::create_upload, std::move(done)));
}

void MeteredStore::upload_part(UploadPart request, Done<CompletedPart> done) {
  const uint64_t size = request.body.size();
  inner_.upload_part(std::move(request), metered(StoreRequest::upload_part, std::move(done), size));
}

void MeteredStore::upload_part_copy(UploadPartCopy request, Done<CompletedPart> done) {
  inner_.upload_part_copy(std::move(request),
                          metered(StoreRequest::upload_part_copy, std::move(done)));
}

void MeteredStore::complete_upload(CompleteUpload request, Done<ObjectInfo> done) {
  inner_.complete_upload(std::move(request),
                         metered(StoreRequest::complete_upload, std::move(done)));
}

void MeteredStore::abort_upload(std::string key, std::string upload_id, Done<void> done) {
  inner_.abort_upload(std::move(key), std::move(upload_id),
                      metered(StoreRequest::abort_upload, std::move(done)));
}

void MeteredStore::list_parts(std::string key, std::string upload_id,
                              Done<std::vector<CompletedPart>> done) {
  inner_.list_parts(std::move(key), std::move(upload_id),
                    metered(StoreRequest::list_parts, std::move(done)));
}

void MeteredStore::list_uploads(std::string prefix, Done<std::vector<UploadInfo>> done) {
  inner_.list_uploads(std::move(prefix), metered(StoreRequest::list_uploads, std::move(done)));
}

}  // namespace penstock
