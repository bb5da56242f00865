// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "fs/nodes/core.h"

namespace penstock {

/// Reads that meet an object in an archive class: asks the store what has become of it, and does
/// what --on-archived says: the read fails, fails after a restoration was asked for, or waits for
/// it.
///
/// Reads of one object share the requests. A read that waits is an entry in a list here: it holds
/// neither a thread, nor memory of the read engine, nor a connection; the store is asked again
/// after pauses that grow. Thread-safe.
class ArchivedReads {
 public:
  explicit ArchivedReads(FsCore& core) : core_(core) {}

  /// Whether an open must look first: what is known of the inode does not say if it can be read.
  bool must_look(const Inode& inode) const EXCLUDES(core_.tree.mutex);
  /// Asks the store by a HEAD, notes the answer, and goes on, also where there is none.
  void look(const InodePtr& inode, Callback<void()> then) EXCLUDES(core_.tree.mutex);

  /// A read cannot go on. Succeeds where it can be tried (again) now. Else archived, or
  /// being_restored, with a message that says what to do; interrupted when `cancel` is asked for;
  /// cancelled at the mount's end; changed where the object is another one.
  void met(const InodePtr& inode, const std::stop_token& cancel, Done<void> done) EXCLUDES(mutex_);

  /// Asks for the restoration of a file's object. One that is under way is a success.
  void request(const InodePtr& inode, const RestoreWish& wish, Done<void> done);

  /// Everyone who waits is answered, as is everyone who comes later.
  void end() EXCLUDES(mutex_);

 private:
  struct Waiter;
  struct Case;
  using WaiterPtr = std::shared_ptr<Waiter>;
  using CasePtr = std::shared_ptr<Case>;

  /// The case to ask about: null where it is asked about already.
  Result<CasePtr> admit(const InodePtr& inode, const WaiterPtr& waiter) EXCLUDES(mutex_);
  void interrupt(const Inode* inode, const WaiterPtr& waiter) EXCLUDES(mutex_);
  static void answer(Waiter& waiter, const Result<void>& result);
  void ask(const CasePtr& known);
  void looked(const CasePtr& known, const Result<ObjectInfo>& info);
  void restore(const CasePtr& known, const ObjectInfo& info);
  void wait(const CasePtr& known);
  void say_waiting(const CasePtr& known) EXCLUDES(mutex_);
  void finish(const CasePtr& known, const Result<void>& result) EXCLUDES(mutex_);
  bool is_over(const CasePtr& known) EXCLUDES(mutex_);
  Result<std::string> key_of(const Inode& inode) EXCLUDES(core_.tree.mutex);

  FsCore& core_;
  Mutex mutex_;
  bool ended_ GUARDED_BY(mutex_) = false;
  uint64_t waiting_ GUARDED_BY(mutex_) = 0;  ///< Waiters of all cases.
  std::unordered_map<const Inode*, CasePtr> cases_ GUARDED_BY(mutex_);
};

}  // namespace penstock
