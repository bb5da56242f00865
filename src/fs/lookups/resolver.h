// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "fs/lookups/attribute_loader.h"
#include "fs/lookups/directory_loader.h"
#include "fs/nodes/core.h"

namespace penstock {

/// Finds names and keeps what is known of them fresh, with as few requests as the access pattern
/// allows: what a fresh listing has answered costs none; a lone lookup costs one round trip (HEAD
/// of the file beside a LIST of one key of the directory); a second one in the same directory lists
/// a page of it, which answers for all its neighbours.
class Resolver {
 public:
  Resolver(FsCore& core, DirectoryLoader& loader, AttributeLoader& attributes)
      : core_(core), loader_(loader), attributes_(attributes) {}

  /// The inode under the name, fresh; not_found where there is none, changed where the directory
  /// has vanished.
  void resolve(const InodePtr& directory, const std::string& name, Done<InodePtr> done)
      EXCLUDES(core_.tree.mutex);

  /// Brings an inode up to date. not_found: its name is gone; changed: it has another inode, or the
  /// name was gone before.
  void refresh(const InodePtr& inode, Done<void> done) EXCLUDES(core_.tree.mutex);

  /// The same before an open of a file: with close-to-open the store is asked in any case, by a
  /// HEAD.
  void refresh_to_open(const InodePtr& inode, Done<void> done) EXCLUDES(core_.tree.mutex);

  /// Asks the store about this file now, whatever is cached: its version turned out to be old.
  void revalidate(const InodePtr& inode, Done<void> done) EXCLUDES(core_.tree.mutex);

 private:
  /// For an open that the store's answer has not told of the present version: another answer, or a
  /// change of this mount's own, came in between, and which of them is newer is not known. Asks
  /// again, once what is under way here has ended, and keeps `done` for that; false, and no more:
  /// the file is being written here, and that is what there is.
  bool ask_once_more(const InodePtr& inode, Done<void>& done) REQUIRES(core_.tree.mutex);

  struct Single;
  /// The done of a refresh of `inode`, for what its name turned out to stand for.
  static Done<InodePtr> same(const InodePtr& inode, Done<void> done);
  /// A file's name may also turn out to be a directory's by now: `file` does not ask for that.
  enum class Ask : uint8_t { any, file };
  void resolve_single(const InodePtr& directory, const std::string& name, Ask ask,
                      Done<InodePtr> done) EXCLUDES(core_.tree.mutex);
  /// What a lone lookup's answer is worth by now: all; nothing, since this mount has changed the
  /// name, or renamed the directory, meanwhile; or the directory is no more. Once for each lookup.
  enum class Standing : uint8_t { holds, old, gone };
  Standing standing(const Single& single) REQUIRES(core_.tree.mutex);
  /// The inode that has the name by the answer; or null.
  InodePtr learn_single(const Single& single, const Result<ObjectInfo>& file,
                        const Result<ListPage>& below) REQUIRES(core_.tree.mutex);
  /// For a lone lookup that has found nothing in a directory whose name is about to go: a rename of
  /// that directory may have taken the object to its new key already. Looks the name up again once
  /// the rename, or the deletion, has ended.
  void ask_when_settled(const std::shared_ptr<Single>& single) REQUIRES(core_.tree.mutex);
  void single_answered(const std::shared_ptr<Single>& single) EXCLUDES(core_.tree.mutex);

  FsCore& core_;
  DirectoryLoader& loader_;
  AttributeLoader& attributes_;
};

}  // namespace penstock
