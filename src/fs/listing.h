// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fs/attribute_loader.h"
#include "fs/core.h"
#include "fs/listing_ranges.h"
#include "fs/names/walked_names.h"

namespace penstock {

/// The names of one directory as a walk over it finds them: page by page while the store lists
/// them, from several places at once and so in no order, for every reader at once; or piece by
/// piece out of the tree where the tree has them all. A
/// name keeps its index for as long as the walk exists, which is what a readdir cookie is. What a
/// name stands for by the time that a program reads it is the tree's to say, not the walk's. Every
/// field is guarded by Tree::mutex.
class Listing {
 public:
  WalkedNames entries;  ///< With their types as in Inode::type, when the walk came by.
  bool done = false;
  std::optional<Error> error;
  std::vector<Callback<void()>>
      waiters;           ///< Called (without the lock) when entries or `done` changed.
  bool of_tree = false;  ///< The tree had all names when it began: see DirectoryLoader::wait.
  uint64_t changes_at_start = 0;    ///< DirectoryState::change_count.
  uint64_t evictions_at_start = 0;  ///< DirectoryState::evictions.
  uint64_t doubts_at_start = 0;     ///< DirectoryState::doubts.
  Scheduler::Time started{};
  Scheduler::Time told_at{};  ///< When the last of the pages that had names was asked for.
  bool saw_marker = false;
  int64_t newest_ns = 0;  ///< Last-Modified of the newest and the oldest object; 0: none had one.
  int64_t oldest_ns = 0;
  /// A file whose name a directory has that the tree knows: its where that turns out to be gone.
  struct Hidden {
    std::string name;
    ObjectInfo object;
    Scheduler::Time asked;
  };
  std::vector<Hidden> hidden;
  uint32_t pages = 0;
  uint32_t readers = 0;  ///< Walks of programs. When the last one has gone, it ends.
  /// Someone reads the whole directory. Else one page is enough to know that the directory is
  /// large, and it stops there.
  bool wanted_whole = false;
  /// Of the keys that are asked for; absent: nothing is yet.
  std::optional<std::string> prefix;
  /// The directory got another key while it was listed, and the walk began again under that one.
  bool moved = false;
  ListingRanges ranges;   ///< What is still to be asked for.
  std::stop_source stop;  ///< Of the requests under way; used without the lock.

  /// Every page is there, and what the tree has beside them is being compared: up to this name.
  bool comparing = false;
  std::string compared_to;

  explicit Listing(bool ordered) : ranges(ordered) {}

  void note_age(int64_t last_modified_ns) {
    if (last_modified_ns == 0) return;
    newest_ns = std::max(newest_ns, last_modified_ns);
    oldest_ns = oldest_ns == 0 ? last_modified_ns : std::min(oldest_ns, last_modified_ns);
  }
  /// The keys begin with this from now on: pages of other keys are of no use any more. Names keep
  /// their index.
  void begin_again(std::string new_prefix) {
    moved = prefix.has_value();
    if (moved) ranges = ListingRanges(ranges.ordered());
    hidden.clear();
    saw_marker = false;
    prefix = std::move(new_prefix);
  }
  /// No more names are added.
  void end() {
    done = true;
    entries.end();
  }
};

/// Lists directories: one listing per directory at a time, whose pages fill the tree, and ahead of
/// programs that walk a tree in order. Of a large directory that nobody reads, one page is listed;
/// for as long as that may be believed, who reads the directory goes on from there.
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

  /// The program goes on with this walk over `directory` no more; once for each open(). A listing
  /// that nobody reads ends with its first page.
  void close(const InodePtr& directory, const std::shared_ptr<Listing>& walk)
      EXCLUDES(core_.tree.mutex);

  /// A directory was opened: if its siblings were opened in order before it, lists the next ones
  /// ahead.
  void note_opened(const InodePtr& directory) EXCLUDES(core_.tree.mutex);

 private:
  using Requests = std::vector<ListingRanges::Request>;
  /// A page of a listing that is under way.
  struct Asked {
    uint32_t walker = 0;
    std::string prefix;
    Scheduler::Time at{};
  };

  /// The listing in progress, or a new one; and what is to be asked for.
  std::shared_ptr<Listing> join(const InodePtr& directory, Requests& requests)
      REQUIRES(core_.tree.mutex);
  /// One that begins now, beside another that has begun before.
  std::shared_ptr<Listing> begin_anew(const InodePtr& directory, Requests& requests)
      REQUIRES(core_.tree.mutex);
  std::shared_ptr<Listing> begin(const DirectoryState& state) const REQUIRES(core_.tree.mutex);
  /// The listing whose first page is known may be gone on with.
  bool may_go_on(const Inode& directory) const REQUIRES(core_.tree.mutex);
  /// The listing is the one in progress no more: it is whole, it failed, or it pauses after its
  /// first page.
  static void leave(DirectoryState& state, const Listing& listing);
  static void end(DirectoryState& state, Listing& listing);
  static void pause(DirectoryState& state, const std::shared_ptr<Listing>& listing);
  /// The next names of a walk over the tree, until it has more than `index`.
  static void copy_names(const Inode& directory, Listing& walk, size_t index);
  static void end_tree_walk(const Inode& directory, Listing& walk);

  // listing_pages.cc: what is asked for, and what pages tell

  void request_pages(const InodePtr& directory, const std::shared_ptr<Listing>& listing,
                     Requests requests) EXCLUDES(core_.tree.mutex);
  void take_page(const InodePtr& directory, const std::shared_ptr<Listing>& listing,
                 const Asked& asked, Result<ListPage> page) EXCLUDES(core_.tree.mutex);
  /// What is to be asked for then.
  Requests take(const InodePtr& directory, const std::shared_ptr<Listing>& listing,
                const Asked& asked, const ListPage& page) REQUIRES(core_.tree.mutex);
  void apply(const InodePtr& directory, Listing& listing, const Asked& asked, const ListPage& page)
      REQUIRES(core_.tree.mutex);
  void apply_file(const InodePtr& directory, Listing& listing, const std::string& name,
                  const ObjectInfo& object, Scheduler::Time asked) REQUIRES(core_.tree.mutex);
  /// A page of its own has told of all names between these two.
  void note_page(const InodePtr& directory, const Listing& walk, Scheduler::Time asked,
                 std::string from, std::string to) REQUIRES(core_.tree.mutex);
  /// After the last page: what the tree has beside the listing's names has gone, or is added to
  /// them. A few names at a time; false when the listing has ended.
  bool compare_some(const InodePtr& directory, Listing& listing) EXCLUDES(core_.tree.mutex);
  /// The next of these; true when all were compared.
  bool compare_names(const InodePtr& directory, Listing& listing) REQUIRES(core_.tree.mutex);
  void finish(const InodePtr& directory, Listing& listing) REQUIRES(core_.tree.mutex);

  FsCore& core_;
  AttributeLoader& attributes_;
};

}  // namespace penstock
