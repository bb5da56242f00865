// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "base/scheduler.h"
#include "data/write_back/write_back_engine.h"
#include "fs/names/freshness.h"
#include "fs/names/key_names.h"
#include "fs/names/storage_classes.h"
#include "fs/nodes/inode.h"
#include "fs/nodes/kernel_view.h"
#include "penstock/options.h"
#include "penstock/result.h"

namespace penstock {

/// The names and attributes that the mount knows: inodes by number, directories' children, how
/// fresh each is. Knows nothing of requests. Everything is guarded by one mutex that is held for
/// memory operations only.
class Tree {
 public:
  Tree(std::string prefix, const MountOptions& mount, const MetadataOptions& metadata,
       KeyNames keys, const Scheduler& scheduler, KernelView& kernel);
  ~Tree();

  Mutex mutex;

  const KeyNames keys;
  const Freshness freshness;

  InodePtr root() const { return root_; }
  /// What the kernel refers to by the number. Null where it has forgotten that (a bug of
  /// somebody's).
  InodePtr find(InodeId id) REQUIRES(mutex);

  /// The object key of a file ("p/a/b") or the key prefix of a directory ("p/a/b/"; the mount's
  /// prefix for the root); of a deleted file that of the copy which its handles go on with. The
  /// error of `gone` where it has none.
  Result<std::string> key_of(const Inode& inode) const REQUIRES(mutex);
  /// The same of a file that is about to be deleted: of its name, not of what its handles go on
  /// with.
  Result<std::string> name_key(const Inode& inode) const REQUIRES(mutex);
  Result<std::string> child_key(const Inode& directory, std::string_view name, FileType type) const
      REQUIRES(mutex);
  /// Why an inode that is neither named nor the root has no key: not_found for a directory that
  /// this mount deleted, else changed, which has the kernel walk the path once more.
  static Error gone(const Inode& inode);
  /// For messages: the path below the mountpoint.
  std::string path_of(const Inode& inode) const REQUIRES(mutex);

  /// Checks a new name: at most 255 bytes, not "." or "..", and the key at most `max_key_bytes`.
  Result<void> check_name(const Inode& directory, std::string_view name, FileType type,
                          uint32_t max_key_bytes) const REQUIRES(mutex);

  /// Whether the name is that of what mounts keep for themselves, and hidden.
  bool is_own(const Inode& directory, std::string_view name) const;

  /// What has the name, as an inode; null where nothing is known to.
  InodePtr child(const Inode& directory, std::string_view name) REQUIRES(mutex);
  /// The same of a slot of the directory's.
  InodePtr inode_of(const Inode& directory, NameTable::Slot slot) REQUIRES(mutex);
  /// Calls `visit` for the inodes in the directory, not for names that have a record.
  void each_inode(const Inode& directory, const std::function<void(const InodePtr&)>& visit)
      REQUIRES(mutex);
  /// Puts a new inode under the name (replacing what was there).
  InodePtr add_child(const InodePtr& directory, const std::string& name, FileType type)
      REQUIRES(mutex);
  /// What a new file or directory of that name has, made by `caller` in `directory`: what differs
  /// from the mount's defaults, and the file's Content-Type. In a set-group-ID directory the group,
  /// and its directories' bit, are passed on.
  StoredAttributes initial_attributes(const Inode& directory, std::string_view name, FileType type,
                                      uint32_t mode, const Caller& caller) const REQUIRES(mutex);
  /// Gives a file of that name the Content-Type and the storage class that the mount is told to
  /// give by names, where it has none.
  void set_headers(StoredAttributes& stored, const Inode& directory, std::string_view name) const
      REQUIRES(mutex);
  /// Takes the inode out of its directory, and what lies below it: `how` is deleted, which the
  /// kernel knows by itself, or vanished, which it is told.
  void detach(const InodePtr& inode, Binding how) REQUIRES(mutex);
  /// The same of whatever has the name, if anything does.
  void displace(const Inode& directory, const std::string& name, Binding how) REQUIRES(mutex);
  /// The store has refused a change of the inode's object, which has gone or is another version by
  /// now. What has its name is not known: the name is neither the inode's nor absent.
  void lose(const InodePtr& inode) REQUIRES(mutex);
  void move(const InodePtr& inode, const InodePtr& directory, const std::string& name)
      REQUIRES(mutex);

  /// Each gets the other's place; both must have one.
  void exchange(const InodePtr& one, const InodePtr& other) REQUIRES(mutex);

  /// Whether this mount has of it what the store does not have (yet), or is changing it or its name
  /// now: what the store tells of it counts only afterwards. A writer that nobody has written to
  /// changes nothing.
  static bool changing(const Inode& inode);
  /// Whether it, or something below it, is changing: then its name stays, whatever the store tells.
  bool keeps(const Inode& inode) const REQUIRES(mutex);
  bool keeps_below(const Inode& directory) const REQUIRES(mutex);

