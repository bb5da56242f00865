// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/scheduler.h"
#include "data/read/read_engine.h"
#include "data/write/write_engine.h"
#include "fs/names/attributes.h"
#include "fs/names/freshness.h"
#include "fs/names/name_table.h"
#include "penstock/file_system.h"

namespace penstock {

class Listing;
struct Inode;
using InodePtr = std::shared_ptr<Inode>;

/// What a directory knows of its children. A directory is a prefix; it may or may not have a marker
/// object "dir/".
struct DirectoryState {
  NameTable children;      ///< A node among them is an Inode, see Tree::find.
  bool complete = false;   ///< `children` held every name when it was `listed`.
  Told listed;             ///< For as long as its newest name says.
  bool own = false;        ///< Made by this mount: its emptiness was its own doing.
  bool made_here = false;  ///< Likewise, whatever has been listed since: most who ask for new names
                           ///< there are about to make them.
  /// A page of its names that was asked for by itself, at that time: all between two names, in the
  /// order of the keys; an empty `to` is the end.
  struct {
    std::string from;
    std::string to;
    Scheduler::Time asked{};
  } page;
  std::string last_missed;  ///< The name asked for last of those that were not known.
  /// Last-Modified of the oldest object known below it: that is how long it has existed. 0:
  /// unknown.
  int64_t oldest_ns = 0;
  bool has_marker = false;  ///< The object "dir/" is known to exist.
  bool spans_pages =
      false;  ///< Its last listing took more than one page: single names are cheaper asked by HEAD.
  std::shared_ptr<Listing> listing;  ///< The one in progress, if any.
  std::shared_ptr<Listing> begun;    ///< One that ended after its first page: see DirectoryLoader.
  std::unordered_map<std::string, Scheduler::Time>
      absent;                             ///< Names known not to exist, since when. Bounded.
  std::unordered_set<std::string> taken;  ///< See Tree::note_taken. Bounded.
  Scheduler::Time last_single_lookup{};   ///< See Resolver: the second lookup lists.

  /// Names that this mount changed while a listing was running; its answer may be older and does
  /// not count for them.
  std::unordered_map<std::string, uint64_t> changed;
  uint64_t change_count = 0;
  uint32_t partial_listings = 0;  ///< Listings under way beside `listing`, most of a few names.

  /// Whether its files carry attributes as metadata, as far as AttributeLoader has seen.
  enum class Carried : uint8_t { unknown, none, some };
  Carried carried = Carried::unknown;
  bool marker_writing = false;             ///< See FsCore::store_marker.
  bool marker_owed = false;                ///< Its object lacks attributes that were changed here.
  std::vector<Done<void>> marker_waiters;  ///< For the write after the present one.
  bool noting_carried = false;             ///< StoredAttributes::children_carry is being written.
  uint32_t sampling = 0;                   ///< Files that are being looked at to find that out.
  std::vector<Callback<void()>> sample_waiters;
  std::string last_asked;       ///< The child whose attributes were asked for last.
  uint32_t asked_in_order = 0;  ///< How many were asked for in order so far.

  std::string
      last_opened;  ///< The child directory opened last: a walk in order prefetches the next ones.
  uint32_t walk_length = 0;  ///< How many children were opened in order so far.

  /// From now on a name that is not in `children` may exist all the same: the store is asked for
  /// it.
  void doubt_absences() {
    doubt_listings();
    absent.clear();
  }
  /// The same of names that were not asked for one by one.
  void doubt_listings() {
    ++doubts;
    complete = false;
    page = {};
    begun.reset();
  }

  /// `children` has the name no more, and not for the number of names: it does not exist by what
  /// was asked for then or later. Walks that came by it before do not show it.
  void left(std::string_view name, Scheduler::Time asked = Scheduler::Time::max());
  /// `children` is about to drop the name, which was told of then, for the number of names.
  /// Listings under way that may have passed it by have it from now on: they would not find it here
  /// when they end.
  void leave_to_listings(const std::string& name, FileType type, Scheduler::Time told_at);
  /// `children` has the name again.
  void returned(std::string_view name);

