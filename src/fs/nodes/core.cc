// SPDX-License-Identifier: Apache-2.0
#include "fs/nodes/core.h"

#include <utility>

#include "fs/nodes/inode_record.h"

namespace penstock {
namespace {

/// Of the inode and all below it.
void forget_age(Inode& inode) {
  inode.told = {};
  if (inode.directory == nullptr) return;
  inode.directory->doubt_absences();
  inode.directory->children.each([](NameTable::Slot slot) {
    if (slot.node() != nullptr) {
      forget_age(inode_at(slot));
    } else {
      slot.record()->told = {};
    }
    return true;
  });
}

}  // namespace

Error FsCore::already_there(const InodePtr& directory, const std::string& name) {
  const MutexLock lock(tree.mutex);
  tree.note_taken(*directory, name);
  return Error(Code::already_exists);
}

void FsCore::look_anew(const std::string& key) {
  if (!key.starts_with(own.prefix) || key.starts_with(own.root)) return;
  std::string_view path = std::string_view(key).substr(own.prefix.size());
  if (path.ends_with('/')) path.remove_suffix(1);
  InodeId parent = 0;
  std::optional<std::string> last;
  {
    const MutexLock lock(tree.mutex);
    InodePtr directory = tree.root();
    for (size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/')) {
      directory->directory->doubt_absences();
      const auto component = tree.keys.name_of(path.substr(0, slash));
      directory = component ? tree.child(*directory, *component) : nullptr;
      if (directory == nullptr || directory->type != FileType::directory) return;
      path.remove_prefix(slash + 1);
    }
    directory->directory->doubt_absences();
    last = tree.keys.name_of(path);
    if (!last) return;
    if (const InodePtr known = tree.child(*directory, *last)) forget_age(*known);
    parent = directory->id;
  }
  kernel.forget_entry(parent, std::move(*last));
}

}  // namespace penstock
