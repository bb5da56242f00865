// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "penstock/object_store.h"
#include "store/dir/dir_tree.h"
#include "store/dir/folder_names.h"

namespace penstock {

/// Lists a DirTree as S3 does: in the byte order of the keys, in pages, rolled up at "/" where
/// asked. A page opens the folders on the way to its first key and goes on from there; it reads no
/// others before it. Blocking; thread-safe.
///
/// A page ends with an entry (key or common prefix), and the next one starts behind it: that entry
/// is `continuation`.
class DirListing {
 public:
  explicit DirListing(const DirTree& tree) : tree_(tree) {}

  Result<ListPage> list(const ListRequest& request);

 private:
  Result<std::vector<std::string>> odd_keys(const std::string& prefix, const std::string& after);
  Result<void> add_odd_keys(std::vector<std::string>& path, const std::string& bytes,
                            const std::string& prefix, std::vector<std::string>& keys);

  const DirTree& tree_;
  FolderCache cache_;
};

/// One line of a listing.
struct ListedEntry {
  std::string name;     ///< The key, or the common prefix.
  bool rolled = false;  ///< A common prefix.
  /// Of an object in its plain place; else it lies in .penstock/odd.
  std::optional<ObjectInfo> info;
  bool unmarked = false;  ///< An empty folder without mark: an object of that key in .penstock/odd
                          ///< goes before it.
};

/// Walks the plain files in byte order of their keys.
class DirWalk {
 public:
  DirWalk(const DirTree& tree, FolderCache& cache, const ListRequest& request,
          const std::string& after)
      : tree_(tree),
        cache_(cache),
        prefix_(request.prefix),
        after_(after),
        by_directory_(request.by_directory) {}

  /// Once, first.
  Result<void> start();
  /// The next entry behind `after`; nothing at the end.
  Result<std::optional<ListedEntry>> next();

 private:
  struct Frame {
    std::string prefix;  // Of every key in it: empty, or ends in "/".
    Fd folder;
    FolderCache::Names names;
    size_t next = 0;
    bool own_object_pending =
        false;  // The folder itself may be an object that comes before its contents.
  };

  Result<void> push(std::string prefix, Fd folder);
  size_t first_name(const Frame& frame) const;
  Result<bool> enter(const Frame& parent, const std::string& name, std::string key);

  const DirTree& tree_;
  FolderCache& cache_;
  const std::string prefix_;
  const std::string after_;
  const bool by_directory_;
  std::deque<Frame> frames_;
};

}  // namespace penstock
