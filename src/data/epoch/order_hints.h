// SPDX-License-Identifier: Apache-2.0
#pragma once

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
#include "data/epoch/growing_pause.h"
#include "data/epoch/hint_room.h"
#include "data/epoch/large_hints.h"
#include "data/epoch/opened_files.h"
#include "data/read/read_engine.h"
#include "penstock/callback.h"

namespace penstock {

struct OrderHintsParts {
  ReadEngine& reads;
  DiskCache& cache;
  Scheduler& scheduler;
  uint32_t most_at_once = 0;  ///< Requests under way.
  uint64_t whole = 0;         ///< ReadOptions::whole_object_size: larger ones come in pieces.
  std::shared_ptr<EpochMetrics> metrics = std::make_shared<EpochMetrics>();
};

/// Fetches into the cache what programs say that they will read, in the order that they say: each
/// list in its own, the lists in turns, in the background; large ones by LargeHints. What is there
/// and not read yet takes at most half of the cache; for the rest goes what was used before any of
/// it, so what is not on a list, or was read. Bounded memory, no state that outlives it.
/// Thread-safe. The parts must live until stop() has returned.
class OrderHints : public std::enable_shared_from_this<OrderHints> {
 public:
  /// Finds the version that a read of the file would fetch, by its name from the mount's root;
  /// nothing where there is no such file. Answers on any thread, without locks.
  using FindVersion =
      std::function<void(std::string name, Callback<void(std::optional<ObjectVersion>)> answer)>;
  using ListId = HintRoom::ListId;

  explicit OrderHints(OrderHintsParts parts);

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
  bool active() const { return names_ != 0 || large_->files() != 0; }

  /// A program has opened it. Returns who has that version in memory, or soon will; or null.
  std::shared_ptr<ObjectReader> opened(const ObjectVersion& version) EXCLUDES(mutex_);
  /// A program opens an object that is not fetched whole. Returns who fetches that version, or a
  /// new one by `open`, see OpenedFiles.
  std::shared_ptr<ObjectReader> open_large(const ObjectVersion& version,
                                           const OpenedFiles::Open& open) EXCLUDES(mutex_);
  /// Whether an object is of those that are fetched in pieces.
  bool is_large(const ObjectVersion& version) const {
    return version.size > parts_.whole && !version.etag.empty();
  }
  /// A program has read all of it.
  void read_whole(const ObjectVersion& version) EXCLUDES(mutex_);

  struct State {
    uint64_t waiting = 0;  ///< Names that nothing was fetched for yet, and large files under way.
    uint64_t ahead = 0;    ///< Bytes of the cache that what was not read yet takes, or will.
  };
  State state();

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
    GrowingPause pause = {};     // while the disk is away, without memory, after a failure
    Scheduler::Time until = {};  // before which it is not tried again
    bool repeated = false;       // it has failed once
  };
  /// One object on its way into the cache, or there a moment ago.
  struct Fetching {
    std::shared_ptr<ObjectReader> reader;
    ETag etag;
    uint64_t size = 0;
  };
  using Lists = std::map<ListId, List>;

  void wake() EXCLUDES(mutex_);
  void work() EXCLUDES(mutex_);
  /// Whose turn it is; the end where no list has a name to be looked up now.
  Lists::iterator next_list() REQUIRES(mutex_);
  bool take_next(Item& item, std::string& name, FindVersion& find) EXCLUDES(mutex_);
  void found(Item item, std::optional<ObjectVersion> version) EXCLUDES(mutex_);
  void consider(std::shared_ptr<Item> item) EXCLUDES(mutex_);
  void decide(const std::shared_ptr<Item>& item, const CacheShare& share) EXCLUDES(mutex_);
  HintRoom::Room find_room(uint64_t size, const CacheShare& share);
  void rest(const std::shared_ptr<Item>& item) EXCLUDES(mutex_);
  void rested() EXCLUDES(mutex_);
  void fetch(const std::shared_ptr<Item>& item) EXCLUDES(mutex_);
  void ended(const std::shared_ptr<Item>& item, const Result<uint64_t>& result) EXCLUDES(mutex_);
  void note_ahead(const Item& item);
  bool overtaken(const Item& item);
  /// Gives up what has arrived, but for so many.
  void settle(size_t most, std::vector<std::shared_ptr<ObjectReader>>& garbage) REQUIRES(mutex_);
  void finish() EXCLUDES(mutex_);
  void drop(ListId list) EXCLUDES(mutex_);

  const OrderHintsParts parts_;
  HintRoom room_;
  OpenedFiles opened_;
  const std::shared_ptr<LargeHints> large_;
  Gate gate_;
  std::atomic<uint64_t> names_{0};  // that wait

  Mutex mutex_;
  FindVersion find_ GUARDED_BY(mutex_);
  Lists lists_ GUARDED_BY(mutex_);
  ListId last_list_ GUARDED_BY(mutex_) = 0;  // that was begun
  ListId turn_ GUARDED_BY(mutex_) = 0;       // of the list that a name was taken from last
  uint64_t bytes_ GUARDED_BY(mutex_) = 0;    // of the names that wait
  bool awake_ GUARDED_BY(mutex_) = false;
  std::vector<std::shared_ptr<Item>> resting_ GUARDED_BY(mutex_);  // without room
  std::unordered_map<std::string, Fetching> fetching_ GUARDED_BY(mutex_);
  std::deque<std::string> arrived_ GUARDED_BY(mutex_);  // keys of fetching_ that are complete
};

}  // namespace penstock
