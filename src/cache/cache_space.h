// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/log.h"
#include "base/mutex.h"
#include "base/scheduler.h"
#include "cache/cache_directory.h"
#include "cache/map_format.h"
#include "penstock/options.h"

namespace penstock {

/// How much the cache may keep, and how much it does: the limit on what all processes together
/// occupy, and the part of the disk that stays free. Thread-safe.
class CacheSpace {
 public:
  /// Makes room: tries to free this many bytes, of what was not used for longer than `idle_ns`,
  /// reports each removal to changed(), and returns what it freed. Called by one thread at a time,
  /// without a lock.
  using Evict = std::function<uint64_t(uint64_t wanted, int64_t idle_ns)>;

  CacheSpace(std::shared_ptr<Disk> disk, const CacheDirectory& directory, CacheOptions options,
             std::shared_ptr<Scheduler> scheduler, std::shared_ptr<Log> log, Evict evict);

  /// Learns the limits that follow from the disk's size. 0, or a negated errno.
  int learn_limits() EXCLUDES(mutex_);

  /// Takes `bytes` that are about to be written, after eviction if need be (which blocks). False
  /// where there is no room, and while another thread makes some: nobody waits for that. Give them
  /// back with settle() when they are on the disk, or are not. With `idle_ns` only what was not
  /// used for longer goes for them, and they leave spare what an eviction for others has made free.
  bool admit(uint64_t bytes, int64_t idle_ns = 0) EXCLUDES(mutex_);
  /// Asks the disk how full it is, where that is not known as of a second and 64 MiB ago.
  void look_if_due() EXCLUDES(mutex_);
  /// Whether admit() would take `bytes` with any `idle_ns`, and remove nothing. As far as is known.
  bool has_spare(uint64_t bytes) EXCLUDES(mutex_);
  void settle(uint64_t bytes) EXCLUDES(mutex_);
  /// True while new files should not be begun: the last eviction did not find enough.
  bool exhausted() EXCLUDES(mutex_);

  /// True where so much is kept that something should go, even if nothing is written.
  bool over_limit() EXCLUDES(mutex_);

  /// Counts what files of the cache occupy more or less than before. True where a sync() should be
  /// scheduled, once for any number of changes.
  [[nodiscard]] bool changed(int64_t bytes, int64_t files) EXCLUDES(mutex_);
  /// Exchanges changes with the other processes, through the usage file. 0, or a negated errno;
  /// -EWOULDBLOCK where another process does not let go of it: then a sync() should be scheduled.
  /// `known` is set to false where that file had to be begun anew.
  int sync(bool& known) EXCLUDES(mutex_);
  /// Replaces the shared count by one that was made while the usage went on from `at_start`.
  int recounted(const Usage& counted, const Usage& at_start) EXCLUDES(mutex_);

  /// Of all processes, as far as this one knows.
  Usage used() EXCLUDES(mutex_);
  uint64_t size_limit() EXCLUDES(mutex_);

  struct Room {
    uint64_t limit = 0;
    uint64_t used = 0;
    uint64_t free = 0;
    uint64_t min_free = 0;
  };
  /// As of a second ago at most; asks the disk where that is longer ago.
  Room room() EXCLUDES(mutex_);
  /// True where room() would not ask the disk.
  bool room_known() EXCLUDES(mutex_);

 private:
  enum class Verdict : uint8_t { fits, full, evict };

  Verdict judge(uint64_t bytes, int64_t idle_ns, uint64_t& wanted) EXCLUDES(mutex_);
  uint64_t excess(uint64_t bytes, bool sparing) const REQUIRES(mutex_);
  uint64_t used_bytes() const REQUIRES(mutex_);
  bool looked_lately() const REQUIRES(mutex_);
  void look_at_disk() EXCLUDES(mutex_);
  /// Nothing that could be removed has made room for `bytes`.
  void note_exhausted(uint64_t bytes, int64_t idle_ns) EXCLUDES(mutex_);

  const std::shared_ptr<Disk> disk_;
  const CacheDirectory& directory_;
  const CacheOptions options_;
  const std::shared_ptr<Scheduler> scheduler_;
  const std::shared_ptr<Log> log_;
  const Evict evict_;

  Mutex mutex_;
  uint64_t size_limit_ GUARDED_BY(mutex_) = 0;
  uint64_t min_free_ GUARDED_BY(mutex_) = 0;
  Usage shared_ GUARDED_BY(mutex_);           // as the usage file last said
  int64_t new_bytes_ GUARDED_BY(mutex_) = 0;  // of this process, not yet in that file
  int64_t new_files_ GUARDED_BY(mutex_) = 0;
  uint64_t admitted_ GUARDED_BY(mutex_) = 0;  // on their way to the disk
  bool sync_due_ GUARDED_BY(mutex_) = false;
  uint64_t available_ GUARDED_BY(mutex_) = 0;  // on the disk at looked_at_, less what was admitted
  uint64_t since_look_ GUARDED_BY(mutex_) = 0;
  Scheduler::Time looked_at_ GUARDED_BY(mutex_) = Scheduler::Time::min();
  bool evicting_ GUARDED_BY(mutex_) = false;
  Scheduler::Time exhausted_until_ GUARDED_BY(mutex_) = Scheduler::Time::min();
  Scheduler::Time nothing_idle_until_ GUARDED_BY(mutex_) = Scheduler::Time::min();
  int64_t nothing_idle_for_ GUARDED_BY(mutex_) = 0;  // that was looked for last, in vain
  bool said_low_ GUARDED_BY(mutex_) = false;         // that the disk has less free than min_free_
};

}  // namespace penstock
