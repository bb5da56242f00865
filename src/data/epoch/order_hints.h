// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/gate.h"
#include "base/mutex.h"
#include "base/scheduler.h"
#include "cache/disk_cache.h"
#include "data/epoch/epoch_metrics.h"
#include "data/read/read_engine.h"
#include "penstock/callback.h"

namespace penstock {

struct OrderHintsParts {
  ReadEngine& reads;
  DiskCache& cache;
  Scheduler& scheduler;
  uint32_t most_at_once = 0;  ///< Objects under way.
  uint64_t largest = 0;       ///< Bytes of an object; ReadOptions::whole_object_size at most.
  std::shared_ptr<EpochMetrics> metrics = std::make_shared<EpochMetrics>();
};

/// Fetches into the cache what programs say that they will read, in the order that they say: each
/// list in its own, the lists in turns, in the background. What is there and not read yet takes at
/// most half of the cache; for the rest goes what was used before any of it, so what is not on a
/// list, or was read. Bounded memory, no state that outlives it. Thread-safe. The parts must live
/// until stop() has returned.
class OrderHints : public std::enable_shared_from_this<OrderHints> {
 public:
  /// Finds the version that a read of the file would fetch, by its name from the mount's root;
  /// nothing where there is no such file. Answers on any thread, without locks.
  using FindVersion =
      std::function<void(std::string name, Callback<void(std::optional<ObjectVersion>)> answer)>;
  using ListId = uint64_t;

  explicit OrderHints(OrderHintsParts parts) : parts_(std::move(parts)) {}

  /// Before this nothing is fetched.
  void start(FindVersion find) EXCLUDES(mutex_);
  /// Gives up what is under way; nothing is begun after it has returned. Waits for neither network
  /// nor disk.
  void stop() EXCLUDES(mutex_);

  ListId begin() EXCLUDES(mutex_);
  /// `names` will be read next, in this order, `outside` others were no names. no_space: that would
  /// be more than is remembered of a list, or of all, and nothing was taken.
  Result<void> add(ListId list, std::vector<std::string> names, uint64_t outside) EXCLUDES(mutex_);
  /// Nothing is added any more. What is left is fetched on for some time.
  void end(ListId list) EXCLUDES(mutex_);
  /// True while something waits to be fetched.
  bool active() const noexcept { return names_ != 0; }

  /// A program has opened it. Returns who has that version in memory, or soon will; or null.
  std::shared_ptr<ObjectReader> opened(const ObjectVersion& version) EXCLUDES(mutex_);
  /// A program has read all of it.
  void read_whole(const ObjectVersion& version) EXCLUDES(mutex_);

  /// Bytes of the names that wait, in all and of one list.
  static constexpr uint64_t most_bytes = 64ULL << 20;
  static constexpr uint64_t most_bytes_of_list = 16ULL << 20;

 private:
  struct Name {
    std::string name;
    uint64_t number = 0;  // of all names, in the order in which they came
  };
  struct List {
    std::deque<Name> waiting;
    uint64_t bytes = 0;
  };
  /// What one place does.
  struct Item {
    ListId list = 0;
    uint64_t number = 0;
    ObjectVersion version;
    std::shared_ptr<ObjectReader> reader;
  };
  /// One object on its way into the cache, or there a moment ago.
  struct Fetching {
    std::shared_ptr<ObjectReader> reader;
    ETag etag;
    uint64_t size = 0;
  };
  /// One that is there and was not read yet.
  struct Ahead {
    ListId list = 0;
    uint64_t size = 0;
  };
  struct Room {
    bool there = false;
    int64_t idle_ns = 0;  ///< What was not used for longer may go for it; 0: nothing shall.
    uint64_t needed = 0;  ///< Bytes, with what is on its way.
  };
  struct Opened {
    size_t key = 0;
    uint64_t number = 0;  // of the newest name at that time
  };

  void wake() EXCLUDES(mutex_);
  void work() EXCLUDES(mutex_);
  bool take_next(Item& item, std::string& name, FindVersion& find) EXCLUDES(mutex_);
  void found(Item item, std::optional<ObjectVersion> version) EXCLUDES(mutex_);
  void consider(std::shared_ptr<Item> item) EXCLUDES(mutex_);
  void decide(const std::shared_ptr<Item>& item, const CacheShare& share) EXCLUDES(mutex_);
  Room find_room(uint64_t size, const CacheShare& share) REQUIRES(mutex_);
  void rest(const std::shared_ptr<Item>& item) EXCLUDES(mutex_);
  void rested() EXCLUDES(mutex_);
  void fetch(const std::shared_ptr<Item>& item) EXCLUDES(mutex_);
  void ended(const std::shared_ptr<Item>& item, const Result<bool>& result) EXCLUDES(mutex_);
  void note_ahead(const Item& item) REQUIRES(mutex_);
  void forget_ahead(size_t version) REQUIRES(mutex_);
  bool overtaken(const Item& item) const REQUIRES(mutex_);
  /// Gives up what has arrived, but for so many.
  void settle(size_t most, std::vector<std::shared_ptr<ObjectReader>>& garbage) REQUIRES(mutex_);
  void finish() EXCLUDES(mutex_);
  void drop(ListId list) EXCLUDES(mutex_);

  static constexpr size_t opened_slots = 8192;

  const OrderHintsParts parts_;
  Gate gate_;
  std::atomic<uint64_t> names_{0};  // that wait

  Mutex mutex_;
  FindVersion find_ GUARDED_BY(mutex_);
  std::map<ListId, List> lists_ GUARDED_BY(mutex_);
  ListId last_list_ GUARDED_BY(mutex_) = 0;  // that was begun
  ListId turn_ GUARDED_BY(mutex_) = 0;       // of the list that a name was taken from last
  uint64_t last_name_ GUARDED_BY(mutex_) = 0;
  uint64_t bytes_ GUARDED_BY(mutex_) = 0;  // of the names that wait
  uint32_t under_way_ GUARDED_BY(mutex_) = 0;
  bool awake_ GUARDED_BY(mutex_) = false;
  std::vector<std::shared_ptr<Item>> resting_ GUARDED_BY(mutex_);  // without room
  std::unordered_map<std::string, Fetching> fetching_ GUARDED_BY(mutex_);
  std::deque<std::string> arrived_ GUARDED_BY(mutex_);  // keys of fetching_ that are complete
  uint64_t pending_bytes_ GUARDED_BY(mutex_) = 0;       // that those in fetching_ will occupy
  uint64_t arrived_bytes_ GUARDED_BY(mutex_) = 0;       // of these, those in arrived_
  std::unordered_map<size_t, Ahead> ahead_ GUARDED_BY(mutex_);
  uint64_t ahead_bytes_ GUARDED_BY(mutex_) = 0;
  std::deque<std::pair<size_t, int64_t>> since_ GUARDED_BY(mutex_);  // of ahead_, oldest first
  std::array<Opened, opened_slots> opened_ GUARDED_BY(mutex_){};
};

}  // namespace penstock
