// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "base/deferred.h"
#include "base/mutex.h"
#include "penstock/result.h"

namespace penstock {

/// One file, as the classes see it that know one side of it: its lock, and how to keep the file.
/// Those classes need no lock of their own, for their methods are called under the file's.
///
/// The analysis of locks is off where those classes call, for the compiler cannot know that the
/// lock is theirs; the file itself guards each of them by its lock.
class LockedFile {
 public:
  /// Runs `work(Deferred&)` under the file's lock, which the caller does not hold.
  template <typename Work>
  void run(Work&& work) {
    Deferred after;
    const MutexLock lock(mutex_);
    std::forward<Work>(work)(after);
  }
  /// Keeps the file for as long as somebody holds it.
  virtual std::shared_ptr<void> keep() = 0;

 protected:
  LockedFile() = default;
  ~LockedFile() = default;
  LockedFile(const LockedFile&) = delete;
  LockedFile& operator=(const LockedFile&) = delete;

  mutable Mutex mutex_;
};

/// One file's order of things. Whatever changes the file runs under its lock, one after another;
/// what waits for the store, the disk or memory comes back here. So do the handlers of the answers
/// to the requests of the classes that know one side of the file (its upload, its commit, ...).
class FileStrand : public LockedFile {
 public:
  /// For a request that begins now: its answer is given to `handle(Result<T>, Deferred&)` under the
  /// file's lock, and then whatever waits in the file is looked at. Until the answer the file is
  /// kept, and counts as busy. The caller holds the file's lock; who gives the answer holds none.
  template <typename T, typename Handler>
  Done<T> answer(Handler handle) NO_THREAD_SAFETY_ANALYSIS {
    ++busy_;
    return [this, keep = keep(), handle = std::move(handle)](Result<T> result) mutable {
      {
        Deferred after;
        const MutexLock lock(mutex_);
        --busy_;
        handle(std::move(result), after);
      }
      went_on();
    };
  }
  /// Something is under way.
  bool busy() const NO_THREAD_SAFETY_ANALYSIS { return busy_ > 0; }

 protected:
  FileStrand() = default;
  ~FileStrand() = default;

 private:
  /// Something that was under way has ended. Called without the lock.
  virtual void went_on() EXCLUDES(mutex_) = 0;

  uint32_t busy_ GUARDED_BY(mutex_) = 0;
};

}  // namespace penstock
