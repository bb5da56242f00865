// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
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
#include "data/epoch/epoch_watch.h"
#include "data/epoch/known_files.h"
#include "data/epoch/small_objects.h"
#include "data/read/read_engine.h"

namespace penstock {

struct EpochPrefetcherParts {
  ReadEngine& reads;
  DiskCache& cache;
  Scheduler& scheduler;
  uint32_t most_at_once = 0;  ///< Objects under way.
  uint64_t largest = 0;       ///< Bytes of an object; ReadOptions::whole_object_size at most.
  /// While this is true programs say themselves what they will read: nothing is begun. May be null.
  std::function<bool()> order_known;
  std::shared_ptr<EpochMetrics> metrics = std::make_shared<EpochMetrics>();
};

/// Fetches what is left of an epoch into the cache, as EpochWatch finds it right: in the
/// background, so many at once, and only into room that is free: nothing goes from the cache for
/// it, and nothing that a program has read is refused by its disk for it. It begins where the
/// reader is, and goes round once. Thread-safe. The parts must live until stop() has returned.
class EpochPrefetcher : public std::enable_shared_from_this<EpochPrefetcher> {
 public:
  explicit EpochPrefetcher(EpochPrefetcherParts parts) : parts_(std::move(parts)) {}

  /// Before this nothing is fetched.
  void start(FindKnownFiles find) EXCLUDES(mutex_);
  /// Gives up what is under way; nothing is begun, and `find` not called, after it has returned.
  /// Waits for neither network nor disk.
  void stop() EXCLUDES(mutex_);

  /// Whether an object is of those that are watched.
  bool watches(const ObjectVersion& version) const {
    return can_be_fetched(version, parts_.largest);
  }
  /// A program has opened it. Returns who has that version in memory, or soon will; or null.
  std::shared_ptr<ObjectReader> opened(const ObjectVersion& version) EXCLUDES(mutex_);
  /// A program has read all of it, which was in the cache as a whole before, or was not.
  void read_whole(const ObjectVersion& version, bool cached) EXCLUDES(mutex_);
  /// The epoch that is under way.
  std::optional<EpochWatch::Epoch> epoch() EXCLUDES(mutex_);

 private:
  /// One object on its way into the cache, or there a moment ago.
  struct Fetching {
    std::shared_ptr<ObjectReader> reader;
    ETag etag;
    uint64_t size = 0;
    bool read = false;  // a program has read it meanwhile
  };
  enum class Step : uint8_t { none, find_names, fetch };

  EpochWatch::From where_from(const ObjectVersion& version, bool cached) REQUIRES(mutex_);
  void wake() EXCLUDES(mutex_);
  void work() EXCLUDES(mutex_);
  bool may_begin(Scheduler::Time now) REQUIRES(mutex_);
  bool find_room(CacheShare& room);
  Step decide(const CacheShare& room, ObjectVersion& next, KnownFilesRequest& wanted)
      EXCLUDES(mutex_);
  void begin_round(const EpochWatch::Epoch& epoch) REQUIRES(mutex_);
  std::chrono::nanoseconds rest_before(uint64_t size, const CacheShare& room) const
      REQUIRES(mutex_);
  void remember(size_t version, bool unread) REQUIRES(mutex_);
  void take_names(KnownFiles found, const KnownFilesRequest& wanted) EXCLUDES(mutex_);
  void fetch(ObjectVersion version) EXCLUDES(mutex_);
  void ended(const std::string& key, const Result<uint64_t>& result) EXCLUDES(mutex_);
  void note_missed(const Result<uint64_t>& result, size_t version) REQUIRES(mutex_);
  void settle(std::vector<std::shared_ptr<ObjectReader>>& garbage, bool all) REQUIRES(mutex_);
  void tick_later() EXCLUDES(mutex_);
  void ticked() EXCLUDES(mutex_);
  bool opened_lately(const std::string& key) const REQUIRES(mutex_);

  const EpochPrefetcherParts parts_;
  Gate gate_;  // held by all that calls others

  Mutex mutex_;
  FindKnownFiles find_ GUARDED_BY(mutex_);  // empty: not started, or stopped
  EpochWatch watch_ GUARDED_BY(mutex_);
  bool awake_ GUARDED_BY(mutex_) = false;  // work() is posted or runs
  bool again_ GUARDED_BY(mutex_) = false;  // something happened since it looked
  bool ticking_ GUARDED_BY(mutex_) = false;
  Scheduler::Time resting_until_ GUARDED_BY(mutex_){};
  uint32_t failures_ GUARDED_BY(mutex_) = 0;  // in a row

  /// The walk over the names of an epoch.
  struct Round {
    uint64_t id = 0;  // EpochWatch::Epoch::id
    std::string directory;
    bool below = false;
    std::string from;  // where it began
    std::string at;    // names up to here were found
    bool wrapped = false;
    bool done = false;
    uint64_t total = 0;  // names that were known when it began
    std::deque<ObjectVersion> files;
  };
  Round round_ GUARDED_BY(mutex_);
  uint64_t last_epoch_ GUARDED_BY(mutex_) = 0;  // Round::id of the last one
  std::string last_read_ GUARDED_BY(mutex_);

  std::unordered_map<std::string, Fetching> fetching_ GUARDED_BY(mutex_);  // by key
  // Of those the ones that have arrived, oldest first: the disk may not have them yet.
  std::deque<std::string> arrived_ GUARDED_BY(mutex_);
  uint64_t pending_bytes_ GUARDED_BY(mutex_) = 0;  // that `fetching_` takes of the cache
  uint64_t arrived_bytes_ GUARDED_BY(mutex_) = 0;
  // Versions that the present epoch is done with, by their hashes; those that were fetched ahead
  // and that nobody has read since, also of epochs before, are true.
  std::unordered_map<size_t, bool> done_with_ GUARDED_BY(mutex_);
  std::vector<size_t> opened_ GUARDED_BY(mutex_) = std::vector<size_t>(opened_slots);
  static constexpr size_t opened_slots = 512;
};

}  // namespace penstock
