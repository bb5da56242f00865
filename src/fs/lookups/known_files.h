// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "data/epoch/known_files.h"
#include "fs/nodes/core.h"

namespace penstock {

/// Names that one call of find_known_files looks at, at most.
constexpr size_t most_names_looked_at = 4096;
/// The objects that the tree has names of in a directory, or in those directly below it: those that
/// can be read as they are, of a version that is known. Makes no inodes and asks nobody.
KnownFiles find_known_files(FsCore& core, const KnownFilesRequest& request)
    EXCLUDES(core.tree.mutex);
/// The same of one inode; nothing where it is no such object.
std::optional<ObjectVersion> find_known_version(FsCore& core, InodeId inode)
    EXCLUDES(core.tree.mutex);

}  // namespace penstock
