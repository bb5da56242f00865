// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "fs/lookups/attribute_loader.h"
#include "fs/nodes/core.h"

namespace penstock {

/// Turns what was written into objects: at close and fsync, again in the background after a
/// failure, and for every open file when the mount ends. Where a promise keeps the contents
/// (FileDurability::persist) close is done when that is made, and the object follows in the
/// background.
class Committer {
 public:
  Committer(FsCore& core, AttributeLoader& attributes) : core_(core), attributes_(attributes) {}

  /// Makes the file's present contents and attributes its object. Succeeds at once where nothing is
  /// dirty, or this mount deleted the file. A file that another client removed is stored under its
  /// name where that is free; else this fails with changed, and the bytes are kept.
  void commit(const InodePtr& inode, Done<void> done) EXCLUDES(core_.tree.mutex);

  /// What close(2) waits for.
  void close(const InodePtr& inode, Done<void> done) EXCLUDES(core_.tree.mutex);
  /// What fsync(2) waits for.
  void sync(const InodePtr& inode, Done<void> done) EXCLUDES(core_.tree.mutex);
  /// The same for everything that was written below a directory.
  void sync_below(const InodePtr& directory, Done<void> done) EXCLUDES(core_.tree.mutex);
  /// The name or the attributes of what was promised have changed. Does not wait for names.
  void renew_promise(const InodePtr& inode, Done<void> done) EXCLUDES(core_.tree.mutex);
  /// Begins the upload of what was promised; soon, where the name will hardly stay.
  void plan_upload(const InodePtr& inode) EXCLUDES(core_.tree.mutex);

  /// Writes changed attributes (Inode::stored_dirty) of a file: a copy of its object onto itself,
  /// unless its contents are yet to be stored, which takes them along.
  void save_stored(const InodePtr& inode, Done<void> done) EXCLUDES(core_.tree.mutex);

  /// As commit, for who has made the name leave. Succeeds too where another deletion or rename
  /// gives the commit up: then the file need not be stored any more.
  void commit_leaving(const InodePtr& inode, Done<void> done) EXCLUDES(core_.tree.mutex);

  /// The last writing handle is gone: lets go of a clean writer, tries again later with a dirty
  /// one.
  void writing_ended(const InodePtr& inode) EXCLUDES(core_.tree.mutex);

  /// Runs `work` when no commit of the file is running.
  void when_stored(const InodePtr& inode, Callback<void()> work) EXCLUDES(core_.tree.mutex);

  /// MountedFileSystem::unstored.
  std::vector<UnstoredFile> unstored() EXCLUDES(core_.tree.mutex);

  /// FileSystem::shutdown.
  void commit_all(std::chrono::milliseconds limit, Callback<void(std::vector<std::string>)> done)
      EXCLUDES(core_.tree.mutex);

 private:
  struct Shutdown;

