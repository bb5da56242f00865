// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fs/lookups/attribute_loader.h"
#include "fs/lookups/listed_names.h"

namespace penstock {

/// Lists directories: one listing per directory at a time, whose pages fill the tree. Of a large
/// directory that nobody reads, one page is listed; for as long as that may be believed, who reads
/// the directory goes on from there.
class DirectoryLoader {
 public:
  DirectoryLoader(FsCore& core, AttributeLoader& attributes)
      : core_(core), attributes_(attributes), names_(core) {}

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

  using Requests = std::vector<ListingRanges::Request>;

  /// A listing that has begun before anybody reads the directory: who does waits for its first
  /// page, so that ask(), answer() or give_up() must follow.
  struct Ahead {
    InodePtr directory;
    std::string prefix;  ///< Of the directory's keys when it began.
    std::shared_ptr<Listing> listing;
    Requests first_page;
  };
  /// None where the names are known, or being listed. Tree::mutex is held; clang cannot know that
  /// the caller's tree is the one of `core_`.
  std::optional<Ahead> begin_ahead(const InodePtr& directory) NO_THREAD_SAFETY_ANALYSIS;
  /// Asks the store for its first page.
  void ask(Ahead ahead) EXCLUDES(core_.tree.mutex);
  /// `page`, which was asked for then, is its first page, or all that the directory has.
  void answer(const Ahead& ahead, Scheduler::Time asked, ListPage page) EXCLUDES(core_.tree.mutex);
  /// Ends it, unless somebody waits for it by now: then as ask().
  void give_up(Ahead ahead) EXCLUDES(core_.tree.mutex);

 private:
  using Asked = ListedNames::Asked;

  /// The listing in progress, or a new one; and what is to be asked for.
  std::shared_ptr<Listing> join(const InodePtr& directory, Requests& requests)
      REQUIRES(core_.tree.mutex);
  /// One that begins now, beside another that has begun before.
  std::shared_ptr<Listing> begin_anew(const InodePtr& directory, Requests& requests)
      REQUIRES(core_.tree.mutex);
  std::shared_ptr<Listing> begin(DirectoryState& state) const REQUIRES(core_.tree.mutex);
  static void note_walk(DirectoryState& state, const std::shared_ptr<Listing>& walk);
  /// The listing whose first page is known may be gone on with.
  bool may_go_on(const Inode& directory) const REQUIRES(core_.tree.mutex);
  /// The names that it found first may be believed still.
  bool holds(const Listing& listing) const REQUIRES(core_.tree.mutex);
  /// The listing pauses after its first page.
  static void pause(DirectoryState& state, const std::shared_ptr<Listing>& listing);
  /// The next names of a walk over the tree, until it has more than `index`.
  static void copy_names(const Inode& directory, Listing& walk, size_t index);
  static void end_tree_walk(const Inode& directory, Listing& walk);

  // directory_pages.cc: what is asked for, and what pages tell

  void request_pages(const InodePtr& directory, const std::shared_ptr<Listing>& listing,
                     Requests requests) EXCLUDES(core_.tree.mutex);
  void take_page(const InodePtr& directory, const std::shared_ptr<Listing>& listing,
                 const Asked& asked, Result<ListPage> page) EXCLUDES(core_.tree.mutex);
  /// What is to be asked for then.
  Requests take(const InodePtr& directory, const std::shared_ptr<Listing>& listing,
                const Asked& asked, const ListPage& page) REQUIRES(core_.tree.mutex);
  /// A page of its own has told of all names between these two.
  void note_page(const InodePtr& directory, const Listing& walk, Scheduler::Time asked,
                 std::string from, std::string to) REQUIRES(core_.tree.mutex);

  FsCore& core_;
  AttributeLoader& attributes_;
  ListedNames names_;
};

}  // namespace penstock
