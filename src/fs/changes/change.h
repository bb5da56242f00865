// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "fs/files/committer.h"
#include "fs/files/deleted_files.h"
#include "fs/lookups/attribute_loader.h"
#include "fs/lookups/resolver.h"
#include "fs/moves/journalled_rename.h"
#include "fs/nodes/core.h"

namespace penstock {

/// What changes of names work with: the file system's own, which outlives them.
struct ChangeParts {
  FsCore& core;
  Resolver& resolver;
  AttributeLoader& attributes;
  Committer& committer;
  JournalledRenames& renames;
  DeletedFiles& deleted;
};

/// One change of names that is under way: an object that lives until it has answered, with one
/// method for each step. Its steps follow one another, on whatever threads, so that its own fields
/// need no lock.
class NameChange : public std::enable_shared_from_this<NameChange> {
 public:
  NameChange(const NameChange&) = delete;
  NameChange& operator=(const NameChange&) = delete;
  virtual ~NameChange() = default;

  /// Begins; and begins anew where a name was about to go, as what has the name may be another
  /// inode afterwards. With no lock held.
  virtual void start() = 0;

 protected:
  explicit NameChange(const ChangeParts& parts) : parts_(parts), core_(parts.core) {}

  /// Whether the name is itself about to go; if so, start() is called when that is over, and the
  /// caller does no more.
  bool waits_for(const InodePtr& inode) REQUIRES(core_.tree.mutex);
  /// The same without the lock.
  bool waits_for_name(const InodePtr& inode) EXCLUDES(core_.tree.mutex);
  /// The same where an open of the name comes first: see NameTurns.
  bool waits_for_turn(const InodePtr& directory, const std::string& name)
      EXCLUDES(core_.tree.mutex);

  /// Waits for that open, and begins anew.
  void wait_for_turn(const InodePtr& directory, const std::string& name) EXCLUDES(core_.tree.mutex);

  /// Whether the mount may make something of that type under the name, where it knows nothing:
  /// already_exists where it does.
  Result<void> may_make(const InodePtr& parent, const std::string& name, FileType type) const
      REQUIRES(core_.tree.mutex);
  /// Whether the inode may have that name.
  Result<void> may_take(const Inode& parent, const std::string& name, const Inode& inode)
      EXCLUDES(core_.tree.mutex);

  /// Names in these directories are about to change: their own deletion or rename waits for it,
  /// until leave_directories. False where one of them is about to go; then as waits_for.
  bool use_directories(std::initializer_list<InodePtr> directories) EXCLUDES(core_.tree.mutex);
  /// Uses one more, whose name is not about to go.
  void use_directory(const InodePtr& directory) REQUIRES(core_.tree.mutex) {
    uses_.push_back(core_.use(directory));
  }
  void leave_directories() EXCLUDES(core_.tree.mutex) { uses_.clear(); }

  const ChangeParts& parts_;
  FsCore& core_;

 private:
  std::vector<NameLock::Use> uses_;
};

/// Begins a change. It is owned by what it waits for.
template <typename Change, typename... Arguments>
void begin_change(const ChangeParts& parts, Arguments&&... arguments) {
  std::make_shared<Change>(parts, std::forward<Arguments>(arguments)...)->start();
}

}  // namespace penstock
