// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fs/attribute_loader.h"
#include "fs/core.h"

namespace penstock {

/// The names of one directory as they come in, page by page, for every reader of it at once. Also
/// the snapshot that a directory handle walks: entries keep their index, which is what a readdir
/// cookie is. Every field is guarded by Tree::mutex.
class Listing {
 public:
  struct Entry {
    std::string name;
    InodePtr inode;
  };
  uint64_t number = 0;
  std::vector<Entry> entries;
  bool done = false;
  std::optional<Error> error;
  std::vector<Callback<void()>>
      waiters;                    ///< Called (without the lock) when entries or `done` changed.
  uint64_t changes_at_start = 0;  ///< DirectoryState::change_count.
  Scheduler::Time started{};
  bool saw_marker = false;
  uint32_t pages = 0;
  /// Someone reads the whole directory. Else one page is enough to know that the directory is
  /// large, and it ends there.
  bool wanted_whole = false;
};

/// Lists directories: one LIST run per directory at a time, whose pages fill the tree, and ahead of
/// programs that walk a tree in order.
class DirectoryLoader {
 public:
  DirectoryLoader(FsCore& core, AttributeLoader& attributes)
      : core_(core), attributes_(attributes) {}

  /// The names of `directory`: from the tree where it is complete and fresh, else a listing under
  /// way, else a new one.
  std::shared_ptr<Listing> open(const InodePtr& directory) EXCLUDES(core_.tree.mutex);

  /// Lists one page, and if that was all of it the directory is complete and fresh when `done` is
  /// called.
  void probe(const InodePtr& directory, Callback<void()> done) EXCLUDES(core_.tree.mutex);

  /// Lists one page of a large directory from about `name` on, which makes its neighbours fresh
  /// too.
  void refresh_around(const InodePtr& directory, const std::string& name, Callback<void()> done)
      EXCLUDES(core_.tree.mutex);

  /// Calls `ready` when `listing` has more than `index` entries, or is done.
  void wait(const std::shared_ptr<Listing>& listing, size_t index, Callback<void()> ready)
      EXCLUDES(core_.tree.mutex);

  /// A directory was opened: if its siblings were opened in order before it, lists the next ones
  /// ahead.
  void note_opened(const InodePtr& directory) EXCLUDES(core_.tree.mutex);

 private:
  std::shared_ptr<Listing> join(const InodePtr& directory, bool& start) REQUIRES(core_.tree.mutex);
  void request_page(const InodePtr& directory, const std::shared_ptr<Listing>& listing,
                    std::string continuation);
  void take_page(const InodePtr& directory, const std::shared_ptr<Listing>& listing,
                 const std::string& prefix, Result<ListPage> page);
  void apply(const InodePtr& directory, Listing& listing, const std::string& prefix,
             const ListPage& page) REQUIRES(core_.tree.mutex);
  void finish(const InodePtr& directory, Listing& listing) REQUIRES(core_.tree.mutex);
  void evict();

  FsCore& core_;
  AttributeLoader& attributes_;
  uint64_t next_number_ GUARDED_BY(core_.tree.mutex) = 1;
};

}  // namespace penstock
