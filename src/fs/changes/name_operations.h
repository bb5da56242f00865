// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fs/files/committer.h"
#include "fs/files/deleted_files.h"
#include "fs/lookups/attribute_loader.h"
#include "fs/lookups/resolver.h"
#include "fs/moves/journalled_rename.h"
#include "fs/nodes/core.h"

namespace penstock {

/// Where a rename goes from and to.
struct Rename {
  InodePtr parent;
  std::string name;
  InodePtr new_parent;
  std::string new_name;
  bool no_replace = false;
};

/// Operations on names: link, rmdir, unlink, rename.
class NameOperations {
 public:
  NameOperations(FsCore& core, Resolver& resolver, AttributeLoader& attributes,
                 Committer& committer, JournalledRenames& renames, DeletedFiles& deleted)
      : core_(core),
        resolver_(resolver),
        attributes_(attributes),
        committer_(committer),
        renames_(renames),
        deleted_(deleted) {}

  /// Gives the file's bytes, and what it carries, a second name; from then on they are two files.
  /// already_exists where the name is taken, not_permitted for directories and where the mount was
  /// told so.
  struct Link {
    InodePtr inode;
    InodePtr parent;
    std::string name;
  };
  void link(const Link& request, Done<Entry> done) EXCLUDES(core_.tree.mutex);
  void rmdir(const InodePtr& parent, const std::string& name, Done<void> done)
      EXCLUDES(core_.tree.mutex);
  void unlink(const InodePtr& parent, const std::string& name, Done<void> done)
      EXCLUDES(core_.tree.mutex);
  void rename(const Rename& request, Done<void> done) EXCLUDES(core_.tree.mutex);
  /// What is at either place of the request gets the other.
  void exchange(const Rename& request, Done<void> done) EXCLUDES(core_.tree.mutex);

 private:
  /// A file that was copied together with what is above it.
  struct Follower {
    InodePtr file;
    ETag source;  ///< The version that was copied, and that of the copy.
    ETag copy;
  };
  using Followers = std::vector<Follower>;
  /// How storing a file whose name is about to go has ended.
  struct Stopped {
    std::shared_ptr<FileDurability> held;  ///< Its writer is held; null: nothing is under way.
    bool may_be_sent = true;               ///< If held: as Held::maybe_sent.
    NameLock::Leaving leaving;             ///< Until the deletion has ended.
  };

