// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "fs/changes/leaving_node.h"

namespace penstock {

/// unlink(2).
///
///     found → its directory is kept → nothing of it is stored any more → what programs have open
///       gets a copy → DELETE → told to the tree
///
/// What was only promised is dropped, when the deletion is sure.
class Unlink final : public NameChange {
 public:
  /// is_a_directory, not_found; changed where another inode has the name.
  Unlink(const ChangeParts& parts, InodePtr parent, std::string name, Done<void> done)
      : NameChange(parts),
        parent_(std::move(parent)),
        name_(std::move(name)),
        done_(std::move(done)) {}

  void start() override EXCLUDES(core_.tree.mutex);

 private:
  void found(const InodePtr& inode) EXCLUDES(core_.tree.mutex);
  void stop_storing() EXCLUDES(core_.tree.mutex);
  /// Of a file of which nothing is promised.
  void remove_settled() EXCLUDES(core_.tree.mutex);
  /// Those who have the file open no longer need its object: they have a copy or all of the bytes.
  void remove_kept() EXCLUDES(core_.tree.mutex);
  /// Of a file whose writer is held: what was promised is kept until the deletion is sure, for if
  /// that fails the file is still there.
  void remove_held() EXCLUDES(core_.tree.mutex);
  void remove_from_store(const std::string& key) EXCLUDES(core_.tree.mutex);
  void removed(Result<void> result) EXCLUDES(core_.tree.mutex);
  void finish(Result<void> result) EXCLUDES(core_.tree.mutex);

  const InodePtr parent_;
  const std::string name_;
  Done<void> done_;
  InodePtr inode_;
  std::optional<LeavingNode> leaving_;
};

}  // namespace penstock
