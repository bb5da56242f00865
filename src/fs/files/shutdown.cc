// SPDX-License-Identifier: Apache-2.0
// What is written and not stored, and what becomes of it when the mount ends.
#include <algorithm>
#include <utility>

#include "fs/files/committer.h"

namespace penstock {
namespace {

/// Between tries of an upload that fails while the end waits for it.
constexpr std::chrono::seconds retry_pause{2};

}  // namespace

/// Collects the answers; whoever comes first of "all are in" and "time is up" reports.
struct Committer::Shutdown {
  Mutex mutex;
  std::vector<InodePtr> unsafe GUARDED_BY(mutex);  ///< Neither in the store nor promised.
  size_t missing GUARDED_BY(mutex) = 0;            ///< Not in the store, and not given up.
  bool leave_promised GUARDED_BY(mutex) = false;   ///< Waits for `unsafe` only.
  Callback<void(std::vector<std::string>)> done GUARDED_BY(mutex);

  bool over() EXCLUDES(mutex) {
    const MutexLock lock(mutex);
    return !done;
  }
};

std::vector<UnstoredFile> Committer::unstored() {
  std::vector<UnstoredFile> files;
  const MutexLock lock(core_.tree.mutex);
  for (const InodePtr& inode : core_.tree.writing()) {
    if (dirty_writer(*inode) == nullptr || promised(*inode)) continue;
    files.push_back({.path = core_.tree.path_of(*inode),
                     .size = inode->writer()->size(),
                     .open = inode->write_handles > 0});
  }
  return files;
}

void Committer::commit_all(std::chrono::milliseconds limit,
                           Callback<void(std::vector<std::string>)> done) {
  const auto shutdown = std::make_shared<Shutdown>();
  std::vector<InodePtr> dirty;
  std::shared_ptr<Shutdown> before;
  {
    const MutexLock lock(shutdown_mutex_);
    before = shutdown_;
    if (before == nullptr) shutdown_ = shutdown;
  }
  if (before != nullptr) {
    {
      const MutexLock lock(before->mutex);
      before->done = std::move(done);
      before->leave_promised = true;
    }
    return report(*before, false);
  }
  {
    const MutexLock lock(core_.tree.mutex);
    for (InodePtr& inode : core_.tree.writing()) {
      if (dirty_writer(*inode) != nullptr) dirty.push_back(std::move(inode));
    }
  }
  if (dirty.empty()) return done({});
  {
    const MutexLock lock(shutdown->mutex);
    shutdown->unsafe = dirty;
    shutdown->missing = dirty.size();
    shutdown->done = std::move(done);
  }
  core_.parts.log->info("ending: {} file(s) are still to be stored", dirty.size());
  core_.after(limit, [this, shutdown] { report(*shutdown, true); });
  for (const InodePtr& inode : dirty) {
    close(inode, [this, shutdown, inode](const Result<void>& closed) {
      if (!closed) return answered(*shutdown);
      {
        const MutexLock lock(shutdown->mutex);
        std::erase(shutdown->unsafe, inode);
      }
      report(*shutdown, false);
      upload_at_end(shutdown, inode);
    });
  }
}

/// What was promised is worth waiting for; where nothing is left to upload this answers at once.
void Committer::upload_at_end(const std::shared_ptr<Shutdown>& shutdown, const InodePtr& inode) {
  upload(inode, Leaving::waits, [this, shutdown, inode](const Result<Ending>& uploaded) {
    // Given up: what is left to upload is known when the name has settled.
    const bool over = uploaded ? *uploaded == Ending::stored : final_refusal(uploaded.code());
    if (over || shutdown->over()) return answered(*shutdown);
    core_.after(retry_pause, [this, shutdown, weak = std::weak_ptr<Inode>(inode)] {
      const InodePtr known = weak.lock();
      known != nullptr ? upload_at_end(shutdown, known) : answered(*shutdown);
    });
  });
}

void Committer::answered(Shutdown& shutdown) {
  {
    const MutexLock lock(shutdown.mutex);
    --shutdown.missing;
  }
  report(shutdown, false);
}

void Committer::report(Shutdown& shutdown, bool time_is_up) {
  Callback<void(std::vector<std::string>)> finish;
  std::vector<InodePtr> unsafe;
  {
    const MutexLock lock(shutdown.mutex);
    const bool settled =
        shutdown.missing == 0 || (shutdown.leave_promised && shutdown.unsafe.empty());
    if (!shutdown.done || (!settled && !time_is_up)) return;
    finish = std::move(shutdown.done);
    unsafe = shutdown.unsafe;  // kept: who asks again is told the same
  }
  std::vector<std::string> paths;
  {
    const MutexLock lock(core_.tree.mutex);
    for (const InodePtr& inode : unsafe) paths.push_back(core_.tree.path_of(*inode));
  }
  finish(std::move(paths));
}

}  // namespace penstock
