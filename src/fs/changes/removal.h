// SPDX-License-Identifier: Apache-2.0
// The end of a name: in the tree, and in the store.
#pragma once

#include <string>

#include "fs/changes/change.h"

namespace penstock {

/// The inode, which has a name, has none any more: this mount deleted it.
void detach_deleted(FsCore& core, const InodePtr& inode) REQUIRES(core.tree.mutex);

/// Deletes the inode's object, and its name with it. Nothing else has the name as of `since`, at
/// the latest when this is called: another client may make it again as soon as the store has done
/// this, long before the answer is here. `parts` is the file system's own, which outlives this.
void remove_key(const ChangeParts& parts, const InodePtr& inode, const std::string& key,
                Scheduler::Time since, Done<void> done) EXCLUDES(parts.core.tree.mutex);

}  // namespace penstock
