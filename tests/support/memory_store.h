// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/scheduler.h"
#include "penstock/object_store.h"

namespace penstock::test {

struct MemoryStoreOptions {
  StoreLimits limits;  ///< Enforced; tests lower min_part_size to work with small parts.
  Scheduler* scheduler =
      nullptr;  ///< Null: everything happens, and `done` runs, before the call returns.
  size_t piece_size =
      64 << 10;                ///< Bytes per write to a sink; with a scheduler one piece per step.
  bool content_etags = false;  ///< The same bytes, or the same parts: the same ETag, as on S3.
  /// The most keys on a page, whatever was asked for.
  uint32_t page_limit = 1000;
  /// A listing's first page has none, and says that there is more, as S3 may.
  bool empty_first_page = false;
};

/// One call as it arrived, in order.
struct LoggedRequest {
  std::string
      operation;  ///< As the method, in upper camel case: "Get", "UploadPart", "RemoveMany".
  std::string
      key;  ///< The prefix of listings, the target of copies and renames, the first of RemoveMany.
  std::optional<ByteRange> range;  ///< Of Get and UploadPartCopy.
};

/// An ObjectStore in memory that follows S3: conditions, ranges, byte-ordered listings with
/// delimiter and pages, multipart. Every version has an ETag of its own (also where the bytes are
/// the same). With a scheduler a call does nothing until the scheduler runs it, and takes effect in
/// one step (a get sees one version, looked up in its first step). Thread-safe.
class MemoryStore : public ObjectStore {
 public:
  explicit MemoryStore(MemoryStoreOptions options = {});
  ~MemoryStore() override;

  StoreLimits limits() const override;
  std::string identity() const override { return "memory"; }

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

  // What another client of the bucket does and sees; at once, not logged.

  /// Returns the new version's ETag.
  ETag set(const std::string& key, std::string_view contents, Metadata metadata = {});
  void erase(const std::string& key);
  /// What is written from now on is newer by this.
  void turn_clock(std::chrono::nanoseconds ahead);
  std::optional<std::string> contents(const std::string& key) const;
  std::optional<ObjectInfo> info(const std::string& key) const;
  std::vector<std::string> keys() const;
  std::vector<UploadInfo> unfinished_uploads() const;

  std::vector<LoggedRequest> requests() const;
  /// Logged calls of one operation ("" for all).
  size_t count(std::string_view operation) const;
  void clear_requests();

  struct State;

 private:
  template <typename T, typename Operation>
  void run(LoggedRequest logged, Done<T> done, Operation operation);

  const std::shared_ptr<State> state_;
};

}  // namespace penstock::test