  NextObject take_request(Inode& inode) const REQUIRES(core_.tree.mutex);
  /// Null where nothing is to be committed.
  std::shared_ptr<FileDurability> dirty_writer(const Inode& inode) const REQUIRES(core_.tree.mutex);
  /// Which promise of it is not in the store; 0: none.
  static uint64_t owed(const Inode& inode) {
    return inode.writer() == nullptr ? 0 : inode.writer()->owed();
  }
  /// Whether something of it was promised and is not in the store.
  static bool promised(const Inode& inode) { return owed(inode) > 0; }
  /// Whether a name that is about to go stops it.
  enum class Leaving : uint8_t { waits, goes };
  /// What keeps the contents: nothing need to, a promise, or the store alone.
  enum class Kept : uint8_t { clean, promised, by_store };
  /// How a commit ended that has not failed. It is given up where the name is about to go, by a
  /// deletion of the file, or a rename of it or over it. No program is told so: what answers one is
  /// a Done<void>, and only `answering` makes a Done<Ending> of that.
  enum class Ending : uint8_t { stored, given_up };
  using Waiting = void (Committer::*)(const InodePtr&, Done<void>);
  /// Promises the contents, where that keeps them.
  void promise(const InodePtr& inode, Leaving leaving, Done<Kept> done) EXCLUDES(core_.tree.mutex);
  void commit(const InodePtr& inode, Leaving leaving, Done<Ending> done) EXCLUDES(core_.tree.mutex);
  /// What answers `done`: of a commit that was given up, what `again` says once the deletion or the
  /// rename has ended.
  Done<Ending> answering(const InodePtr& inode, Waiting again, Done<void> done);
  /// Stores the contents that no promise keeps, or attributes alone. `kept` is what promise said.
  void store(const InodePtr& inode, Leaving leaving, Kept kept, Done<Ending> done)
      EXCLUDES(core_.tree.mutex);
  /// Stores what was promised, if anything is owed.
  void upload(const InodePtr& inode, Leaving leaving, Done<Ending> done) EXCLUDES(core_.tree.mutex);
  /// Makes safe, by a promise, what a promise keeps.
  void sync_promised(const InodePtr& inode, Done<void> done) EXCLUDES(core_.tree.mutex);
  void run_commit(const InodePtr& inode, const std::shared_ptr<FileDurability>& writer,
                  NameLock::Use use, Done<Ending> done) EXCLUDES(core_.tree.mutex);
  bool waits(const Inode& inode, Leaving leaving) const REQUIRES(core_.tree.mutex) {
    return leaving == Leaving::waits && core_.leaving(inode);
  }
  /// What a commit holds until it has ended.
  NameLock::Use begin_commit(const InodePtr& inode) REQUIRES(core_.tree.mutex);
  /// While no other commit runs.
  void store_attributes(const InodePtr& inode, NameLock::Use use, Done<Ending> done)
      EXCLUDES(core_.tree.mutex);
  void attributes_stored(const InodePtr& inode, Scheduler::Time sent, Result<ObjectInfo> result,
                         NameLock::Use use, Done<Ending> done) EXCLUDES(core_.tree.mutex);
  /// As of when that is known, the caller says by Tree::told_own. Under another key than the
  /// inode's: the inode loses its name.
  void note_stored(const InodePtr& stored, const ObjectInfo& info) REQUIRES(core_.tree.mutex);
  /// `asked`: FileDurability::owed when the commit began, which was `sent` then.
  void committed(const InodePtr& inode, uint64_t asked, Scheduler::Time sent,
                 Result<ObjectInfo> result, NameLock::Use use, Done<Ending> done)
      EXCLUDES(core_.tree.mutex);
  struct Ended {
    NameLock::Use use;
    bool unattended = false;  ///< Nobody will commit it again by closing it.
    bool more = false;        ///< More was promised meanwhile, and no upload of it is planned.
    std::string look_anew;    ///< The key of a name that has got an object; or empty.
    std::vector<Callback<void()>> waiting;
  };
  void end_commit(const InodePtr& inode, Ended ended, const Result<ObjectInfo>& result,
                  Done<Ending> done) EXCLUDES(core_.tree.mutex);
  void retry_later(const InodePtr& inode) EXCLUDES(core_.tree.mutex);
  void log_failure(const InodePtr& inode, const Error& error) EXCLUDES(core_.tree.mutex);

  // shutdown.cc
  void upload_at_end(const std::shared_ptr<Shutdown>& shutdown, const InodePtr& inode)
      EXCLUDES(core_.tree.mutex);
  void answered(Shutdown& shutdown) EXCLUDES(core_.tree.mutex);
  void report(Shutdown& shutdown, bool time_is_up) EXCLUDES(core_.tree.mutex);

  /// Trying again cannot help: somebody else's object is there now. The program was told at close.
  static bool final_refusal(Code code) {
    return code == Code::changed || code == Code::already_exists;
  }

  FsCore& core_;
  AttributeLoader& attributes_;
  Mutex shutdown_mutex_;
  std::shared_ptr<Shutdown> shutdown_ GUARDED_BY(shutdown_mutex_);
};

}  // namespace penstock
