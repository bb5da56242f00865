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
  const NameTurns::Place place{directory->id, name};
  if (!core_.turns.taken(place)) return false;
  core_.turns.wait(place, [self = shared_from_this()] { self->start(); });
  return true;
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
