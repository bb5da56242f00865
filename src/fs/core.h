// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/gate.h"
#include "fs/make_file_system.h"
#include "fs/tree.h"

namespace penstock {

inline Error mount_is_ending() {
  return Error(Code::read_only, "the mount is ending and takes no more changes");
}

/// What every part of the file system works with. Outlives all of them and every request they have
/// under way.
struct FsCore : std::enable_shared_from_this<FsCore> {
  FsCore(FileSystemParts the_parts, std::string prefix, const MountOptions& the_mount,
         const MetadataOptions& metadata)
      : parts(std::move(the_parts)),
        mount(the_mount),
        attributes(metadata.attributes),
        limits(parts.store.limits()),
        tree(std::move(prefix), the_mount, metadata, parts.scheduler) {}

  /// Wraps a continuation so that destroying the file system waits for it.
  template <typename T, typename F>
  Done<T> tracked(F&& continuation) {
    return Done<T>([pass = gate.pass(), next = std::forward<F>(continuation)](
                       Result<T> result) mutable { next(std::move(result)); });
  }

  /// Runs `work` then, unless the file system has ended by then; its end does not wait for it.
  void after(std::chrono::nanoseconds delay, Callback<void()> work) {
    parts.scheduler.post_after(delay, [living = living, work = std::move(work)]() mutable {
      if (const auto pass = living.lock()) work();
    });
  }

  FileSystemParts parts;
  const MountOptions mount;
  const MetadataOptions::Attributes attributes;
  const StoreLimits limits;
  KernelCache* kernel = nullptr;       ///< Set once, before the first operation.
  std::atomic<bool> stopping = false;  ///< Takes no more changes.
  Gate gate;
  std::shared_ptr<Gate::Pass> alive =
      std::make_shared<Gate::Pass>(gate.pass());  ///< Until its end.
  const std::weak_ptr<Gate::Pass> living = alive;
  Tree tree;
  std::unordered_set<FileHandle*> open_files
      GUARDED_BY(tree.mutex);  ///< What a lazy unmount never releases.

  /// Who waits until names that are about to go have gone, or stay: see Committer::quiesce.
  std::vector<Callback<void()>> name_waiters GUARDED_BY(tree.mutex);

  /// Runs `work` now, or when the inode's name is settled.
  void when_name_settled(const Inode& inode, Callback<void()> work) EXCLUDES(tree.mutex) {
    {
      const MutexLock lock(tree.mutex);
      if (tree.leaving(inode)) return name_waiters.push_back(std::move(work));
    }
    work();
  }
};

}  // namespace penstock
