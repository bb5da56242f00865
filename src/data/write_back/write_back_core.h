// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <memory>

#include "base/gate.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/scheduler.h"
#include "data/copy/object_copier.h"
#include "data/write/write_engine.h"
#include "data/write_back/full_disk.h"
#include "journal/journal.h"

namespace penstock {

struct WriteBackParts {
  DirectWriteEngine& direct;
  Journal& journal;
  ObjectStore& store;
  ObjectCopier& copier;
  Scheduler& scheduler;  ///< May block on the journal's disk.
  std::shared_ptr<Log> log;
};

/// How many files upload at once; the others wait for their turn, in order. Thread-safe.
class UploadTurns {
 public:
  UploadTurns(uint32_t turns, Scheduler& scheduler) : free_(turns), scheduler_(scheduler) {}

  /// Runs `work` on the scheduler when a turn is free; it ends with give().
  void take(Callback<void()> work) EXCLUDES(mutex_) {
    {
      const MutexLock lock(mutex_);
      if (free_ == 0) return waiting_.push_back(std::move(work));
      --free_;
    }
    scheduler_.post(std::move(work));
  }
  void give() EXCLUDES(mutex_) {
    Callback<void()> next;
    {
      const MutexLock lock(mutex_);
      if (waiting_.empty()) {
        ++free_;
        return;
      }
      next = std::move(waiting_.front());
      waiting_.pop_front();
    }
    scheduler_.post(std::move(next));
  }

 private:
  Mutex mutex_;
  uint32_t free_ GUARDED_BY(mutex_);
  Scheduler& scheduler_;
  std::deque<Callback<void()>> waiting_ GUARDED_BY(mutex_);
};

/// What the pending files of one mount share. Outlives all of them: each holds a pass of the gate.
struct WriteBackCore {
  explicit WriteBackCore(WriteBackParts the_parts)
      : parts(std::move(the_parts)),
        turns(uploads_at_once, parts.scheduler),
        full_disk(parts.log) {}

  /// As many small PUTs as hide a round trip of 30 ms at 2,000 files per second.
  static constexpr uint32_t uploads_at_once = 64;

  const WriteBackParts parts;
  UploadTurns turns;
  FullDisk full_disk;
  Gate gate;
};

}  // namespace penstock
