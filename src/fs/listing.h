// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "fs/attribute_loader.h"
#include "fs/core.h"

namespace penstock {

/// The names of one directory as a walk over it finds them: page by page while the store lists
/// them, for every reader at once, or piece by piece out of the tree where the tree has them all. A
/// name keeps its index for as long as the walk exists, which is what a readdir cookie is. What a
/// name stands for by the time that a program reads it is the tree's to say, not the walk's. Every
/// field is guarded by Tree::mutex.
class Listing {
 public:
  struct Entry {
    std::string name;
    FileType type = FileType::file;  ///< As in Inode::type, when the walk came by.
  };
  std::deque<Entry> entries;  ///< Entries never move: `seen` refers to their names.
  bool done = false;
  std::optional<Error> error;
  std::vector<Callback<void()>>
      waiters;           ///< Called (without the lock) when entries or `done` changed.
  bool of_tree = false;  ///< The tree had all names when it began: see DirectoryLoader::wait.
  uint64_t changes_at_start = 0;    ///< DirectoryState::change_count.
  uint64_t evictions_at_start = 0;  ///< DirectoryState::evictions.
  Scheduler::Time started{};
  Scheduler::Time page_asked{};  ///< When the page under way was asked for.
  bool saw_marker = false;
  int64_t newest_ns = 0;  ///< Last-Modified of the newest and the oldest object; 0: none had one.
  int64_t oldest_ns = 0;
  /// Files whose names a directory has that the tree knows: theirs where it turns out to be gone.
  std::vector<std::pair<std::string, ObjectInfo>> hidden;
  uint32_t pages = 0;
  /// Someone reads the whole directory. Else one page is enough to know that the directory is
  /// large, and it ends there.
  bool wanted_whole = false;

  /// Adds the name unless this walk has seen it before.
  void add(const std::string& name, FileType type) {
    if (has(name)) return;
    entries.push_back({name, type});
    seen_.insert(entries.back().name);
  }
  bool has(std::string_view name) const { return seen_.contains(name); }
  void note_age(int64_t last_modified_ns) {
    if (last_modified_ns == 0) return;
    newest_ns = std::max(newest_ns, last_modified_ns);
    oldest_ns = oldest_ns == 0 ? last_modified_ns : std::min(oldest_ns, last_modified_ns);
  }
  /// No more names are added.
  void end() {
    done = true;
    seen_ = {};
  }

 private:
  std::unordered_set<std::string_view> seen_;  ///< The names of `entries`.
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

  /// Calls `ready` when `listing`, a walk over `directory`, has more than `index` entries, or is
  /// done.
  void wait(const InodePtr& directory, const std::shared_ptr<Listing>& listing, size_t index,
            Callback<void()> ready) EXCLUDES(core_.tree.mutex);

  /// Nobody goes on with this walk over `directory`, if it is one over the tree.
  static void close(const Inode& directory, Listing& walk);

  /// A directory was opened: if its siblings were opened in order before it, lists the next ones
  /// ahead.
  void note_opened(const InodePtr& directory) EXCLUDES(core_.tree.mutex);

 private:
  std::shared_ptr<Listing> join(const InodePtr& directory, bool& start) REQUIRES(core_.tree.mutex);
  /// One that begins now, beside another that has begun before.
  std::shared_ptr<Listing> begin_anew(const InodePtr& directory, bool& start)
      REQUIRES(core_.tree.mutex);
  std::shared_ptr<Listing> begin(const DirectoryState& state) const REQUIRES(core_.tree.mutex);
  static void end(DirectoryState& state, Listing& listing);
  /// The next names of a walk over the tree, until it has more than `index`.
  static void copy_names(const Inode& directory, Listing& walk, size_t index);
  void request_page(const InodePtr& directory, const std::shared_ptr<Listing>& listing,
                    std::string continuation);
  void take_page(const InodePtr& directory, const std::shared_ptr<Listing>& listing,
                 const std::string& prefix, Result<ListPage> page);
  void apply(const InodePtr& directory, Listing& listing, const std::string& prefix,
             const ListPage& page) REQUIRES(core_.tree.mutex);
  void apply_file(const InodePtr& directory, Listing& listing, const std::string& name,
                  const ObjectInfo& object) REQUIRES(core_.tree.mutex);
  /// A page of its own has told of all names between these two.
  void note_page(const InodePtr& directory, const Listing& walk, std::string from, std::string to)
      REQUIRES(core_.tree.mutex);
  void finish(const InodePtr& directory, Listing& listing) REQUIRES(core_.tree.mutex);

  FsCore& core_;
  AttributeLoader& attributes_;
};

}  // namespace penstock
