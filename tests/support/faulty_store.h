// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "penstock/object_store.h"

namespace penstock::test {

/// Which calls fail, and how.
struct StoreFault {
  std::string operation;  ///< "Put", "UploadPart", … as in LoggedRequest; empty: any.
  std::string key;  ///< As in LoggedRequest (a copy's target, a listing's prefix); empty: any.
  uint64_t nth =
      1;  ///< The first of the matching calls, counted from when the fault was added, that fails.
  uint64_t times = 1;  ///< How many from there on fail.
  Error error = Error(Code::unavailable, "injected");
  /// before: the call has no effect. after: it has its effect and only its reply is lost.
  enum class When { before, after } when = When::before;
  /// Of a Get: this many bytes (or all, if there are fewer) reach the sink before the call fails.
  std::optional<uint64_t> after_body_bytes;
};

/// An ObjectStore in front of another one, whose calls a test makes fail or wait. Every operation
/// goes through the same gate, so each can. Thread-safe; `inner` must outlive it.
class FaultyStore final : public ObjectStore {
 public:
  explicit FaultyStore(ObjectStore& inner) : inner_(inner) {}
  /// Calls that are still held end with Code::cancelled.
  ~FaultyStore() override;

  void add(StoreFault fault) EXCLUDES(mutex_);
  /// Each RemoveMany goes through but for this key, until the faults are cleared.
  void keep(std::string key, Error error) EXCLUDES(mutex_);
  void clear_faults() EXCLUDES(mutex_);
  /// Calls of `operation` ("" for all) that arrive from now on wait, without effect, until they are
  /// released.
  void hold(std::string operation) EXCLUDES(mutex_);
  /// Lets the calls that wait go on, in order of their arrival, and holds no more.
  void release_all() EXCLUDES(mutex_);
  /// Lets the first waiting call of `operation` ("" for any) go on; false if none waits. Goes on
  /// holding.
  bool release_one(std::string_view operation = {}) EXCLUDES(mutex_);
  /// The same of the last one.
  bool release_last(std::string_view operation = {}) EXCLUDES(mutex_);
  /// Calls that wait, and all later ones, end without effect, as if the caller had died.
  void cut_off() EXCLUDES(mutex_);
  /// Calls of `operation` ("" for all) that wait now, or have arrived so far.
  size_t held(std::string_view operation = {}) const EXCLUDES(mutex_);
  size_t count(std::string_view operation = {}) const EXCLUDES(mutex_);

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
  struct ActiveFault {
    StoreFault fault;
    uint64_t seen = 0;
  };
  // A call that waits: go_on(true) does it, go_on(false) ends it with Code::cancelled.
  struct Held {
    std::string operation;
    Callback<void(bool)> go_on;
  };

  bool release(std::string_view operation, bool last) EXCLUDES(mutex_);
  // The one gate: counts the call, finds its fault, holds it; `forward(fault, done)` calls the
  // inner store.
  template <typename T, typename Forward>
  void pass(const std::string& operation, const std::string& key, Done<T> done, Forward forward);
  template <typename Request, typename T>
  void pass_request(void (ObjectStore::*method)(Request, Done<T>), const std::string& operation,
                    const std::string& key, Request request, Done<T> done);
  std::optional<StoreFault> find_fault(const std::string& operation, const std::string& key)
      REQUIRES(mutex_);

  // Takes those that are to be kept out of `keys`.
  std::vector<DeleteFailure> take_kept(std::vector<std::string>& keys) EXCLUDES(mutex_);

  ObjectStore& inner_;
  mutable Mutex mutex_;
  std::vector<ActiveFault> faults_ GUARDED_BY(mutex_);
  std::map<std::string, Error> kept_ GUARDED_BY(mutex_);
  bool cut_off_ GUARDED_BY(mutex_) = false;
  std::set<std::string> holding_ GUARDED_BY(mutex_);
  std::deque<Held> held_ GUARDED_BY(mutex_);
  std::vector<std::string> arrived_ GUARDED_BY(mutex_);
};

}  // namespace penstock::test