  /// Takes in what the store says of a name: makes the inode or brings it up to date. The kind
  /// decides: a directory hides a file of the same name. An inode that the kernel refers to is one
  /// version of the contents for good: of another one the name gets a new inode, and the old one
  /// has vanished. Returns what has the name then.
  /// Here and below `asked` is when the mount asked: the store may have changed since.
  InodePtr learn_file(const InodePtr& directory, const std::string& name, const ObjectInfo& info,
                      Scheduler::Time asked) REQUIRES(mutex);
  /// The same of what a listing tells, which makes no inode.
  void learn_listed_file(const InodePtr& directory, const std::string& name, const ObjectInfo& info,
                         Scheduler::Time asked) REQUIRES(mutex);
  /// Returns the type of what has the name then.
  FileType learn_listed_directory(const InodePtr& directory, const std::string& name,
                                  Scheduler::Time asked) REQUIRES(mutex);
  /// The file that an earlier mount promised, with the directories above it; null where another
  /// promised name is in the way.
  InodePtr restore(RestoredFile file) REQUIRES(mutex);
  InodePtr learn_directory(const InodePtr& directory, const std::string& name,
                           Scheduler::Time asked) REQUIRES(mutex);
  /// What HEAD or GET tells of the inode's object. Where that is another version, or programs were
  /// told that it is of another type, another inode takes its name, as above.
  void learn_object(const InodePtr& inode, const ObjectInfo& info, Scheduler::Time asked)
      REQUIRES(mutex);
  /// What the store says of the object's age: a change of its metadata alone, by another mount,
  /// shows nowhere else.
  static void compare_modified(Inode& inode, int64_t last_modified_ns);
  /// The object was changed here; what the store answered has this time.
  static void modified_here(Inode& inode, int64_t answered_ns);

  /// The inode's attributes are in its object: its directory's objects carry some.
  void note_carried(const Inode& inode) REQUIRES(mutex);

  /// Names were added to the directory, or taken away: its times are now.
  static void names_changed(Inode& directory);
  /// The kernel was told which inode has the name, and refers to it once more.
  static void give_reference(Inode& inode) {
    ++inode.references;
    inode.unseen = false;
  }
  /// When the mount asked for the last thing that it knows of what has no such name in the
  /// directory: nothing where it does not know that.
  std::optional<Scheduler::Time> absent_since(const Inode& directory, const std::string& name) const
      REQUIRES(mutex);
  /// Notes an own change of a name, so that an older listing that is still under way does not undo
  /// it; nor does one of a directory above, which may be in the bucket by this change alone.
  void note_change(Inode& directory, const std::string& name) REQUIRES(mutex);
  /// The name did not exist when the mount `asked`.
  void note_absent(Inode& directory, const std::string& name, Scheduler::Time asked)
      REQUIRES(mutex);
  /// The store has refused to make the name, since it has one: whatever the listing says, the store
  /// is asked for it next time, and the kernel does not believe any longer that it is absent.
  void note_taken(Inode& directory, const std::string& name) REQUIRES(mutex);
  /// Whether note_taken was called, and what has the name is not known since.
  static bool taken(const Inode& directory, const std::string& name);

  /// The store told of the inode's object just now, which was last modified then (0: it did not
  /// say).
  void told(Inode& inode, int64_t last_modified_ns, Scheduler::Time asked) REQUIRES(mutex);
  /// The store told that the directory exists.
  void told_directory(Inode& directory, Scheduler::Time asked) REQUIRES(mutex);
  /// This mount changed the inode's object by a request that it sent at `sent` or later.
  void told_own(Inode& inode, Scheduler::Time sent) REQUIRES(mutex);
  /// A listing that began then is all in the tree; its newest object has this time (0: unknown).
  void told_listing(Inode& directory, Scheduler::Time began, int64_t newest_ns) REQUIRES(mutex);
  /// What a listing that began then tells, for as long as the newest of its names says.
  Told told_at(Scheduler::Time began, int64_t newest_ns) const;

  bool fresh(const Inode& inode) const REQUIRES(mutex);
  /// For how long the kernel may believe the inode's name and attributes: not at all while its name
  /// is about to go.
  std::chrono::milliseconds left(const Inode& inode) const REQUIRES(mutex);
  /// True where it is known that a name which is not in `children` does not exist: told within the
  /// time that absences are believed for, or at `since` or later.
  bool listing_denies(const Inode& directory, const std::string& name,
                      Scheduler::Time since = Scheduler::Time::max()) const REQUIRES(mutex);
  bool listing_fresh(const Inode& directory) const REQUIRES(mutex);

  Attributes attributes(const Inode& inode) const REQUIRES(mutex);
  /// For a program, which is told the type for good.
  Attributes show(Inode& inode) const REQUIRES(mutex);
  /// What a listing shows of a name that has a record; what only its object's metadata tell is not
  /// all in it.
  Attributes attributes(const NameRecord& record) const REQUIRES(mutex);
  Entry entry(const InodePtr& inode) REQUIRES(mutex);  ///< Takes a reference.

