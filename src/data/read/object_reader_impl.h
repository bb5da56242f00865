// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/mutex.h"
#include "data/read/cache_link.h"
#include "data/read/dense_reads.h"
#include "data/read/fetch.h"
#include "data/read/fetch_map.h"
#include "data/read/file_ends.h"
#include "data/read/pending_read.h"
#include "data/read/read_core.h"
#include "data/read/read_stream.h"
#include "data/read/read_window.h"

namespace penstock {

/// The reader of one object version.
///
/// Everything is decided under its lock and done after it: what a method decides goes into an
/// Aftermath (GETs to start and to stop, answers, memory to give back), which run() carries out
/// without the lock. A read is in one of these states:
///   answered  its bytes were here; no PendingRead was made
///   pinned    its PendingRead is pinned to every fetch that has or will have its bytes
///   parked    it waits for the budget, holding nothing; a grant makes it start over (resume)
///   finished  answered, failed, interrupted, or its reader was closed
class ObjectReaderImpl final : public ObjectReader,
                               public FetchOwner,
                               public Shedder,
                               public std::enable_shared_from_this<ObjectReaderImpl> {
 public:
  /// `cache` may be null.
  ObjectReaderImpl(std::shared_ptr<ReadCore> core, ObjectVersion version,
                   std::shared_ptr<CacheLink> cache,
                   std::function<void(const ObjectInfo&)> learned);

  void read(ByteRange range, std::stop_token cancel, Done<Slices> done) override EXCLUDES(mutex_);
  void begin(Done<bool> done) override EXCLUDES(mutex_);
  void find_backing(Done<std::shared_ptr<const BackingFile>> done) override;
  void cache_share(Done<CacheShare> done) override;
  void fetch_ahead(ByteRange range, Done<uint64_t> done) override EXCLUDES(mutex_);
  /// Cancels what is on its way and answers everyone who waits with Code::cancelled.
  void close() EXCLUDES(mutex_);

  void advanced(Fetch& fetch, uint64_t up_to) noexcept override EXCLUDES(mutex_);

  uint64_t shed(uint64_t wanted, Level level) override EXCLUDES(mutex_);
  void sweep(Scheduler::Time now) override EXCLUDES(mutex_);

 private:
  struct Answer {
    Done<Slices> done;
    Result<Slices> result;
  };
  struct Aftermath {
    std::vector<Answer> answers;
    std::vector<std::shared_ptr<Fetch>> starts;
    std::vector<std::shared_ptr<Fetch>> stops;
    std::vector<std::shared_ptr<Fetch>> awaited;
    std::vector<std::shared_ptr<PendingRead>> parks;
    bool idled = false;  ///< Memory may have become reclaimable.
    // Destroyed without the lock, because giving memory back runs whoever waits for it.
    std::vector<Reservation> memory;
    std::vector<std::shared_ptr<Buffer>> buffers;
    std::vector<std::shared_ptr<Fetch>> fetches;
    std::vector<std::shared_ptr<PendingRead>> reads;
  };

  struct Leftover {
    std::weak_ptr<Fetch> fetch;
    uint64_t bytes = 0;
  };

  Scheduler::Time last_use() const noexcept { return last_use_.load(std::memory_order_relaxed); }

  // Answering (object_reader_impl.cc).
  static Error closed_error();
  bool whole() const noexcept { return version_.size <= core_->options.whole_object_size; }
  bool arrived(ByteRange range) const REQUIRES(mutex_);
  /// Why nothing is begun any more; or nothing.
  std::optional<Error> ended() const REQUIRES(mutex_);
  void fetch_first(Done<bool> done) EXCLUDES(mutex_);
  Slices collect(ByteRange range, Aftermath& after) REQUIRES(mutex_);
  /// Looks, once, at what the object begins with.
  void recognise(const Slices& first, Aftermath& after) REQUIRES(mutex_);
  void tidy(ByteRange range, Aftermath& after) REQUIRES(mutex_);
  void tidy_dense(ByteRange range, Aftermath& after) REQUIRES(mutex_);
  void complete(PendingRead& read, Aftermath& after) REQUIRES(mutex_);
  void fail(PendingRead& read, const Error& error, Aftermath& after) REQUIRES(mutex_);
  void leave_queues(PendingRead& read, Aftermath& after) REQUIRES(mutex_);
  void watch(const std::shared_ptr<PendingRead>& read, const std::stop_token& cancel);
  void interrupt(const std::shared_ptr<PendingRead>& read) EXCLUDES(mutex_);
  void run(Aftermath after) EXCLUDES(mutex_);

  // Fetching (object_reader_fetch.cc).
  void start(const std::shared_ptr<Fetch>& fetch);
  void take_over(const std::shared_ptr<Fetch>& fetch) EXCLUDES(mutex_);
  void get(const std::shared_ptr<Fetch>& fetch);
  void finished(const std::shared_ptr<Fetch>& fetch, Result<ObjectInfo> result) EXCLUDES(mutex_);
  std::optional<Error> fault_of(const Fetch& fetch, const Result<ObjectInfo>& result) const;
  void lose(const std::shared_ptr<Fetch>& fetch, const Error& error, Aftermath& after)
      REQUIRES(mutex_);
  void lose_all(const Error& error, Aftermath& after) REQUIRES(mutex_);
  void drop(const Fetch& fetch, Aftermath& after) REQUIRES(mutex_);
  /// Drops what nobody may have read.
  void waste(const Fetch& fetch, Aftermath& after) REQUIRES(mutex_);
  bool awaited(const Fetch& fetch, Scheduler::Time now) const REQUIRES(mutex_);
  bool idle(const Fetch& fetch, Scheduler::Time now) const REQUIRES(mutex_);
  void count_streams(Scheduler::Time now) REQUIRES(mutex_);

  // For the cache (object_reader_ahead.cc).
  void fetch_for_cache(const std::vector<ByteRange>& lacking, Done<uint64_t> done) EXCLUDES(mutex_);
  void drop_kept(Aftermath& after) REQUIRES(mutex_);

  // Planning (object_reader_plan.cc).
  void admit(const std::shared_ptr<PendingRead>& read, const ReadStream* stream, Aftermath& after)
      REQUIRES(mutex_);
  bool provide(PendingRead& read, const ReadStream* stream, Aftermath& after) REQUIRES(mutex_);
  std::vector<Fetch::Spec> missing(const PendingRead& read, const ReadWindow* window) const
      REQUIRES(mutex_);
  static uint64_t granule_of(const ReadOptions& options, const ObjectVersion& version,
                             bool cached) noexcept;
  ByteRange rounded(ByteRange range) const noexcept;
  ReadWindow window_of(const ReadStream& stream) const REQUIRES(mutex_);
  void park(const std::shared_ptr<PendingRead>& read, uint64_t bytes, Aftermath& after)
      REQUIRES(mutex_);
  void reserve(const std::shared_ptr<PendingRead>& read) EXCLUDES(mutex_);
  void granted(const std::shared_ptr<PendingRead>& read, Reservation memory) EXCLUDES(mutex_);
  void resume(const std::shared_ptr<PendingRead>& read) EXCLUDES(mutex_);
  void plan_ahead(const ReadPattern& pattern, Aftermath& after) REQUIRES(mutex_);
  void plan_stream(ReadStream& stream, Aftermath& after) REQUIRES(mutex_);
  void plan_strides(const StridePrefetch& prefetch, Aftermath& after) REQUIRES(mutex_);
  /// Fetches the tail of an object that is read at its ends.
  void plan_tail(Aftermath& after) REQUIRES(mutex_);
  void plan_dense(ByteRange range, bool missed, Aftermath& after) REQUIRES(mutex_);
  /// Fetches what of `within` was not read and is not on its way, in pieces of `piece`, until
  /// `held` bytes have become `most`. How many they are then.
  uint64_t fetch_unread(ByteRange within, uint64_t piece, uint64_t held, uint64_t most,
                        Aftermath& after) REQUIRES(mutex_);
  void make_fetch(Fetch::Spec spec, Reservation memory, Aftermath& after) REQUIRES(mutex_);

  const std::shared_ptr<ReadCore> core_;
  const ObjectVersion version_;
  const std::shared_ptr<CacheLink> cache_;
  const uint64_t granule_;  ///< Random reads are widened to this alignment.
  std::atomic<Scheduler::Time> last_use_;
  std::atomic<bool> asked_ = false;  ///< The store, since fetch_first began last.

  Mutex mutex_;
  bool closed_ GUARDED_BY(mutex_) = false;
  /// The object is not this version any more, or bytes of it that were handed on were wrong.
  std::optional<Error> broken_ GUARDED_BY(mutex_);
  std::function<void(const ObjectInfo&)> learned_ GUARDED_BY(mutex_);  ///< Empty once called.
  FetchMap fetches_ GUARDED_BY(mutex_);
  ReadStreams streams_ GUARDED_BY(mutex_);
  DenseReads dense_ GUARDED_BY(mutex_);
  FileEnds ends_ GUARDED_BY(mutex_);
  int32_t counted_streams_ GUARDED_BY(mutex_) = 0;
  std::vector<std::shared_ptr<PendingRead>> parked_ GUARDED_BY(mutex_);
  std::deque<Leftover> leftovers_
      GUARDED_BY(mutex_);  ///< Spot fetches that were used, oldest first.
  uint64_t leftover_bytes_ GUARDED_BY(mutex_) = 0;
};

}  // namespace penstock