  std::vector<std::weak_ptr<Listing>> walks;  ///< Over its names, those that somebody may read.
  std::list<Inode*>::iterator use;            ///< Its place in Tree::by_use_.
  uint64_t doubts = 0;                        ///< How often doubt_listings was called.
  uint64_t evictions = 0;   ///< How often names were dropped from `children` for their number.
  uint32_t tree_walks = 0;  ///< Walks over `children` that are under way: none is dropped.

  /// Nothing is known of its names and nothing of it is under way: what a NameRecord has is all.
  bool pristine() const;
};

/// What an inode stands for.
enum class Binding : uint8_t {
  root,      ///< The mountpoint.
  named,     ///< A name in a directory: `parent` and `name`.
  deleted,   ///< This mount deleted it, or renamed something over it. Programs that have it open go
             ///< on with a copy of its own.
  vanished,  ///< Another client of the bucket removed it or put something else in its place.
             ///< Programs that have it open go on with what they have of it; everything else that
             ///< meets it fails with Code::changed.
};

/// What is under way with an inode: see NameLock, which alone counts it.
class NameClaims {
 public:
  /// A deletion or rename of it, or of what has its name.
  bool leaving() const { return leaving_ > 0; }
  /// Something that a deletion or rename has to wait for.
  bool in_use() const { return uses_ > 0; }

 private:
  friend class NameLock;
  uint32_t leaving_ = 0;
  uint32_t uses_ = 0;
};

/// One file or directory while a program has it open, something of it is under way, or it was used
/// a moment ago; of other names a NameRecord is kept. Every field is guarded by Tree::mutex, except
/// the constant ones.
struct Inode : NamedNode {
  Inode(InodeId the_id, FileType the_type) : NamedNode(the_id, the_type) {
    if (type == FileType::directory) directory = std::make_unique<DirectoryState>();
  }

  InodeId number = 0;  ///< Of a hard link: Attributes::number.
  Binding binding = Binding::named;
  InodePtr parent;          ///< While `named`; else null.
  InodeId was_in = 0;       ///< The directory that it had that name in.
  uint64_t references = 0;  ///< Lookups that the kernel has not forgotten yet.
  uint32_t handles = 0;     ///< Open handles of any kind.
  bool unseen = false;      ///< The kernel has looked up what had the name before, and not this.

  uint64_t size = 0;
  ETag etag;  ///< The object's version; empty for what is not committed yet.
  int64_t mtime_ns = 0;
  int64_t ctime_ns = 0;  ///< The object's Last-Modified, or when this mount changed it.
  StoredAttributes stored;
  /// The object's Last-Modified in seconds, which every answer has; 0: unknown. After an own change
  /// it is the time of the store's answer, until the store has `told` it.
  int64_t modified_s = 0;
  bool modified_told = false;
  std::optional<FileType> shown_as;  ///< What programs were told it is: that does not change.
  using Archive = NameRecord::Archive;
  std::atomic<Archive> archive = Archive::no;  ///< Read without the lock, too.
  std::string link_target;  ///< Of a symbolic link, for `etag`; empty: not read yet.
  bool stored_known =
      false;  ///< `stored` is what the object has (a HEAD or GET told, or we wrote it).
  /// Continuations that wait for the HEAD of this inode that is under way; null where none is.
  std::unique_ptr<std::vector<Done<void>>> attribute_waiters;
  Told told;                ///< What the store last told of this inode; or this mount did itself.
  bool local_only = false;  ///< Not in the store yet: a created file before its first commit.
  /// While programs have the file open that this mount deletes, or has deleted: the key, below
  /// .penstock/deleted/, of the copy that their handles go on with. Else empty.
  std::string kept_key;
  /// While `kept_key` is set and the name is not gone yet: the version of the object under the
  /// name.
  ETag name_etag;
  bool kept_copy = false;  ///< There is a copy under `kept_key`, for which the lease is held.
  /// Where the last version was stored under another key than the name's, or has outlived the name:
  /// that key, for reads alone; else null.
  std::unique_ptr<const std::string> stored_as;
  NameClaims claims;

