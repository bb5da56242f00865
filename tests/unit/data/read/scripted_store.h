// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "penstock/object_store.h"

namespace penstock::test {

/// The byte that every test object has at `offset`.
constexpr std::byte byte_at(uint64_t offset) {
  return static_cast<std::byte>((offset * 2654435761ULL >> 16) ^ offset);
}

inline std::vector<std::byte> bytes_at(uint64_t offset, uint64_t length) {
  std::vector<std::byte> bytes(length);
  for (uint64_t i = 0; i < length; ++i) bytes[i] = byte_at(offset + i);
  return bytes;
}

/// An object store whose gets a test answers by hand, byte by byte if it likes. Everything else is
/// not supported. For one thread.
class ScriptedStore final : public ObjectStore {
 public:
  struct Get {
    GetRequest request;
    Done<ObjectInfo> done;
    ByteRange range;  ///< What was asked for, also where the whole object was.
    uint64_t sent = 0;
    bool finished = false;
  };

  explicit ScriptedStore(uint64_t object_size) : size_(object_size) {}
  ~ScriptedStore() override {
    for (auto& get : gets) {
      if (!get->finished) finish(*get, Error(Code::cancelled));
    }
  }

  /// In order of arrival; they stay here when they are finished.
  std::vector<std::shared_ptr<Get>> gets;

  void get(GetRequest request, Done<ObjectInfo> done) override {
    auto get = std::make_shared<Get>();
    get->range = request.range.value_or(ByteRange{0, size_});
    get->request = std::move(request);
    get->done = std::move(done);
    gets.push_back(std::move(get));
  }

  /// Sends the next `count` bytes of a get; false if its sink wants no more.
  bool send(size_t index, uint64_t count) {
    Get& get = *gets.at(index);
    std::vector<std::byte> bytes = bytes_at(get.range.offset + get.sent, count);
    for (uint64_t i = get.range.offset + get.sent; i < head_bytes.size() && i < get.sent + count;
         ++i)
      bytes[i - get.range.offset - get.sent] = static_cast<std::byte>(head_bytes[i]);
    get.sent += count;
    return get.request.sink->write(get.range.offset + get.sent - count, bytes);
  }
  /// Sends what is left of a get and ends it.
  void serve(size_t index) {
    const std::shared_ptr<Get> get = gets.at(index);
    if (get->finished) return;
    if (get->request.cancel.stop_requested()) return finish(*get, Error(Code::cancelled));
    if (!send(index, get->range.length - get->sent)) return finish(*get, Error(Code::cancelled));
    ObjectInfo info{.key = get->request.key, .size = size_, .etag = etag};
    info.metadata = Metadata{{"mode", "33188"}};
    finish(*get, std::move(info));
  }
  void fail(size_t index, Error error) { finish(*gets.at(index), std::move(error)); }
  /// Serves everything, also what is asked for meanwhile.
  void serve_all() {
    for (size_t i = 0; i < gets.size(); ++i) serve(i);
  }
  size_t in_flight() const {
    return static_cast<size_t>(
        std::count_if(gets.begin(), gets.end(), [](const auto& get) { return !get->finished; }));
  }

  ETag etag = "v1";        ///< What the answers say.
  std::string head_bytes;  ///< What objects begin with instead of byte_at().

  StoreLimits limits() const override { return {}; }
  std::string identity() const override { return "scripted"; }
  void head(HeadRequest, Done<ObjectInfo> done) override { done(Error(Code::not_supported)); }
  void put(PutRequest, Done<ObjectInfo> done) override { done(Error(Code::not_supported)); }
  void list(ListRequest, Done<ListPage> done) override { done(Error(Code::not_supported)); }
  void remove(std::string, Done<void> done) override { done(Error(Code::not_supported)); }
  void remove_many(std::vector<std::string>, Done<std::vector<DeleteFailure>> done) override {
    done(Error(Code::not_supported));
  }
  void copy(CopyRequest, Done<ObjectInfo> done) override { done(Error(Code::not_supported)); }
  void create_upload(CreateUpload, Done<std::string> done) override {
    done(Error(Code::not_supported));
  }
  void upload_part(UploadPart, Done<CompletedPart> done) override {
    done(Error(Code::not_supported));
  }
  void upload_part_copy(UploadPartCopy, Done<CompletedPart> done) override {
    done(Error(Code::not_supported));
  }
  void complete_upload(CompleteUpload, Done<ObjectInfo> done) override {
    done(Error(Code::not_supported));
  }
  void abort_upload(std::string, std::string, Done<void> done) override {
    done(Error(Code::not_supported));
  }
  void list_parts(std::string, std::string, Done<std::vector<CompletedPart>> done) override {
    done(Error(Code::not_supported));
  }
  void list_uploads(std::string, Done<std::vector<UploadInfo>> done) override {
    done(Error(Code::not_supported));
  }

 private:
  static void finish(Get& get, Result<ObjectInfo> result) {
    get.finished = true;
    get.request.sink.reset();
    Done<ObjectInfo> done = std::exchange(get.done, nullptr);
    done(std::move(result));
  }

  const uint64_t size_;
};

}  // namespace penstock::test
