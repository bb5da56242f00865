// SPDX-License-Identifier: Apache-2.0
// AttributeLoader: the note on a directory that its files carry attributes.
#include <utility>

#include "fs/lookups/attribute_loader.h"

namespace penstock {

void AttributeLoader::note_carried(const InodePtr& inode) {
  InodePtr directory;
  NameLock::Use use;
  {
    const MutexLock lock(core_.tree.mutex);
    directory = inode->parent;
    if (directory == nullptr || !inode->stored.any() || core_.leaving(*directory)) return;
    if (directory->stored.children_carry || directory->directory->noting_carried) return;
    directory->directory->noting_carried = true;
    use = core_.use(directory);
  }
  learn(directory, [this, directory, use = std::move(use)](const Result<void>& learned) mutable {
    const bool known = learned || learned.code() == Code::not_found;
    if (known) return write_note(directory, std::move(use));
    {
      const MutexLock lock(core_.tree.mutex);
      directory->directory->noting_carried = false;
    }
    use.end();
  });
}

void AttributeLoader::write_note(const InodePtr& directory, NameLock::Use use) {
  {
    const MutexLock lock(core_.tree.mutex);
    directory->stored.children_carry = true;
  }
  core_.store_marker(directory,
                     [this, directory, use = std::move(use)](const Result<void>& stored) mutable {
                       {
                         const MutexLock lock(core_.tree.mutex);
                         directory->directory->noting_carried = false;
                         if (!stored) directory->stored.children_carry = false;
                       }
                       use.end();
                     });
}

}  // namespace penstock
