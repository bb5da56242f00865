// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/deferred.h"
#include "base/gate.h"
#include "fs/names/own_names.h"
#include "fs/nodes/kernel_view.h"
#include "fs/nodes/name_lock.h"
#include "fs/nodes/name_turns.h"
#include "fs/nodes/parts.h"

namespace penstock {

inline Error mount_is_ending() {
  return Error(Code::read_only, "the mount is ending and takes no more changes");
}

/// For what a kernel asks by an inode's number: where the inode's object is gone, another may have
/// its name by now, and the kernel looks the name up again.
inline Error look_up_again(const Error& error) {
  return error.code() == Code::not_found ? error.with_code(Code::changed) : error;
}

/// What every part of the file system works with: the tree, who may work on its names, the engines.
/// Outlives all of them and every request they have under way.
struct FsCore : NameLock, std::enable_shared_from_this<FsCore> {
  FsCore(FileSystemParts the_parts, const std::string& prefix, const MountOptions& the_mount,
         const MetadataOptions& metadata)
      : NameLock(prefix, the_mount, metadata, KeyNames(the_parts.store.limits().utf8_keys),
                 the_parts.scheduler, kernel),
        parts(std::move(the_parts)),
        mount(the_mount),
        attributes(metadata.attributes),
        limits(parts.store.limits()),
        own(prefix),
        kernel(parts.notifier, gate) {}

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
  const OwnKeys own;
  std::atomic<bool> stopping = false;  ///< Takes no more changes.
  std::atomic<uint64_t> own_ids = 0;
  Gate gate;
  std::shared_ptr<Gate::Pass> alive =
      std::make_shared<Gate::Pass>(gate.pass());  ///< Until its end.
  const std::weak_ptr<Gate::Pass> living = alive;
  KernelView kernel;
  NameTurns turns{[this](std::chrono::nanoseconds pause, Callback<void()> work) {
    after(pause, std::move(work));
  }};
  std::unordered_set<FileHandle*> open_files
      GUARDED_BY(tree.mutex);  ///< What a lazy unmount never releases.

  /// The root of a mount without a prefix: its marker is under a key of its own, and in no listing.
  bool is_bucket_root(const Inode& inode) const {
    return inode.id == root_inode && own.prefix.empty();
  }
  Result<std::string> marker_key(const Inode& directory) const REQUIRES(tree.mutex) {
    if (is_bucket_root(directory)) return own.root_marker();
    return tree.key_of(directory);
  }
  /// Writes the directory's own object with the attributes that the tree has by then.
  void store_marker(const InodePtr& directory, Done<void> done) EXCLUDES(tree.mutex);
  /// The name of something of this mount's in the bucket, other than any before.
  std::string new_own_id() { return parts.identity.id + "-" + std::to_string(++own_ids); }

  /// What the store answers that was to make a name only where there is none.
  static bool is_refusal(Code code) {
    return code == Code::changed || code == Code::already_exists;
  }
  /// The store has refused to make the name, since it has one: that is learnt. Returns
  /// already_exists.
  Error already_there(const InodePtr& directory, const std::string& name) EXCLUDES(tree.mutex);
  /// What is under the key, or the prefix that ends in "/", changed in the store: what is known of
  /// it is asked for again.
  void look_anew(const std::string& key) EXCLUDES(tree.mutex);
  /// From now on what nobody refers to is forgotten where more is known than MetadataOptions allow:
  /// on a thread of the scheduler, soon after the name that was one too many. Once.
  void bound_names() EXCLUDES(tree.mutex);

 private:
  class MarkerWrite;
  void write_marker(const InodePtr& directory, Use use) EXCLUDES(tree.mutex);
  void evict_names() EXCLUDES(tree.mutex);
};

}  // namespace penstock
