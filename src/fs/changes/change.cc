// SPDX-License-Identifier: Apache-2.0
#include "fs/changes/change.h"

namespace penstock {

bool NameChange::waits_for(const InodePtr& inode) {
  if (!core_.leaving(*inode)) return false;
  core_.wait_for_name(inode, [self = shared_from_this()] { self->start(); });
  return true;
}

bool NameChange::waits_for_name(const InodePtr& inode) {
  const MutexLock lock(core_.tree.mutex);
  return waits_for(inode);
}

bool NameChange::waits_for_turn(const InodePtr& directory, const std::string& name) {
  if (!core_.turns.taken({directory->id, name})) return false;
  wait_for_turn(directory, name);
  return true;
}

void NameChange::wait_for_turn(const InodePtr& directory, const std::string& name) {
  core_.turns.wait({directory->id, name}, [self = shared_from_this()] { self->start(); });
}

Result<void> NameChange::may_make(const InodePtr& parent, const std::string& name,
                                  FileType type) const {
  Result<void> valid = core_.tree.check_name(*parent, name, type, core_.limits.max_key_bytes);
  if (valid && core_.tree.child(*parent, name) != nullptr) return Error(Code::already_exists);
  return valid;
}

Result<void> NameChange::may_take(const Inode& parent, const std::string& name,
                                  const Inode& inode) {
  const MutexLock lock(core_.tree.mutex);
  // The kernel has an older file under the name, and would give that one the new name: it looks the
  // name up, and asks again.
  if (inode.unseen) return Tree::gone(inode);
  Result<void> valid = core_.tree.check_name(parent, name, inode.type, core_.limits.max_key_bytes);
  if (!valid) return valid;
  for (const Inode* at = &parent; at != nullptr; at = at->parent.get()) {
    if (at == &inode) return Error(Code::invalid_argument, "a directory cannot move into itself");
  }
  return {};
}

bool NameChange::use_directories(std::initializer_list<InodePtr> directories) {
  const MutexLock lock(core_.tree.mutex);
  for (const InodePtr& directory : directories) {
    if (waits_for(directory)) return false;
  }
  for (const InodePtr& directory : directories) use_directory(directory);
  return true;
}

}  // namespace penstock
