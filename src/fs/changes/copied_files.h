// SPDX-License-Identifier: Apache-2.0
// Files that are copied under another key: what the copies carry, and how those who have the files
// open go on with them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fs/moves/object_moves.h"
#include "fs/nodes/core.h"

namespace penstock {

/// What a copy of the file or directory under that name in `directory` is to carry. The copy is a
/// new object, and would have its own time; that of one that was just written is as good, and costs
/// whoever lists the directory no look at its attributes.
StoredAttributes attributes_of_copy(const FsCore& core, const Inode& inode, const Inode& directory,
                                    const std::string& name) REQUIRES(core.tree.mutex);

/// The file, or the files below the directory, that are known.
std::vector<InodePtr> files_below(FsCore& core, const InodePtr& above) REQUIRES(core.tree.mutex);

/// A file that was copied, by itself or together with what is above it.
struct CopiedFile {
  InodePtr file;
  ETag source;  ///< The version that was copied, and that of the copy.
  ETag copy;
};
using CopiedFiles = std::vector<CopiedFile>;

/// Writers that nobody needs any more: for `abandon`, without the lock.
using OldWriters = std::vector<std::shared_ptr<FileWriter>>;

/// Adds the file, where the mount knows it, that lies at `relative` below the directory `above`; or
/// is `above`, by an empty `relative`.
void note_copy(FsCore& core, const InodePtr& above, const std::string& relative,
               const CopiedObject& copied, CopiedFiles& files) EXCLUDES(core.tree.mutex);

/// The file's key has changed, and `etag` is its object's: who has it open goes on with that.
/// Returns the writer that the file does not need any more; or null.
std::shared_ptr<FileWriter> follow_copy(FsCore& core, Inode& inode, const ETag& etag)
    REQUIRES(core.tree.mutex);

/// All of them, after their keys have changed. What others had put in a file's place was copied
/// instead: then the new name is not the file's.
OldWriters follow_copies(FsCore& core, const CopiedFiles& files) REQUIRES(core.tree.mutex);

/// Of a file below that somebody has open to write there may be no copy, for others had removed it
/// before. It has vanished: its writer would store it under the old name.
void lose_uncopied(FsCore& core, const InodePtr& above, const CopiedFiles& files)
    REQUIRES(core.tree.mutex);

/// The markers of a directory that was renamed, and of those below, are other objects now.
void forget_markers(FsCore& core, const InodePtr& above) REQUIRES(core.tree.mutex);

/// Lets go of a writer, if there is one, when what it has under way has ended.
void abandon(FsCore& core, std::shared_ptr<FileWriter> writer) EXCLUDES(core.tree.mutex);
void abandon(FsCore& core, OldWriters writers) EXCLUDES(core.tree.mutex);

}  // namespace penstock
