// SPDX-License-Identifier: Apache-2.0
#include "fs/changes/store_below.h"

#include <optional>
#include <utility>
#include <vector>

#include "base/join.h"
#include "fs/changes/copied_files.h"

namespace penstock {
namespace {

std::vector<InodePtr> dirty_below(FsCore& core, const InodePtr& above) REQUIRES(core.tree.mutex) {
  std::vector<InodePtr> found = files_below(core, above);
  std::erase_if(found, [](const InodePtr& inode) {
    const bool dirty =
        inode->stored_dirty || (inode->writer() != nullptr && inode->writer()->dirty());
    return !dirty || !inode->named();
  });
  return found;
}

}  // namespace

void store_below(const ChangeParts& parts, const InodePtr& inode, Done<void> done) {
  FsCore& core = parts.core;
  std::vector<InodePtr> dirty;
  std::optional<Error> lost;
  {
    const MutexLock lock(core.tree.mutex);
    if (inode->named()) {
      dirty = dirty_below(core, inode);
    } else {
      lost = name_lost(*inode);
    }
  }
  if (lost) return done(*lost);
  if (dirty.empty()) return done({});
  const auto all = std::make_shared<Join>(
      dirty.size(), [&parts, inode, done = std::move(done)](Result<void> stored) mutable {
        if (!stored) return done(std::move(stored));
        store_below(parts, inode, std::move(done));
      });
  for (const InodePtr& file : dirty) parts.committer.commit_leaving(file, all->part());
}

}  // namespace penstock
