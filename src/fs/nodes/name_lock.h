// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "fs/nodes/tree.h"

namespace penstock {

/// The tree, and who may work on what has a name in it. Work on a file or a directory *uses* it:
/// many may at once. A deletion or a rename makes it *leave*: whoever comes later with work that
/// needs the name waits until that has ended, and the deletion or rename waits for the uses of the
/// inode, and of all that lies below it, to end. Else an object could appear after its deletion, or
/// miss its copy.
///
/// Thread-safe. Waits are continuations; no thread is held up. Work that uses something and waits
/// for another name to settle can wait in a circle: what is used is used last.
class NameLock {
 public:
  NameLock(std::string prefix, const MountOptions& mount, const MetadataOptions& metadata,
           KeyNames keys, const Scheduler& scheduler, KernelView& kernel)
      : tree(std::move(prefix), mount, metadata, keys, scheduler, kernel) {}

  Tree tree;

  /// Work that a deletion or rename has to wait for. Ends by end(), or with this object; either
  /// without a lock, for it goes on with what has waited.
  class Use {
   public:
    Use() = default;
    Use(Use&& other) noexcept : lock_(other.lock_), inode_(std::exchange(other.inode_, nullptr)) {}
    Use& operator=(Use&& other) noexcept {
      std::swap(lock_, other.lock_);
      std::swap(inode_, other.inode_);
      return *this;
    }
    ~Use() { end(); }
    void end() {
      if (const InodePtr inode = std::exchange(inode_, nullptr)) lock_->end_use(*inode);
    }

   private:
    friend class NameLock;
    Use(NameLock& lock, InodePtr inode) : lock_(&lock), inode_(std::move(inode)) {}

    NameLock* lock_ = nullptr;
    InodePtr inode_;  ///< Null: of nothing.
  };

  /// A name that is about to go. Ends by end(), or with this object, without a lock: who waits for
  /// the name looks again, for it may be gone by then, or be another inode's.
  class Leaving {
   public:
    Leaving() = default;
    Leaving(Leaving&& other) noexcept
        : lock_(other.lock_), inode_(std::exchange(other.inode_, nullptr)) {}
    Leaving& operator=(Leaving&& other) noexcept {
      std::swap(lock_, other.lock_);
      std::swap(inode_, other.inode_);
      return *this;
    }
    ~Leaving() { end(); }
    void end() {
      if (const InodePtr inode = std::exchange(inode_, nullptr)) lock_->stay(*inode);
    }

   private:
    friend class NameLock;
    Leaving(NameLock& lock, InodePtr inode) : lock_(&lock), inode_(std::move(inode)) {}

    NameLock* lock_ = nullptr;
    InodePtr inode_;  ///< Null: of nothing.
  };

  /// The caller has made sure that the name is not leaving, or is what makes it leave.
  [[nodiscard]] Use use(const InodePtr& inode) REQUIRES(tree.mutex);
  /// From now on the name is about to go.
  [[nodiscard]] Leaving leave(const InodePtr& inode) EXCLUDES(tree.mutex);
  /// Runs `work` when nobody uses the inode or what lies below it: at once, if so. For who has made
  /// it leave.
  void when_quiet(const InodePtr& inode, Callback<void()> work) EXCLUDES(tree.mutex);

  /// Whether the name, or that of a directory above, is about to go.
  bool leaving(const Inode& inode) const REQUIRES(tree.mutex);
  /// Whether any name is.
  bool any_leaving() const REQUIRES(tree.mutex) { return names_leaving_ > 0; }
  bool is_leaving(const InodePtr& inode) EXCLUDES(tree.mutex) {
    const MutexLock lock(tree.mutex);
    return leaving(*inode);
  }
  /// Runs `work` when neither the inode's name nor that of a directory above it is leaving any
  /// more. The name may be another one by then, or be gone: `work` looks again.
  void wait_for_name(InodePtr inode, Callback<void()> work) REQUIRES(tree.mutex) {
    name_waiters_.push_back({std::move(inode), std::move(work)});
  }
  /// Runs `work` at once if the name is not leaving, else as wait_for_name does.
  void when_name_settled(const InodePtr& inode, Callback<void()> work) EXCLUDES(tree.mutex);

 private:
  struct Waiter {
    InodePtr inode;
    Callback<void()> work;
  };
  static std::vector<Waiter> take(std::vector<Waiter>& waiters, const std::vector<bool>& over);

  bool quiet(const Inode& inode) const REQUIRES(tree.mutex);
  void end_use(Inode& inode) EXCLUDES(tree.mutex);
  void stay(Inode& inode) EXCLUDES(tree.mutex);

  uint32_t names_leaving_ GUARDED_BY(tree.mutex) = 0;
  std::vector<Waiter> name_waiters_ GUARDED_BY(tree.mutex);
  std::vector<Waiter> quiet_waiters_ GUARDED_BY(tree.mutex);
  /// The inodes that are in use. The uses hold references to them.
  std::unordered_set<const Inode*> in_use_ GUARDED_BY(tree.mutex);
};

}  // namespace penstock
