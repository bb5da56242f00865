// SPDX-License-Identifier: Apache-2.0
// Directories that are empty, or become so.
#pragma once

#include <string>

#include "fs/nodes/core.h"

namespace penstock {

/// Fails with not_empty where anything lies under the directory, in the store or only here.
void check_empty(FsCore& core, const InodePtr& directory, Done<void> done)
    EXCLUDES(core.tree.mutex);

/// Writes the marker of a directory that would vanish with its last name, `leaving`. Asks the store
/// where nobody has listed the directory.
void keep_directory(FsCore& core, const InodePtr& directory, const std::string& leaving,
                    Done<void> done) EXCLUDES(core.tree.mutex);

}  // namespace penstock
