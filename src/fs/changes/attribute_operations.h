// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "fs/files/archived_reads.h"
#include "fs/files/committer.h"
#include "fs/files/file_operations.h"
#include "fs/nodes/core.h"

namespace penstock {

/// Operations on what an object carries beside its bytes: mode, owner, times, extended attributes;
/// and the target of a symbolic link.
class AttributeOperations {
 public:
  AttributeOperations(FsCore& core, AttributeLoader& attributes, Committer& committer,
                      FileOperations& files, ArchivedReads& archived)
      : core_(core),
        attributes_(attributes),
        committer_(committer),
        files_(files),
        archived_(archived) {}

  void setattr(const InodePtr& inode, const AttributeChange& change, Done<Attributes> done)
      EXCLUDES(core_.tree.mutex);
  // As in FileSystem.
  void get_xattr(const InodePtr& inode, const std::string& name, Done<std::string> done)
      EXCLUDES(core_.tree.mutex);
  void list_xattrs(const InodePtr& inode, Done<std::vector<std::string>> done)
      EXCLUDES(core_.tree.mutex);
  void set_xattr(const InodePtr& inode, const std::string& name, const std::string& value,
                 XattrMode mode, Done<void> done) EXCLUDES(core_.tree.mutex);
  void remove_xattr(const InodePtr& inode, const std::string& name, Done<void> done)
      EXCLUDES(core_.tree.mutex);
  void read_link(const InodePtr& inode, Done<std::string> done) EXCLUDES(core_.tree.mutex);

 private:
  /// Changes what is stored, under the tree's lock; returns whether there is anything to store.
  using Edit = std::function<Result<bool>(Inode& inode, StoredAttributes& stored)>;
  /// Learns what the object has, applies the edit, and stores the result: with the next commit
  /// where one is to come, else at once.
  void change(const InodePtr& inode, Edit edit, Done<void> done) EXCLUDES(core_.tree.mutex);
  void save(const InodePtr& inode, Done<void> done) EXCLUDES(core_.tree.mutex);
  bool edit_attributes(Inode& inode, const AttributeChange& change, StoredAttributes& stored) const
      REQUIRES(core_.tree.mutex);
  /// The read-only attributes that docs/semantics.md names.
  void get_own(const InodePtr& inode, std::string_view name, Done<std::string> done)
      EXCLUDES(core_.tree.mutex);
  /// A read-only attribute whose value the store is asked for each time.
  void get_from_store(const InodePtr& inode, std::string name, Done<std::string> done)
      EXCLUDES(core_.tree.mutex);
  void set_class(const InodePtr& inode, const std::string& value, Done<void> done)
      EXCLUDES(core_.tree.mutex);
  void ask_for_restore(const InodePtr& inode, const std::string& value, Done<void> done)
      EXCLUDES(core_.tree.mutex);
  void get_cached(const InodePtr& inode, Done<std::string> done) EXCLUDES(core_.tree.mutex);

  FsCore& core_;
  AttributeLoader& attributes_;
  Committer& committer_;
  FileOperations& files_;
  ArchivedReads& archived_;
};

}  // namespace penstock
