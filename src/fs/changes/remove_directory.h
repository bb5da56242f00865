// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "fs/changes/leaving_node.h"

namespace penstock {

/// rmdir(2).
///
///     found → nothing is under way below it → nothing lies below it → its parent is kept
///       → DELETE of its marker → told to the tree
class RemoveDirectory final : public NameChange {
 public:
  /// not_empty, not_a_directory, not_found; changed where another inode has the name.
  RemoveDirectory(const ChangeParts& parts, InodePtr parent, std::string name, Done<void> done)
      : NameChange(parts),
        parent_(std::move(parent)),
        name_(std::move(name)),
        done_(std::move(done)) {}

  void start() override EXCLUDES(core_.tree.mutex);

 private:
  void found(const InodePtr& inode) EXCLUDES(core_.tree.mutex);
  void keep_parent() EXCLUDES(core_.tree.mutex);
  void remove() EXCLUDES(core_.tree.mutex);
  void finish(Result<void> removed) EXCLUDES(core_.tree.mutex);

  const InodePtr parent_;
  const std::string name_;
  Done<void> done_;
  InodePtr inode_;
  std::optional<LeavingNode> leaving_;
  /// Another client may put something into the directory as soon as the store has looked.
  Scheduler::Time looked_{};
};

}  // namespace penstock
