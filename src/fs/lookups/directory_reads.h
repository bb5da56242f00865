// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "fs/lookups/attribute_loader.h"
#include "fs/lookups/directory_loader.h"
#include "fs/lookups/walk_ahead.h"
#include "fs/nodes/core.h"

namespace penstock {

/// Open directories: each handle walks over a Listing, and gets with each name what it stands for
/// at that moment. Thread-safe.
class DirectoryReads {
 public:
  DirectoryReads(FsCore& core, AttributeLoader& attributes, DirectoryLoader& loader)
      : core_(core), attributes_(attributes), loader_(loader), ahead_(core, loader) {}

  HandleId open(const InodePtr& directory) EXCLUDES(core_.tree.mutex);
  /// As FileSystem::read_directory. A walk begins with cookie 0, so that rewinddir sees what is
  /// new.
  void read(const ReadDirectory& request, Done<std::vector<DirectoryEntry>> done)
      EXCLUDES(core_.tree.mutex);
  void release(HandleId handle) EXCLUDES(core_.tree.mutex);

 private:
  /// One answer that is being made.
  struct Read {
    ReadDirectory request;
    InodePtr directory;
    std::shared_ptr<Listing> listing;
    Done<std::vector<DirectoryEntry>> done;
  };
  /// Fills `read` once the listing has more than `index` names.
  void fill_when(size_t index, Read read) EXCLUDES(core_.tree.mutex);
  void fill(Read read) EXCLUDES(core_.tree.mutex);
  void take_names(const Read& read, std::vector<DirectoryEntry>& entries)
      REQUIRES(core_.tree.mutex);
  DirectoryEntry dot_entry(const InodePtr& directory, uint64_t cookie) const
      REQUIRES(core_.tree.mutex);
  DirectoryEntry known_entry(const Inode& directory, NameTable::Slot slot, uint64_t next_cookie,
                             bool plus) REQUIRES(core_.tree.mutex);

  FsCore& core_;
  AttributeLoader& attributes_;
  DirectoryLoader& loader_;
  WalkAhead ahead_;
};

}  // namespace penstock
