// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fs/changes/change.h"

namespace penstock {

/// Why a change of the inode's name is refused once it is not named any more: not_found where this
/// mount took the name away; else changed, for another inode may have it by now.
inline Error name_lost(const Inode& inode) {
  if (inode.deleted()) return Error(Code::not_found);
  return Tree::gone(inode);
}

/// Commits what is dirty of the file, or below the directory, that is leaving and quiet, until
/// nothing is. Fails where the inode loses its name meanwhile: see name_lost. `parts` is the file
/// system's own, which outlives this.
void store_below(const ChangeParts& parts, const InodePtr& inode, Done<void> done)
    EXCLUDES(parts.core.tree.mutex);

}  // namespace penstock