  /// Returns the inode, if it is one, which may have been the last of it: with it go a writer and
  /// readers, whose ends take locks, so it is to be let go of without the lock.
  [[nodiscard]] InodePtr forget(InodeId id, uint64_t count) REQUIRES(mutex);
  /// How many names are known, and what they take in memory.
  uint64_t size() const REQUIRES(mutex) { return names_; }
  uint64_t bytes() const REQUIRES(mutex);

  // eviction.cc: the bound on what is known

  /// A walk of the evictor over the directories.
  struct Eviction {
    size_t directories_left = 0;
    InodePtr directory;  ///< The present one,
    std::string after;   ///< and the last of its names that was looked at.
    /// Names (directory, name) that only the kernel still holds.
    std::vector<std::pair<InodeId, std::string>> kernel_holds;
  };
  /// `crowded` is called, with the lock, when more is known than the bound allows: somebody has to
  /// evict, without delay. Set once, before the first operation.
  void when_crowded(std::function<void()> crowded) REQUIRES(mutex) {
    crowded_ = std::move(crowded);
  }
  /// The directory is in use: it is the last one that names are dropped from.
  void touch(const Inode& directory) REQUIRES(mutex);
  /// Begins to drop what nobody refers to, from the directories that were not used for longest.
  Eviction begin_eviction() REQUIRES(mutex);
  /// Looks at a few names more; false when the bound is kept or all were looked at.
  bool evict_some(Eviction& eviction) REQUIRES(mutex);
  /// Returns what the kernel shall be asked to let go, where that is needed to keep the bound.
  std::vector<std::pair<InodeId, std::string>> end_eviction(Eviction eviction) REQUIRES(mutex);

  /// The inode has got a writer.
  void note_writer(const InodePtr& inode) REQUIRES(mutex) { writing_[inode->id] = inode; }
  /// The inodes that have a writer.
  std::vector<InodePtr> writing() REQUIRES(mutex);

 private:
  InodePtr make(FileType type, InodeId id) REQUIRES(mutex);
  InodePtr make(FileType type) REQUIRES(mutex) { return make(type, next_id_++); }
  /// More is known than before.
  void check_bound() REQUIRES(mutex);
  NameRecord& add_record(const InodePtr& directory, const std::string& name, FileType type)
      REQUIRES(mutex);
  /// The inode of that number; null where there is none, or a record.
  InodePtr by_number(InodeId id) const REQUIRES(mutex);
  /// Keeps a record of the inode instead where that can be, and nobody else has a pointer to it
  /// than the caller. Whether it did.
  bool fold(const InodePtr& inode) REQUIRES(mutex);
  /// The same of inodes that were made longest ago.
  void fold_oldest() REQUIRES(mutex);
  Told told_of(int64_t last_modified_ns, Scheduler::Time asked) const;
  void learn_metadata(const InodePtr& inode, const ObjectInfo& info, Scheduler::Time asked)
      REQUIRES(mutex);
  void drop_if_unused(const InodePtr& inode) REQUIRES(mutex);
  /// Forgets the inode's number; no other inode ever gets it.
  void erase(const Inode& inode) REQUIRES(mutex);
  bool disposable(NameTable::Slot slot) REQUIRES(mutex);
  uint64_t evict_children(Eviction& eviction, uint64_t most) REQUIRES(mutex);
  void drop(const InodePtr& directory, const std::string& name) REQUIRES(mutex);
  uint64_t eviction_target() const;

  const std::string prefix_;
  const MountOptions mount_;
  const StorageClasses storage_classes_;
  const MetadataOptions metadata_;
  const Scheduler& scheduler_;
  KernelView& kernel_;
  const int64_t mounted_at_ns_;
  InodeId next_id_ GUARDED_BY(mutex) = root_inode;
  uint64_t names_ GUARDED_BY(mutex) = 0;
  uint64_t record_bytes_ GUARDED_BY(mutex) = 0;
  /// After the counts that the tables of names in them add to.
  std::unordered_map<InodeId, InodePtr> inodes_ GUARDED_BY(mutex);
  struct Held {
    NameRecord* record = nullptr;
    InodeId directory = 0;
  };
  std::unordered_map<InodeId, Held> held_ GUARDED_BY(mutex);  ///< Records the kernel refers to.
  std::deque<InodeId> recent_ GUARDED_BY(mutex);  ///< Inodes in the order in which they were made.
  InodePtr root_;
  std::list<Inode*> by_use_ GUARDED_BY(mutex);  ///< Directories, the last used at the end.
  std::function<void()> crowded_ GUARDED_BY(mutex);
  uint64_t crowded_at_ GUARDED_BY(mutex) = 0;  ///< How many bytes are too many.
  std::unordered_map<InodeId, std::weak_ptr<Inode>> writing_ GUARDED_BY(mutex);
};

}  // namespace penstock