  uint32_t read_handles = 0;   ///< Opened for reading, whatever else.
  uint32_t write_handles = 0;  ///< See FileHandle::writes.
  /// Since there is `writer` somebody has opened the file for both reading and writing, so there
  /// may be a mapping that is written to.
  bool may_be_mapped = false;
  uint32_t unflushed_handles = 0;  ///< Of `write_handles`: see FileHandle::unflushed.
  uint32_t commits_running = 0;
  /// The one commit that is running is a copy of the object onto itself, which gives it other
  /// attributes.
  bool saving_attributes = false;
  /// Work that waits until no commit of this inode is running.
  std::vector<Callback<void()>> after_commits;
  bool stored_dirty = false;  ///< `stored` was changed and waits for the next commit.
  ETag replaces;  ///< While `local_only`: the object whose name it was given by a rename; or none.
  /// Rises with each own commit or rename: readers made before it are old. Read without the lock,
  /// too.
  std::atomic<uint64_t> local_version = 0;
  uint32_t failed_commits = 0;  ///< In a row, since the last close; paces the background tries.
  bool retry_planned = false;
  std::weak_ptr<ObjectReader> reader;  ///< For `etag`; shared by the handles.
  ETag cached_pages;  ///< The version whose pages the kernel may hold; empty: unknown.
  /// The kernel has dropped all pages at an open while the file was open for writing: a write that
  /// it had sent before is not in the pages that it has asked for since.
  bool pages_dropped = false;

  std::unique_ptr<DirectoryState> directory;  ///< Directories only.

  bool named() const { return binding == Binding::named; }
  bool deleted() const { return binding == Binding::deleted; }
  bool vanished() const { return binding == Binding::vanished; }

  /// While open for writing, or dirty.
  const std::shared_ptr<FileWriter>& writer() const { return writer_; }
  /// Returns the one before, to be let go of without the lock.
  [[nodiscard]] std::shared_ptr<FileWriter> set_writer(std::shared_ptr<FileWriter> writer) {
    has_writer_ = writer != nullptr;
    return std::exchange(writer_, std::move(writer));
  }
  /// Without the lock. Who is told that there is none sees the version that the last one stored.
  bool has_writer() const { return has_writer_; }

 private:
  std::shared_ptr<FileWriter> writer_;
  std::atomic<bool> has_writer_ = false;  ///< Whether there is `writer_`.
};

/// A version of an object that a handle reads.
struct HandleVersion {
  HandleVersion(std::shared_ptr<ObjectReader> the_reader, uint64_t the_local_version)
      : reader(std::move(the_reader)), local_version(the_local_version) {}

  const std::shared_ptr<ObjectReader> reader;
  const uint64_t local_version;         ///< Inode::local_version that `reader` was made for.
  std::atomic<bool> delivered = false;  ///< Some bytes of it have reached the program.
};

/// Which version a handle reads; none until its first read. Thread-safe: its lock is a leaf, and
/// only the readers of one handle share it.
class ReadVersion {
 public:
  std::shared_ptr<HandleVersion> get() const EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return version_;
  }
  /// Returns the one before, to be let go of without a lock: that may end reads of it, whose
  /// answers take locks.
  [[nodiscard]] std::shared_ptr<HandleVersion> set(std::shared_ptr<HandleVersion> version)
      EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return std::exchange(version_, std::move(version));
  }

 private:
  mutable Mutex mutex_;
  std::shared_ptr<HandleVersion> version_ GUARDED_BY(mutex_);
};

/// An open file. `inode` and the flags are constant, `reads` has a lock of its own, the rest is
/// guarded by Tree::mutex.
struct FileHandle {
  /// Itself, until it is released. A read of a program that was killed may end later.
  std::shared_ptr<FileHandle> held;
  InodePtr inode;
  OpenFlags flags;
  bool archived = false;  ///< Its object was, when this was opened. Constant.
  ReadVersion reads;      ///< Set under Tree::mutex.
  /// Opened for writing, or what made the file.
  bool writes = false;
  /// Of a handle that `writes`: not closed, by an owner, since it was opened or last written to: a
  /// commit is still to come. The kernel releases a handle some time after close(2) has returned.
  bool unflushed = false;
  /// The processes that opened it or wrote to it; see FileSystem::owners.
  std::vector<ProcessId> owners;
};

using FileHandlePtr = std::shared_ptr<FileHandle>;

}  // namespace penstock