  /// Why a change of the inode's name is refused once it is not named any more: not_found where
  /// this mount took the name away; else changed, for another inode may have it by now.
  static Error lost(const Inode& inode);
  /// Fails with not_empty where anything lies under the directory, in the store or only here.
  void check_empty(const InodePtr& directory, Done<void> done) EXCLUDES(core_.tree.mutex);
  void remove_quiet_directory(const InodePtr& parent, const std::string& name,
                              const InodePtr& inode, Done<void> done) EXCLUDES(core_.tree.mutex);
  /// Writes the marker of a directory that would vanish with its last name. Asks the store where
  /// nobody has listed the directory.
  void keep_parent(const InodePtr& parent, const std::string& leaving, Done<void> done)
      EXCLUDES(core_.tree.mutex);
  void remove_directory(const InodePtr& parent, const std::string& name, Done<void> done)
      EXCLUDES(core_.tree.mutex);
  void remove_name(const InodePtr& parent, const std::string& name, Done<void> done)
      EXCLUDES(core_.tree.mutex);
  void remove_file(const InodePtr& inode, Done<void> done) EXCLUDES(core_.tree.mutex);
  void remove_quiet(const InodePtr& inode, Done<void> done) EXCLUDES(core_.tree.mutex);
  /// The deletion of a file's object, when the handles that programs have open no longer need it:
  /// they have a copy or all of the bytes by now.
  void remove_kept(const InodePtr& inode, Done<void> done) EXCLUDES(core_.tree.mutex);
  void remove_held(const InodePtr& inode, Stopped stopped, Done<void> done)
      EXCLUDES(core_.tree.mutex);
  /// Nothing else has the name as of `since`, at the latest when this is called: another client may
  /// make it again as soon as the store has done this, long before the answer is here.
  void remove_key(const InodePtr& inode, const std::string& key, Scheduler::Time since,
                  Done<void> done) EXCLUDES(core_.tree.mutex);
  /// Names in these directories are about to change: a rename of one of them waits for it, and so
  /// does this for one that is under way. Then false, and `again` gets `done` when it is over; else
  /// `done` ends it.
  bool begin_naming(std::vector<InodePtr> directories, Done<void>& done,
                    std::function<void(Done<void>)> again) EXCLUDES(core_.tree.mutex);
  void rename_settled(const Rename& request, const InodePtr& inode, Done<void> done)
      EXCLUDES(core_.tree.mutex);
  void find_and_rename(const Rename& request, Done<void> done) EXCLUDES(core_.tree.mutex);
  /// Whether the inode may have that name.
  Result<void> may_take(const Inode& parent, const std::string& name, const Inode& inode)
      EXCLUDES(core_.tree.mutex);
  /// Whether a rename may put the inode in the place of `target`.
  Result<void> may_replace(const Rename& request, const Inode& inode, const Inode& target)
      EXCLUDES(core_.tree.mutex);
  void rename_checked(const Rename& request, const InodePtr& inode, const InodePtr& target,
                      Done<void> done) EXCLUDES(core_.tree.mutex);
  /// `stopped` is the target's. `overtaken` is set where an open of the name comes first.
  void replace(const Rename& request, const InodePtr& inode, const InodePtr& target,
               Stopped stopped, bool& overtaken, Done<void> done) EXCLUDES(core_.tree.mutex);
  /// Where nothing of the file was sent yet, it will be stored under its new name in the first
  /// place: takes `done` and returns true.
  bool rename_unsent(const Rename& request, const InodePtr& inode, Done<void>& done)
      EXCLUDES(core_.tree.mutex);
  void rename_stored(const Rename& request, const InodePtr& inode, Done<void> done)
      EXCLUDES(core_.tree.mutex);
  /// Commits what is dirty of a file, or below a directory, that is leaving and quiet.
  void store_rest(const InodePtr& inode, Done<void> done) EXCLUDES(core_.tree.mutex);
  /// not_found where the inode has lost its name meanwhile.
  Result<Move> keys_of(const Rename& request, const Inode& inode) const REQUIRES(core_.tree.mutex);
  /// In one request, where the store can.
  void rename_object(const Rename& request, const InodePtr& inode, Done<void> done)
      EXCLUDES(core_.tree.mutex);
  void forget_markers(const InodePtr& above) REQUIRES(core_.tree.mutex);
  /// What a copy of the file under that name is to carry.
  StoredAttributes of_copy(const Inode& inode, const std::string& name) const
      REQUIRES(core_.tree.mutex);
  std::optional<Error> refuse_link(const Link& request) const REQUIRES(core_.tree.mutex);
  void link_settled(const Link& request, uint32_t tries, Done<Entry> done)
      EXCLUDES(core_.tree.mutex);
  void link_stored(const Link& request, uint32_t tries, Done<Entry> done)
      EXCLUDES(core_.tree.mutex);
  InodePtr link_made(const Link& request, const StoredAttributes& stored, const ObjectInfo& info,
                     Scheduler::Time sent) REQUIRES(core_.tree.mutex);
  void link_refused(const Link& request, uint32_t tries, const Error& error, Done<Entry> done)
      EXCLUDES(core_.tree.mutex);
  void copy_known(const Rename& request, const InodePtr& inode, Done<void> done)
      EXCLUDES(core_.tree.mutex);
  void copy_and_remove(const Rename& request, const InodePtr& inode, Done<void> done)
      EXCLUDES(core_.tree.mutex);
  /// The file, or the files below the directory, that are known; and those that are not committed.
  std::vector<InodePtr> files_below(const InodePtr& above) REQUIRES(core_.tree.mutex);
  std::vector<InodePtr> dirty_below(const InodePtr& above) REQUIRES(core_.tree.mutex);
  void rename_directory(const Rename& request, const InodePtr& inode, CopyObject copy,
                        Done<void> done) EXCLUDES(core_.tree.mutex);
  void file_moved(const Rename& request, const InodePtr& inode, const ObjectInfo& info,
                  Scheduler::Time sent) EXCLUDES(core_.tree.mutex);
  void directory_moved(const Rename& request, const InodePtr& inode, const Followers& known,
                       Scheduler::Time began) EXCLUDES(core_.tree.mutex);
  /// Remembers the file, where the mount knows it, that was copied with `above`, or is it.
  void note_copy(const InodePtr& above, const std::string& relative, const CopiedObject& copied,
                 Followers& known) EXCLUDES(core_.tree.mutex);
  /// What they know of the files becomes what is true of the copies. Returns the writers that are
  /// not needed any more.
  std::vector<std::shared_ptr<FileWriter>> follow(const Followers& known)
      REQUIRES(core_.tree.mutex);
  /// Of a file below that somebody has open to write there may be no copy, for others had removed
  /// it before. It has vanished: its writer would store it under the old name.
  void lose_uncopied(const InodePtr& above, const Followers& known) REQUIRES(core_.tree.mutex);

