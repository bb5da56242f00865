// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "fs/lookups/directory_loader.h"

namespace penstock {

/// Lists directories before a program that walks a tree comes to them: find, os.walk, du, the scan
/// of an ImageFolder. Where a directory's children are opened one after the other, the next ones
/// are listed ahead, several requests at once. Small directories without directories of their own
/// are listed many at a time, by one request for all keys behind the first one's: a tree of a
/// million such directories costs a request for each page of keys and not for each directory. What
/// that page does not reach is asked for by itself. A page is risked already when the first of a
/// directory's directories is opened; what that does not reach is left alone. Thread-safe.
class WalkAhead {
 public:
  WalkAhead(FsCore& core, DirectoryLoader& loader) : core_(core), loader_(loader) {}

  /// A program has opened the directory.
  void note_opened(const InodePtr& directory) EXCLUDES(core_.tree.mutex);

 private:
  /// Directories of one parent, which one request may tell of.
  using Group = std::vector<DirectoryLoader::Ahead>;

  /// A page of keys may tell of several of its directories.
  bool told_by_page(const DirectoryState& parent) const REQUIRES(core_.tree.mutex);
  /// How many directories like this one a page of keys is likely to hold; 1: each is asked for by
  /// itself.
  size_t in_one_page(const DirectoryState& parent, const std::string& like) const
      REQUIRES(core_.tree.mutex);
  /// The listings of the next `ahead` directories behind `last`, as far as they are not known.
  std::vector<Group> begin(const Inode& parent, const std::string& last, size_t ahead,
                           size_t together) REQUIRES(core_.tree.mutex);
  /// `guess`: what the page does not tell of is not asked for.
  void ask(const std::string& parent_prefix, Group group, bool guess) EXCLUDES(core_.tree.mutex);
  void take(Group group, Scheduler::Time asked, Result<ListPage> page, bool guess)
      EXCLUDES(core_.tree.mutex);

  FsCore& core_;
  DirectoryLoader& loader_;
  /// The store refuses to list without a delimiter, as a bucket's policy may have it.
  std::atomic<bool> refused_{false};
};

}  // namespace penstock
