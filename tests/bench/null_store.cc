// SPDX-License-Identifier: Apache-2.0
#include "bench/null_store.h"

#include <algorithm>
#include <vector>

namespace penstock::bench {
namespace {

constexpr const char* the_key = "f0";

class NullStore final : public OpenedStore, public ObjectStore {
 public:
  explicit NullStore(uint64_t size) : bytes_(1 << 20, std::byte{'n'}) {
    info_.key = the_key;
    info_.size = size;
    info_.etag = "null";
    info_.last_modified_ns = 1'700'000'000'000'000'000;
  }

  ObjectStore& store() override { return *this; }
  const StoreMetrics& metrics() const override { return metrics_; }
  StoreLoad load() const override { return {}; }

  StoreLimits limits() const override { return {}; }
  std::string identity() const override { return "memory"; }

  void get(GetRequest request, Done<ObjectInfo> done) override {
    if (request.key != the_key) return done(Error(Code::not_found));
    const ByteRange range = request.range.value_or(ByteRange{0, info_.size});
    ObjectInfo info = info_;
    info.metadata = Metadata{};
    request.sink->started(info);
    for (uint64_t at = range.offset; at < range.end();) {
      const uint64_t count = std::min<uint64_t>(bytes_.size(), range.end() - at);
      if (!request.sink->write(at, std::span(bytes_).first(count)))
        return done(Error(Code::cancelled));
      at += count;
    }
    done(std::move(info));
  }
  void head(HeadRequest request, Done<ObjectInfo> done) override {
    if (request.key != the_key) return done(Error(Code::not_found));
    ObjectInfo info = info_;
    info.metadata = Metadata{};
    done(std::move(info));
  }
  void list(ListRequest request, Done<ListPage> done) override {
    ListPage page;
    if (info_.key.starts_with(request.prefix)) page.objects.push_back(info_);
    done(std::move(page));
  }

  void put(PutRequest, Done<ObjectInfo> done) override { done(refusal()); }
  void remove(std::string, Done<void> done) override { done(refusal()); }
  void remove_many(std::vector<std::string>, Done<std::vector<DeleteFailure>> done) override {
    done(refusal());
  }
  void copy(CopyRequest, Done<ObjectInfo> done) override { done(refusal()); }
  void create_upload(CreateUpload, Done<std::string> done) override { done(refusal()); }
  void upload_part(UploadPart, Done<CompletedPart> done) override { done(refusal()); }
  void upload_part_copy(UploadPartCopy, Done<CompletedPart> done) override { done(refusal()); }
  void complete_upload(CompleteUpload, Done<ObjectInfo> done) override { done(refusal()); }
  void abort_upload(std::string, std::string, Done<void> done) override { done({}); }
  void list_parts(std::string, std::string, Done<std::vector<CompletedPart>> done) override {
    done(refusal());
  }
  void list_uploads(std::string, Done<std::vector<UploadInfo>> done) override {
    done(std::vector<UploadInfo>{});
  }

 private:
  static Error refusal() { return Error(Code::read_only, "this store only gives"); }

  const std::vector<std::byte> bytes_;
  ObjectInfo info_;
  const StoreMetrics metrics_;
};

}  // namespace

std::unique_ptr<OpenedStore> make_null_store(uint64_t size) {
  return std::make_unique<NullStore>(size);
}

}  // namespace penstock::bench
