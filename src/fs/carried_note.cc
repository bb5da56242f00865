// SPDX-License-Identifier: Apache-2.0
// AttributeLoader: the note on a directory that its files carry attributes.
#include <utility>

#include "fs/attribute_loader.h"

namespace penstock {

void AttributeLoader::note_carried(const InodePtr& inode) {
  InodePtr directory;
  {
    const MutexLock lock(core_.tree.mutex);
    directory = inode->parent;
    // A bucket's root has no object.
    const bool nowhere = directory == nullptr || core_.tree.key_of(*directory).empty();
    if (nowhere || !inode->stored.any() || core_.leaving(*directory)) return;
    if (directory->stored.children_carry || directory->directory->noting_carried) return;
    directory->directory->noting_carried = true;
    core_.begin_work(*directory);
  }
  learn(directory, [this, directory](const Result<void>& learned) {
    const bool known = learned || learned.code() == Code::not_found;
    if (known) return write_note(directory);
    {
      const MutexLock lock(core_.tree.mutex);
      directory->directory->noting_carried = false;
    }
    core_.end_work(*directory);
  });
}

void AttributeLoader::write_note(const InodePtr& directory) {
  PutRequest marker;
  {
    const MutexLock lock(core_.tree.mutex);
    StoredAttributes stored = directory->stored;
    stored.children_carry = true;
    marker.key = core_.tree.key_of(*directory);
    marker.metadata = to_metadata(stored, FileType::directory);
  }
  core_.parts.store.put(std::move(marker),
                        core_.tracked<ObjectInfo>([this, directory](Result<ObjectInfo> info) {
                          {
                            const MutexLock lock(core_.tree.mutex);
                            directory->directory->noting_carried = false;
                            if (info) {
                              directory->stored.children_carry = true;
                              directory->directory->has_marker = true;
                              directory->etag = info->etag;
                            }
                          }
                          core_.end_work(*directory);
                        }));
}

}  // namespace penstock
