// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "fs/changes/change.h"
#include "fs/changes/copied_files.h"

namespace penstock {

/// renameat2(2) with RENAME_EXCHANGE: of two names, files or directories, each gets what the other
/// has.
///
///     both are found → nobody changes names in their directories → what is unsent of both, and
///       below them, is stored → three moves of one intent → told to the tree
class Exchange final : public NameChange {
 public:
  struct Request {
    InodePtr parent;
    std::string name;
    InodePtr other_parent;
    std::string other_name;
  };
  Exchange(const ChangeParts& parts, Request request, Done<void> done)
      : NameChange(parts), request_(std::move(request)), done_(std::move(done)) {}

  void start() override EXCLUDES(core_.tree.mutex);

 private:
  void find_other() EXCLUDES(core_.tree.mutex);
  void found() EXCLUDES(core_.tree.mutex);
  void store_both() EXCLUDES(core_.tree.mutex);
  void move_objects() EXCLUDES(core_.tree.mutex);
  void copied(size_t step, const std::string& relative, CopiedObject copied)
      EXCLUDES(core_.tree.mutex);
  void exchanged() EXCLUDES(core_.tree.mutex);
  void finish(Result<void> result) EXCLUDES(core_.tree.mutex);

  const Request request_;
  Done<void> done_;
  InodePtr one_;
  InodePtr other_;
  NameLock::Leaving one_leaves_;
  NameLock::Leaving other_leaves_;
  CopiedFiles copied_;  ///< Under Tree::mutex while copies are made.
  /// The first one's files are copied twice: their versions are those that the first step meets.
  std::map<std::string, ETag> versions_ GUARDED_BY(core_.tree.mutex);
};

}  // namespace penstock
