// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "fs/changes/change.h"

namespace penstock {

/// A file or directory that is about to lose its name, by its deletion or because another one takes
/// the name.
///
///     stop → (doom) → keep_open → the change in the store → goes, or stays
///
/// From stop on nothing is stored under the name, and every open of it waits, until one of the two
/// ends; what programs have open goes on without the name. Its calls keep nothing alive: whoever
/// owns it lives until they have answered. One thread at a time.
class LeavingNode {
 public:
  LeavingNode(const ChangeParts& parts, InodePtr inode)
      : parts_(parts), core_(parts.core), inode_(std::move(inode)) {}

  /// Ends what is being stored. What was promised is held instead: see held.
  void stop(Callback<void()> done) EXCLUDES(core_.tree.mutex);
  /// Whether the file has a promise that is not kept yet, which waits for the end.
  bool held() const { return held_ != nullptr; }
  /// Of what is held: whether some of it may be in the store.
  bool may_be_sent() const { return may_be_sent_; }
  /// Notes durably that what is held will be deleted: a deletion that a kill interrupts is finished
  /// by the next mount, for what was promised may need the object that is gone by then.
  void doom(Done<void> done) { held_->doom(core_.tracked<void>(std::move(done))); }
  /// What the file has in the store is what its handles go on with, under a key of their own, once
  /// `done` is called; where that cannot be, they lose it.
  void keep_open(Callback<void()> done) EXCLUDES(core_.tree.mutex);

  /// The name is gone. `done` is called when what was promised is, too.
  void goes(Done<void> done) EXCLUDES(core_.tree.mutex);
  /// The name is still the inode's: all goes on as before.
  void stays() EXCLUDES(core_.tree.mutex);
  /// This deletion has failed since another one came first, which holds what is held.
  void left_to_another() EXCLUDES(core_.tree.mutex);

 private:
  /// A hold ends no copy of the object onto itself, which changes what is to be copied.
  void when_saved(Callback<void()> done) EXCLUDES(core_.tree.mutex);
  void copy_for_handles(CopyObject copy, Callback<void()> done) EXCLUDES(core_.tree.mutex);
  void copied_for_handles(const std::string& key, const Result<ObjectInfo>& info)
      EXCLUDES(core_.tree.mutex);
  /// Returns the writer that the file does not need any more; or null.
  std::shared_ptr<FileWriter> go_on_with(const std::string& key, const ETag& etag)
      REQUIRES(core_.tree.mutex);
  /// What goes on with a copy goes on with the object again. Before those may go on who waited for
  /// the name: what they write would be the copy's.
  void keep_name() EXCLUDES(core_.tree.mutex);

  const ChangeParts& parts_;
  FsCore& core_;
  const InodePtr inode_;
  NameLock::Leaving leaving_;
  std::shared_ptr<FileDurability> held_;  ///< Its writer, if that is held.
  bool may_be_sent_ = true;
};

}  // namespace penstock
