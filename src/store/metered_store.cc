// SPDX-License-Identifier: Apache-2.0
#include "store/metered_store.h"

#include <utility>

namespace penstock {

class MeteredStore::CountingSink final : public BodySink {
 public:
  CountingSink(std::shared_ptr<BodySink> sink, std::shared_ptr<Meters> meters)
      : sink_(std::move(sink)), meters_(std::move(meters)) {}

  void started(const ObjectInfo& info) noexcept override { sink_->started(info); }
  bool write(uint64_t offset, std::span<const std::byte> bytes) noexcept override {
    meters_->bytes_received.fetch_add(bytes.size(), std::memory_order_relaxed);
    return sink_->write(offset, bytes);
  }

 private:
  const std::shared_ptr<BodySink> sink_;
  const std::shared_ptr<Meters> meters_;
};

template <typename T>
Done<T> MeteredStore::metered(Count Meters::*kind, Done<T> done, uint64_t sent) {
  ((*meters_).*kind).fetch_add(1, std::memory_order_relaxed);
  return [meters = meters_, done = std::move(done), sent](Result<T> result) mutable {
    if (!result.has_value()) {
      meters->failed.fetch_add(1, std::memory_order_relaxed);
    } else if (sent > 0) {
      meters->bytes_sent.fetch_add(sent, std::memory_order_relaxed);
    }
    done(std::move(result));
  };
}

StoreCounters MeteredStore::counters() const {
  const auto read = [](const Count& count) { return count.load(std::memory_order_relaxed); };
  const Meters& from = *meters_;
  return {.gets = read(from.gets),
          .heads = read(from.heads),
          .puts = read(from.puts),
          .lists = read(from.lists),
          .removes = read(from.removes),
          .copies = read(from.copies),
          .renames = read(from.renames),
          .multipart = read(from.multipart),
          .failed = read(from.failed),
          .bytes_received = read(from.bytes_received),
          .bytes_sent = read(from.bytes_sent)};
}

void MeteredStore::get(GetRequest request, Done<ObjectInfo> done) {
  request.sink = std::make_shared<CountingSink>(std::move(request.sink), meters_);
  inner_.get(std::move(request), metered(&Meters::gets, std::move(done)));
}

void MeteredStore::head(HeadRequest request, Done<ObjectInfo> done) {
  inner_.head(std::move(request), metered(&Meters::heads, std::move(done)));
}

void MeteredStore::put(PutRequest request, Done<ObjectInfo> done) {
  const uint64_t size = request.body.size();
  inner_.put(std::move(request), metered(&Meters::puts, std::move(done), size));
}

void MeteredStore::list(ListRequest request, Done<ListPage> done) {
  inner_.list(std::move(request), metered(&Meters::lists, std::move(done)));
}

void MeteredStore::remove(std::string key, Done<void> done) {
  inner_.remove(std::move(key), metered(&Meters::removes, std::move(done)));
}

void MeteredStore::remove_many(std::vector<std::string> keys,
                               Done<std::vector<DeleteFailure>> done) {
  inner_.remove_many(std::move(keys), metered(&Meters::removes, std::move(done)));
}

void MeteredStore::copy(CopyRequest request, Done<ObjectInfo> done) {
  inner_.copy(std::move(request), metered(&Meters::copies, std::move(done)));
}

void MeteredStore::rename(RenameRequest request, Done<ObjectInfo> done) {
  inner_.rename(std::move(request), metered(&Meters::renames, std::move(done)));
}

void MeteredStore::create_upload(CreateUpload request, Done<std::string> done) {
  inner_.create_upload(std::move(request), metered(&Meters::multipart, std::move(done)));
}

void MeteredStore::upload_part(UploadPart request, Done<CompletedPart> done) {
  const uint64_t size = request.body.size();
  inner_.upload_part(std::move(request), metered(&Meters::multipart, std::move(done), size));
}

void MeteredStore::upload_part_copy(UploadPartCopy request, Done<CompletedPart> done) {
  inner_.upload_part_copy(std::move(request), metered(&Meters::multipart, std::move(done)));
}

void MeteredStore::complete_upload(CompleteUpload request, Done<ObjectInfo> done) {
  inner_.complete_upload(std::move(request), metered(&Meters::multipart, std::move(done)));
}

void MeteredStore::abort_upload(std::string key, std::string upload_id, Done<void> done) {
  inner_.abort_upload(std::move(key), std::move(upload_id),
                      metered(&Meters::multipart, std::move(done)));
}

void MeteredStore::list_parts(std::string key, std::string upload_id,
                              Done<std::vector<CompletedPart>> done) {
  inner_.list_parts(std::move(key), std::move(upload_id),
                    metered(&Meters::multipart, std::move(done)));
}

void MeteredStore::list_uploads(std::string prefix, Done<std::vector<UploadInfo>> done) {
  inner_.list_uploads(std::move(prefix), metered(&Meters::multipart, std::move(done)));
}

}  // namespace penstock