  // exchange.cc
  void exchange_checked(const Rename& request, const InodePtr& one, const InodePtr& other,
                        Done<void> done) EXCLUDES(core_.tree.mutex);
  void exchange_stored(const InodePtr& one, const InodePtr& other, Done<void> done)
      EXCLUDES(core_.tree.mutex);
  void exchanged(const InodePtr& one, const InodePtr& other, const Followers& known)
      EXCLUDES(core_.tree.mutex);
  std::shared_ptr<FileWriter> follow_copy(Inode& inode, const ETag& etag)
      REQUIRES(core_.tree.mutex);
  void abandon(std::shared_ptr<FileWriter> writer);

  // deletion.cc: of files that are open
  /// Nothing of the file is stored under its name from now until Stopped::leaving ends, and every
  /// open of it waits. `done` is never called with an error.
  void end_storing(const InodePtr& inode, Done<Stopped> done) EXCLUDES(core_.tree.mutex);
  /// What was under way has ended by then.
  void when_stored(const InodePtr& inode, Stopped stopped, Done<Stopped> done)
      EXCLUDES(core_.tree.mutex);
  /// After end_storing: what the file has in the store is what its handles go on with, under a key
  /// of their own, once `done` is called; where that cannot be, they lose it. `held`: its writer,
  /// if that is.
  void keep_open(const InodePtr& inode, const FileDurability* held, Callback<void()> done)
      EXCLUDES(core_.tree.mutex);
  void copy_for_handles(const InodePtr& inode, CopyObject copy, Callback<void()> done)
      EXCLUDES(core_.tree.mutex);
  std::shared_ptr<FileWriter> go_on_with(Inode& inode, const std::string& key, const ETag& etag)
      REQUIRES(core_.tree.mutex);
  /// The deletion failed after all: what goes on with a copy goes on with the object again.
  void keep_name(const InodePtr& inode) EXCLUDES(core_.tree.mutex);
  /// The same, for what end_storing began: only then may those go on who waited for the name, for
  /// what they write would be the copy's. `held`: the writer, if it is to be released.
  void name_stays(const InodePtr& inode, FileDurability* held, NameLock::Leaving leaving)
      EXCLUDES(core_.tree.mutex);
  void moved(const Rename& request, const InodePtr& inode, Scheduler::Time sent)
      REQUIRES(core_.tree.mutex);

  FsCore& core_;
  Resolver& resolver_;
  AttributeLoader& attributes_;
  Committer& committer_;
  JournalledRenames& renames_;
  DeletedFiles& deleted_;
};

}  // namespace penstock
