// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
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
#include "data/epoch/opened_files.h"
#include "data/read/read_engine.h"

namespace penstock {

struct LargeHintsParts {
  ReadEngine& reads;
  DiskCache& cache;
  Scheduler& scheduler;
  HintRoom& room;
  OpenedFiles& opened;
  std::function<void()> more;  ///< A list may be given more, or a place is free.
  std::shared_ptr<EpochMetrics> metrics;
};

/// Fetches large objects into the cache, one after the other, each in pieces that are under way at
/// once: those of a list in its order, the lists in turns. An object is begun when all of it has
/// room, and not at all where it is larger than what may be ahead. What waits for the cache's disk,
/// and what is on its way, is at most half of the disk's queue. For OrderHints. Thread-safe. The
/// parts must live until stop() has returned.
class LargeHints : public std::enable_shared_from_this<LargeHints> {
 public:
  using ListId = HintRoom::ListId;

  explicit LargeHints(LargeHintsParts parts);

  /// Gives up what is under way; nothing is begun after it has returned. Waits for nothing.
  void stop() EXCLUDES(mutex_);
  /// The next object of a list, which was hinted with that number.
  void add(ListId list, uint64_t number, ObjectVersion version) EXCLUDES(mutex_);
  /// True where so many objects of the list wait that it should be given no more.
  bool full(ListId list) EXCLUDES(mutex_);
  void drop(ListId list) EXCLUDES(mutex_);
  /// A place may be free.
  void wake() EXCLUDES(mutex_);
  /// A program has opened this version.
  void opened(const ObjectVersion& version) EXCLUDES(mutex_);
  /// Objects that wait or are under way.
  size_t files() EXCLUDES(mutex_);
  /// What programs had open, and have closed by now, counts as read.
  void forget_closed() EXCLUDES(mutex_);

 private:
  enum class State : uint8_t {
    fresh,    ///< Whether it can be begun is to be found out.
    asking,   ///< That is being found out.
    waiting,  ///< It cannot now.
    begun,    ///< Its pieces are fetched.
    arrived,  ///< All of them, and the disk writes them.
    over,
  };
  struct Piece {
    ByteRange range;
    bool repeated = false;  // it has failed once
  };
  struct File {
    ListId list = 0;
    uint64_t number = 0;
    ObjectVersion version;
    int64_t since_ns = 0;
    std::shared_ptr<ObjectReader> reader;
    State state = State::fresh;
    std::vector<Piece> again;  // those that found no memory, or failed once
    uint64_t next = 0;         // where the first piece begins that was not begun
    uint64_t fetched = 0;
    uint64_t coming = 0;  // that HintRoom was told of
    uint32_t under_way = 0;
    bool starved = false;     // there was no memory for a piece, or one failed
    GrowingPause pause;       // while there is none, while the store fails or the disk is away
    Scheduler::Time until{};  // before which it is not tried again
  };
  using FilePtr = std::shared_ptr<File>;
  struct Step {
    FilePtr file;
    Piece piece;  // of length 0: it is to be found out whether the file can be begun
    std::shared_ptr<ObjectReader> reader = nullptr;
    bool blocked = false;  // by the disk
  };
  using Garbage = std::vector<std::shared_ptr<ObjectReader>>;

  void work() EXCLUDES(mutex_);
  bool choose(Step& step) EXCLUDES(mutex_);
  bool choose_of(const std::deque<FilePtr>& files, Step& step) REQUIRES(mutex_);
  bool begin_piece(const FilePtr& file, Step& step) REQUIRES(mutex_);
  void ask(const FilePtr& file) EXCLUDES(mutex_);
  void told(const FilePtr& file, const CacheShare& share) EXCLUDES(mutex_);
  HintRoom::Room begin(const FilePtr& file, const CacheShare& share, Garbage& garbage)
      REQUIRES(mutex_);
  void fetch(const Step& step);
  void ended(const FilePtr& file, const Piece& piece, const Result<uint64_t>& result)
      EXCLUDES(mutex_);
  void note_end(const FilePtr& file, const Piece& piece, const Result<uint64_t>& result,
                Garbage& garbage) REQUIRES(mutex_);
  void try_again(File& file, const Piece& piece) REQUIRES(mutex_);
  void settled(const FilePtr& file, const CacheShare& share) EXCLUDES(mutex_);
  void remove(const FilePtr& file, Garbage& garbage) REQUIRES(mutex_);
  void give_up(const FilePtr& file, Garbage& garbage) REQUIRES(mutex_);
  bool fetched_by_another(const File& file) const REQUIRES(mutex_);
  void rest() EXCLUDES(mutex_);
  void rested() EXCLUDES(mutex_);
  void forget_read() REQUIRES(mutex_);

  const LargeHintsParts parts_;
  const uint64_t piece_;
  Gate gate_;

  Mutex mutex_;
  bool stopped_ GUARDED_BY(mutex_) = false;
  bool awake_ GUARDED_BY(mutex_) = false;
  bool resting_ GUARDED_BY(mutex_) = false;
  std::map<ListId, std::deque<FilePtr>> lists_ GUARDED_BY(mutex_);
  ListId turn_ GUARDED_BY(mutex_) = 0;
  uint64_t in_flight_ GUARDED_BY(mutex_) = 0;  // bytes of pieces
  // Of what is ahead what a program has opened, by its hash.
  std::unordered_map<size_t, ObjectVersion> being_read_ GUARDED_BY(mutex_);
};

}  // namespace penstock
