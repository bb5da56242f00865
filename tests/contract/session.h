// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "contract/subjects.h"
#include "penstock/object_store.h"
#include "support/await.h"
#include "support/catch.h"

namespace penstock::test {

/// What a get brought: the bytes in the order of their arrival, checked to be without gaps.
struct Fetched {
  std::string bytes;
  ObjectInfo info;
  std::optional<ObjectInfo> started;  ///< What the sink was told before its first byte.
};

/// One store under test, with calls that wait.
class Session {
 public:
  Session(std::string name, ObjectStore& store) : name_(std::move(name)), store_(store) {}

  const std::string& name() const { return name_; }
  ObjectStore& store() { return store_; }

  Result<ObjectInfo> put(PutRequest request) {
    return await<ObjectInfo>([&](auto done) { store_.put(std::move(request), std::move(done)); });
  }
  Result<ObjectInfo> put(const std::string& key, const std::string& bytes,
                         Precondition condition = {});
  Result<Fetched> get(const std::string& key, std::optional<ByteRange> range = {},
                      const ETag& if_match = {});
  Result<ObjectInfo> head(const std::string& key) {
    return await<ObjectInfo>(
        [&](auto done) { store_.head({.key = key, .cancel = {}}, std::move(done)); });
  }
  Result<ListPage> list(ListRequest request) {
    return await<ListPage>([&](auto done) { store_.list(std::move(request), std::move(done)); });
  }
  /// All pages in one; fails the test where a page breaks a promise.
  ListPage list_all(ListRequest request);
  std::vector<std::string> keys(const std::string& prefix = {});
  Result<void> remove(const std::string& key) {
    return await<void>([&](auto done) { store_.remove(key, std::move(done)); });
  }
  Result<std::vector<DeleteFailure>> remove_many(std::vector<std::string> keys) {
    return await<std::vector<DeleteFailure>>(
        [&](auto done) { store_.remove_many(std::move(keys), std::move(done)); });
  }
  Result<ObjectInfo> copy(CopyRequest request) {
    return await<ObjectInfo>([&](auto done) { store_.copy(std::move(request), std::move(done)); });
  }
  Result<ObjectInfo> rename(RenameRequest request) {
    return await<ObjectInfo>(
        [&](auto done) { store_.rename(std::move(request), std::move(done)); });
  }
  Result<std::string> create_upload(const std::string& key, Metadata metadata = {}) {
    return await<std::string>([&](auto done) {
      store_.create_upload({.key = key, .metadata = std::move(metadata)}, std::move(done));
    });
  }
  Result<CompletedPart> upload_part(const std::string& key, const std::string& id, uint32_t number,
                                    const std::string& bytes);
  Result<CompletedPart> upload_part_copy(UploadPartCopy request) {
    return await<CompletedPart>(
        [&](auto done) { store_.upload_part_copy(std::move(request), std::move(done)); });
  }
  Result<ObjectInfo> complete(CompleteUpload request) {
    return await<ObjectInfo>(
        [&](auto done) { store_.complete_upload(std::move(request), std::move(done)); });
  }
  Result<void> abort(const std::string& key, const std::string& id) {
    return await<void>([&](auto done) { store_.abort_upload(key, id, std::move(done)); });
  }
  Result<std::vector<CompletedPart>> list_parts(const std::string& key, const std::string& id) {
    return await<std::vector<CompletedPart>>(
        [&](auto done) { store_.list_parts(key, id, std::move(done)); });
  }
  Result<std::vector<UploadInfo>> list_uploads(const std::string& prefix) {
    return await<std::vector<UploadInfo>>(
        [&](auto done) { store_.list_uploads(prefix, std::move(done)); });
  }
  /// Puts an empty object under each key, many at a time.
  void put_all(const std::vector<std::string>& keys);
  /// Removes every object and unfinished upload.
  void clear();

  /// Requires that the store does `behaviour` (that `works` says true); or, where limitations.cc
  /// says that it does not, that it still does not.
  void behaves(const std::string& behaviour, const std::function<bool()>& works);
  /// False where limitations.cc says that the store does not do `behaviour`: for what other
  /// behaviours are tested with. Some case must test it by `behaves`.
  bool can(const std::string& behaviour) const;

 private:
  const std::string name_;
  ObjectStore& store_;
};

/// Runs `test` once for every store, each time as a section of its own on an empty store.
void on_every_store(const std::function<void(Session&)>& test);

/// The value; fails the test with the error in words where there is none.
template <typename T>
T ok(Result<T> result) {
  if (!result) FAIL(result.error().describe());
  return std::move(*result);
}
inline void ok(const Result<void>& result) {
  if (!result) FAIL(result.error().describe());
}

/// The failure's code in words, "ok" if there is none.
template <typename T>
std::string outcome(const Result<T>& result) {
  return result ? "ok" : std::string(to_string(result.code()));
}

/// Those of `metadata` that are no headers, of which a server may add some of its own.
inline Metadata user_metadata(const std::optional<Metadata>& metadata) {
  Metadata user = metadata.value_or(Metadata());
  std::erase_if(user, [](const auto& entry) { return is_header(entry.first); });
  return user;
}

/// `size` bytes that differ from place to place and for each `seed`.
std::string pattern(size_t size, uint32_t seed = 1);

}  // namespace penstock::test
