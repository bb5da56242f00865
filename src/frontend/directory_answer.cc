// SPDX-License-Identifier: Apache-2.0
#include "frontend/directory_answer.h"

#include <utility>

#include "frontend/fuse_reply.h"

namespace penstock {

DirectoryAnswer::DirectoryAnswer(const std::vector<DirectoryEntry>& entries, size_t size, bool plus,
                                 OpenModes& modes, std::function<void(InodeId)> forget)
    : modes_(modes), forget_(std::move(forget)), bytes_(size, '\0') {
  size_t used = 0;
  bool full = false;
  for (const DirectoryEntry& entry : entries) {
    // Without a reference the kernel must not take the entry for a lookup ("." and "..").
    const NodeId node = entry.referenced && !full ? modes_.refer(entry.attributes.inode) : 0;
    const size_t length = full ? 0 : add(entry, node, used, plus);
    full = length == 0;
    used += length;
    if (!entry.referenced) continue;
    if (!full) {
      referenced_.push_back(node);
    } else {
      if (node != 0) modes_.forget(node, 1);
      forget_(entry.attributes.inode);
    }
  }
  bytes_.resize(used);
}

size_t DirectoryAnswer::add(const DirectoryEntry& entry, NodeId node, size_t used, bool plus) {
  fuse_entry_param param = to_entry_param({.attributes = entry.attributes, .ttl = entry.ttl}, node);
  const auto cookie = static_cast<off_t>(entry.next_cookie);
  char* at = bytes_.data() + used;
  const size_t space = bytes_.size() - used;
  // libfuse does not look at the request.
  const size_t needed =
      plus ? fuse_add_direntry_plus(nullptr, at, space, entry.name.c_str(), &param, cookie)
           : fuse_add_direntry(nullptr, at, space, entry.name.c_str(), &param.attr, cookie);
  return needed > space ? 0 : needed;
}

void DirectoryAnswer::take_back() {
  for (const NodeId node : referenced_) {
    modes_.forget(node, 1);
    forget_(OpenModes::inode_of(node));
  }
  referenced_.clear();
}

}  // namespace penstock
