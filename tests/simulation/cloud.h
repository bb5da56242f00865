// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "penstock/object_store.h"
#include "simulation/pool.h"
#include "simulation/world.h"
#include "support/memory_store.h"

namespace penstock::sim {

/// Who changes the bucket: a node by its number, or the other S3 client.
constexpr int foreign_client = -1;
/// What a process of the node had sent before it was killed: others' to the node's next process.
constexpr int killed(int node) { return 1000 + node; }
/// The node, of its present process or of one that was killed.
constexpr int node_of(int actor) { return actor >= 1000 ? actor - 1000 : actor; }

/// How the store behaves in one run.
struct CloudOptions {
  Nanos fastest = 100 * microsecond;  ///< One way.
  Nanos slowest = 5 * millisecond;
  uint64_t slow_one_in = 0;  ///< One way in so many takes up to `slow` instead.
  Nanos slow = second;
  uint64_t refuse_one_in = 0;  ///< 503, and nothing happened.
  uint64_t lose_one_in = 0;    ///< It happened, and the answer is lost.
  uint64_t cut_one_in = 0;     ///< A body that breaks off.
  uint32_t page = 1000;        ///< Keys of a listing's page, at most.
  uint32_t list_page_least = 1000;
  StoreLimits limits;
};

/// One version of one key, or its absence.
struct StoredState {
  bool exists = false;
  std::string bytes;
  ETag etag;
  Metadata metadata;
  int64_t modified_ns = 0;
};

struct StoreChange {
  std::string key;
  int actor = foreign_client;
  const char* operation = "";
  StoredState before;
  StoredState after;
};

/// The bucket, with S3's rules, and who wants to know of each change at its moment.
class Cloud {
 public:
  Cloud(World& world, CloudOptions options);

  World& world;
  const CloudOptions options;
  test::MemoryStore memory;
  const GroupPtr group = std::make_shared<Group>("cloud");
  std::function<void(const StoreChange&)> on_change;
  /// Who asked for that change, which was done then, has been told so by now.
  std::function<void(int actor, const std::string& key, Nanos at)> on_answered;
  /// A node was told of an object's version by its GET: so that it learns whether a put of its own,
  /// whose answer was lost, was done.
  std::function<void(int actor, const ObjectInfo& object)> on_got;
  bool faults = true;  ///< Off at the end of a run.
  uint64_t in_flight = 0;

  StoredState state(const std::string& key) const;
  /// Runs `effect`, which changes at most `keys`, at once and tells of the changes.
  void change(int actor, const char* operation, const std::vector<std::string>& keys,
              const std::function<void()>& effect);
  /// The other client's.
  void put(const std::string& key, const std::string& bytes);
  void remove(const std::string& key);
};

/// How one node reaches the bucket: each request takes effect some time after it was sent, and is
/// answered some time after that, by one of two threads.
class CloudClient final : public ObjectStore {
 public:
  CloudClient(Cloud& cloud, int node, GroupPtr group);

  StoreLimits limits() const override { return cloud_.options.limits; }
  std::string identity() const override { return "simulated"; }

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
  struct Delivery;
  template <typename T, typename Request>
  void pass(const char* name, const std::string& key, std::vector<std::string> changed,
            void (ObjectStore::*method)(Request, Done<T>), Request request, Done<T> done,
            std::stop_token cancel = {});
  template <typename T>
  void send(const char* name, const std::string& key, std::vector<std::string> changed,
            Callback<Result<T>()> effect, Done<T> done, std::stop_token cancel);
  Nanos latency(const std::string& kind);
  template <typename T>
  void answer(Nanos delay, Result<T> result, Done<T> done, std::stop_token cancel);
  void deliver(std::shared_ptr<Delivery> delivery);

  Cloud& cloud_;
  int actor() const { return group_->alive ? node_ : killed(node_); }

  const int node_;
  const GroupPtr group_;
  Pool loops_;
};

}  // namespace penstock::sim
