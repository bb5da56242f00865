// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "fs/changes/change.h"
#include "fs/changes/copied_files.h"

namespace penstock {

/// From one name to another.
struct NameMove {
  InodePtr parent;
  std::string name;
  InodePtr new_parent;
  std::string new_name;
  bool no_replace = false;  ///< Fails where the new name is taken.
};

/// The half of a rename that moves the objects, once both names are its own: what the file, or all
/// below the directory, has in the store gets other keys, and the inode its new name.
///
///     nothing was ever sent        → what has the new key is known → there it will be stored
///     a file, if the store renames → one request
///     a file                       → what it carries is learnt → copy → DELETE
///     a directory                  → JournalledRenames
///
/// Whoever writes to it waits meanwhile.
class Relocation final : public std::enable_shared_from_this<Relocation> {
 public:
  Relocation(const ChangeParts& parts, NameMove move, InodePtr inode, Done<void> done)
      : parts_(parts),
        core_(parts.core),
        move_(std::move(move)),
        inode_(std::move(inode)),
        done_(std::move(done)) {}

  /// The caller uses both directories. Owned by what it waits for.
  void start() EXCLUDES(core_.tree.mutex);

 private:
  struct Keys {
    std::string from;
    std::string to;
  };

  /// Nothing of the file was sent, and it takes the place of one that is being written here: what
  /// the store has of that one was told when the writing began. Asks what there is by now, and
  /// goes on; false where that need not be asked.
  bool ask_for_target() EXCLUDES(core_.tree.mutex);
  bool unsent() const REQUIRES(core_.tree.mutex) {
    return inode_->local_only && inode_->replaces.empty() && inode_->writer() != nullptr;
  }
  void settle() EXCLUDES(core_.tree.mutex);
  /// Where nothing of the file was sent yet: true if it will be stored under the new name in the
  /// first place.
  bool rename_unsent() EXCLUDES(core_.tree.mutex);
  /// What the unsent file will be stored over, now that `target` gives way to it.
  void take_over(const Inode& target) REQUIRES(core_.tree.mutex);
  void move_stored() EXCLUDES(core_.tree.mutex);
  /// not_found or changed where the inode has lost its name meanwhile.
  Result<Keys> keys() const REQUIRES(core_.tree.mutex);
  void rename_object() EXCLUDES(core_.tree.mutex);
  void object_renamed(const Keys& keys, uint64_t size, Result<ObjectInfo> info)
      EXCLUDES(core_.tree.mutex);
  void copy_and_remove() EXCLUDES(core_.tree.mutex);
  void copy_known() EXCLUDES(core_.tree.mutex);
  void copy_file(CopyObject copy) EXCLUDES(core_.tree.mutex);
  void remove_source(const std::string& from, const ObjectInfo& copied) EXCLUDES(core_.tree.mutex);
  void rename_directory(const Keys& keys) EXCLUDES(core_.tree.mutex);
  void file_moved(const ObjectInfo& info) EXCLUDES(core_.tree.mutex);
  void directory_moved() EXCLUDES(core_.tree.mutex);
  /// Tells the tree of the new name, by an answer to what was asked at `sent_`.
  void moved() REQUIRES(core_.tree.mutex);
  void finish(Result<void> result) EXCLUDES(core_.tree.mutex);

  const ChangeParts& parts_;
  FsCore& core_;
  const NameMove move_;
  const InodePtr inode_;
  Done<void> done_;
  NameLock::Leaving leaving_;
  /// What has the new name, where that was asked for; empty: nothing has it.
  std::optional<ETag> target_version_;
  Scheduler::Time sent_{};
  CopiedFiles copied_;  ///< Under Tree::mutex while copies are made.
};

}  // namespace penstock
