// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "fs/lookups/listing.h"

namespace penstock {

/// Puts into the tree what the pages of a listing tell of a directory's names, and takes out of it
/// what they do not have.
class ListedNames {
 public:
  /// A page of a listing that is under way.
  struct Asked {
    uint32_t walker = 0;
    std::string prefix;
    Scheduler::Time at{};
  };

  explicit ListedNames(FsCore& core) : core_(core) {}

  /// What the page tells. Tree::mutex is held; clang cannot know that the caller's tree is the one
  /// of `core_`.
  void apply(const InodePtr& directory, Listing& listing, const Asked& asked,
             const ListPage& page) NO_THREAD_SAFETY_ANALYSIS;
  /// After the last page: what the tree has beside the listing's names has gone, or is added to
  /// them. A few names at a time; false when the listing has ended.
  bool compare_some(const InodePtr& directory, Listing& listing) EXCLUDES(core_.tree.mutex);

  /// The listing has ended: it is whole, or it failed.
  static void end(DirectoryState& state, Listing& listing);
  /// The listing is the one in progress no more: it has ended, or it pauses after its first page.
  static void leave(DirectoryState& state, const Listing& listing);

 private:
  void apply_file(const InodePtr& directory, Listing& listing, const std::string& name,
                  const ObjectInfo& object, Scheduler::Time asked) REQUIRES(core_.tree.mutex);
  /// The next names that are compared; true when all were.
  bool compare_names(const InodePtr& directory, Listing& listing) REQUIRES(core_.tree.mutex);
  void finish(const InodePtr& directory, Listing& listing) REQUIRES(core_.tree.mutex);

  FsCore& core_;
};

}  // namespace penstock
