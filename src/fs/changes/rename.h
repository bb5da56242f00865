// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "fs/changes/leaving_node.h"
#include "fs/changes/relocation.h"

namespace penstock {

/// rename(2), of a file or a directory.
///
///     both names are found → nobody else changes names in the two directories → nothing of what
///       has the new name is stored any more, and who has it open gets a copy → the old directory
///       is kept → Relocation → what had the new name is gone
///
/// Where it fails, what has the new name stays as it was.
class Rename final : public NameChange {
 public:
  Rename(const ChangeParts& parts, NameMove move, Done<void> done)
      : NameChange(parts), move_(std::move(move)), done_(std::move(done)) {}

  void start() override EXCLUDES(core_.tree.mutex);

 private:
  void find_target() EXCLUDES(core_.tree.mutex);
  void found() EXCLUDES(core_.tree.mutex);
  /// Whether the source may be put in the place of the target.
  Result<void> may_replace() EXCLUDES(core_.tree.mutex);
  /// What has the new name is stored no more.
  void replace() EXCLUDES(core_.tree.mutex);
  /// What has the new name is out of the way.
  void keep_old_directory() EXCLUDES(core_.tree.mutex);
  void relocate() EXCLUDES(core_.tree.mutex);
  void finish(Result<void> result) EXCLUDES(core_.tree.mutex);

  const NameMove move_;
  Done<void> done_;
  InodePtr source_;
  InodePtr target_;                      ///< Null: nothing has the new name.
  std::optional<LeavingNode> replaced_;  ///< The target, once it is held up.
};

}  // namespace penstock
