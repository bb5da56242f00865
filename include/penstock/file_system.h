// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/backing_file.h"
#include "penstock/cache_share.h"
#include "penstock/object_store.h"
#include "penstock/result.h"
#include "penstock/slices.h"

namespace penstock {

using InodeId = uint64_t;
using HandleId = uint64_t;
constexpr InodeId root_inode = 1;
constexpr uint32_t max_name_bytes = 255;

enum class FileType : uint8_t {
  file,
  directory,
  symlink,
  fifo,
  socket,
  character_device,
  block_device
};

struct Attributes {
  InodeId inode = 0;
  FileType type = FileType::file;
  bool type_known = true;  ///< False: only that it is no directory.
  uint64_t size = 0;
  uint32_t mode = 0;  ///< Permission bits only (07777).
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint32_t links = 1;
  /// What stat(2) calls st_ino where it is another than `inode`: a hard link shows that of the file
  /// it is a copy of, for programs that look whether they got a link. 0: `inode`.
  InodeId number = 0;
  uint32_t device = 0;   ///< Of device nodes: what stat(2) calls st_rdev.
  int64_t mtime_ns = 0;  ///< Since the epoch, as the others.
  int64_t ctime_ns = 0;
  int64_t atime_ns = 0;
  std::chrono::milliseconds ttl{0};  ///< How long the kernel may believe them.
};

/// A name that was found. The caller holds one more reference to the inode and gives it back with
/// forget().
struct Entry {
  Attributes attributes;
  std::chrono::milliseconds ttl{0};  ///< How long the kernel may believe the name.
};

/// A process that uses files, as the frontend tells it from others.
using ProcessId = uint64_t;
/// One of which the frontend does not know more: it may be any process.
constexpr ProcessId unknown_process = 0;

struct Caller {
  uint32_t uid = 0;
  uint32_t gid = 0;
};

/// What setattr shall change; absent fields stay.
struct AttributeChange {
  std::optional<uint32_t> mode;
  std::optional<uint32_t> uid;
  std::optional<uint32_t> gid;
  std::optional<uint64_t> size;
  std::optional<int64_t> mtime_ns;
  std::optional<int64_t> atime_ns;
  bool drop_set_ids = false;  ///< See FileSystem::drop_set_ids.
};

struct OpenFlags {
  bool read = false;
  bool write = false;
  bool truncate = false;      ///< Needs no `write`.
  bool drop_set_ids = false;  ///< With `truncate`: see FileSystem::drop_set_ids.
  /// The kernel would take a local file with the bytes: Opened::backing is looked for.
  bool take_backing = true;
  ProcessId process = unknown_process;
  uint64_t thread = 0;  ///< Tells the one that opens from others; opaque, 0 where nobody knows.
};

/// How write(2) writes. A descriptor's flags may have changed since it was opened.
struct WriteAt {
  uint64_t offset = 0;
  bool append = false;  ///< At the end of the file, wherever that is by then.
  bool sync = false;    ///< `done` waits until the bytes are where fsync puts them.
  /// The kernel does as Opened::direct_io asks, and this comes from no page: it holds none of the
  /// file's pages locked until the answer.
  bool direct = false;
  /// Who writes; absent: the kernel, what some process has written to a mapping.
  std::optional<ProcessId> process = unknown_process;
};

/// Who closes a descriptor.
struct Closer {
  ProcessId process = unknown_process;
  bool ended = false;  ///< It closes all it has.
};

/// What fallocate(2) asks for.
struct Allocation {
  ByteRange range;
  bool zero = false;       ///< The range becomes zeros; else only the size may change.
  bool keep_size = false;  ///< What lies behind the end stays there; else the file grows.
  ProcessId process = unknown_process;
};

/// What copy_file_range(2) asks for.
struct CopyRange {
  HandleId source = 0;
  uint64_t source_offset = 0;
  HandleId target = 0;
  uint64_t target_offset = 0;
  uint64_t length = 0;
  ProcessId process = unknown_process;
};

struct Opened {
  HandleId handle = 0;
  bool keep_page_cache = false;  ///< The kernel's cached pages are those of this version.
  bool direct_io = false;        ///< Reads and writes of this handle pass the page cache by.
  bool closes_quietly = false;   ///< Its close has nothing to store: flush() is not needed.
  /// Opened for reading only: where the kernel may take the bytes from without asking read(). It
  /// may ask all the same. Held until the last open that uses it is closed.
  std::shared_ptr<const BackingFile> backing;
};

struct Created {
  Entry entry;
  Opened opened;
};

struct DirectoryEntry {
  std::string name;
  uint64_t next_cookie = 0;  ///< Where a later read_directory goes on behind this entry.
  Attributes attributes;
  std::chrono::milliseconds ttl{0};
  bool referenced =
      false;  ///< With `plus`: one reference was taken, as by lookup. Never for "." and "..".
};

struct ReadDirectory {
  HandleId handle = 0;
  uint64_t cookie = 0;  ///< 0 from the start, else a next_cookie of this handle.
  bool plus = false;
  size_t max_entries = 1000;
};

/// What a name is given that is neither a regular file's first open nor a directory.
struct NewNode {
  FileType type = FileType::file;  ///< Not a directory.
  uint32_t mode = 0;
  uint32_t device = 0;  ///< Of device nodes.
  std::string target;   ///< Of a symbolic link: 1 to 4,095 bytes.
};

/// What setxattr(2) may find: any state, no such attribute (XATTR_CREATE), one (XATTR_REPLACE).
enum class XattrMode : uint8_t { any, create, replace };

struct FileSystemStats {
  uint64_t total_bytes = 0;
  uint64_t free_bytes = 0;
  uint64_t files = 0;
  uint64_t free_files = 0;
  uint32_t block_size = 4096;
  uint32_t max_name_bytes = penstock::max_name_bytes;
};

/// Tells the kernel what it must forget. Implemented by the frontend; called without locks, from a
/// thread that serves no request (the kernel may wait for one).
class KernelCache {
 public:
  virtual ~KernelCache() = default;
  /// The kernel drops what it keeps of the inode: its cached pages and its attributes.
  virtual void invalidate_data(InodeId inode) = 0;
  /// The kernel drops what it believes of the name, also that nothing has it.
  virtual void invalidate_entry(InodeId parent, std::string_view name) = 0;
};

/// The file system by inode, without a word of FUSE. Every operation is asynchronous; `done` is
/// called exactly once, on any thread, without locks. All methods are thread-safe. `cancel` makes
/// an operation that still waits finish with Code::interrupted; it may have happened all the same.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  /// What has the name, with one more reference to it. not_found where nothing has; changed where
  /// the directory has vanished meanwhile.
  virtual void lookup(InodeId parent, std::string name, Done<Entry> done) = 0;
  /// Gives back `count` references.
  virtual void forget(InodeId inode, uint64_t count) = 0;
  /// The kernel did not hear what became of a change of this name, as its program was killed
  /// meanwhile: it may have looked the name up during the change, and is asked to do so again.
  virtual void name_unheard(InodeId /*parent*/, const std::string& /*name*/) {}
  /// The kernel could not open the file under the number that it knows, and looks its name up once
  /// more, which it does once: nothing else shall send it back then. `thread`: as in OpenFlags.
  virtual void sent_back(InodeId /*inode*/, uint64_t /*thread*/) {}
  /// The thread looked the name up, and nothing has it: it is not on its way to open it any more.
  virtual void found_nothing(InodeId /*parent*/, const std::string& /*name*/, uint64_t /*thread*/) {
  }
  /// As fresh as MetadataOptions ask for. changed where the inode's name has another object by now
  /// and no program has the inode open.
  virtual void getattr(InodeId inode, Done<Attributes> done) = 0;
  /// `done` gets the attributes after the change. The object has them by the next commit of a file
  /// that is being written, else when `done` is called. is_a_directory for a size, no_space where
  /// the object's metadata would pass S3's limit.
  virtual void setattr(InodeId inode, AttributeChange change, Done<Attributes> done) = 0;

  /// In the store when `done` is called. already_exists where the name is taken.
  virtual void mkdir(InodeId parent, std::string name, uint32_t mode, Caller caller,
                     Done<Entry> done) = 0;
  /// In the store when `done` is called.
  virtual void make_node(InodeId parent, std::string name, NewNode node, Caller caller,
                         Done<Entry> done) = 0;
  /// A second name for the file's bytes. The two names are files of their own from then on: what is
  /// written to one does not change the other.
  virtual void link(InodeId inode, InodeId parent, std::string name, Done<Entry> done) = 0;
  /// The target as it was given. corrupt where the object is none.
  virtual void read_link(InodeId inode, Done<std::string> done) = 0;
  /// In the store when `done` is called. not_empty where the directory has a name, also one that
  /// only the store knows of; not_a_directory for a file.
  virtual void rmdir(InodeId parent, std::string name, Done<void> done) = 0;
  /// The object is deleted when `done` is called. Programs that have the file open go on with it.
  virtual void unlink(InodeId parent, std::string name, Done<void> done) = 0;
  /// Replaces an existing target as rename(2) does, unless `no_replace`.
  virtual void rename(InodeId parent, std::string name, InodeId new_parent, std::string new_name,
                      bool no_replace, Done<void> done) = 0;
  /// Each of the two gets the other's name; both must exist.
  virtual void exchange(InodeId parent, std::string name, InodeId other_parent,
                        std::string other_name, Done<void> done) = 0;

  /// already_exists where the name is taken and `exclusive`; changed where it is taken and not
  /// `exclusive`: the caller has to look the name up again, and to open what it finds.
  virtual void create(InodeId parent, std::string name, uint32_t mode, OpenFlags flags,
                      bool exclusive, Caller caller, Done<Created> done) = 0;
  /// changed where the inode's name has another object by now: the caller has to look the name up
  /// again, and to open what it finds.
  virtual void open(InodeId inode, OpenFlags flags, Done<Opened> done) = 0;
  /// Whether a read of that handle may wait for hours: then a signal ends it that the program goes
  /// on after, too. It does not change while the handle is open.
  virtual bool may_wait_long(HandleId handle) const { return (void)handle, false; }
  /// The bytes of one version, also of what is written and not stored yet; fewer than asked for
  /// only at the end of the file. archived, being_restored: the object has to be restored first.
  /// changed where the store has no longer the version that this handle has read from.
  virtual void read(HandleId handle, ByteRange range, std::stop_token cancel,
                    Done<Slices> done) = 0;
  /// `data` is only valid until the call returns.
  virtual void write(HandleId handle, WriteAt at, std::span<const std::byte> data,
                     Done<void> done) = 0;
  /// Before a write by a program without the right to keep them (CAP_FSETID): the file loses its
  /// set-user-ID bit, and its set-group-ID bit where its group may execute it (`all`: in any case).
  /// True where it had any of them.
  virtual bool drop_set_ids(HandleId handle, bool all) = 0;
  /// Reserves nothing: a bucket has no space to run out of. too_large where the file cannot have
  /// such a range.
  virtual void allocate(HandleId handle, Allocation request, Done<void> done) = 0;
  /// The first byte from `offset` on that is in a hole (the end of the file is one), or in none.
  /// Absent where there is none, and where `offset` is not inside the file.
  virtual void seek(HandleId handle, uint64_t offset, bool hole,
                    Done<std::optional<uint64_t>> done) = 0;
  /// Copies as much as is done in a few seconds; `done` gets how much that was: 0 at the end of the
  /// source only.
  virtual void copy_range(CopyRange request, std::stop_token cancel, Done<uint64_t> done) = 0;
  /// close(2) of one descriptor: returns when what was written is in the store, or why it is not.
  /// Where the closer neither opened the handle nor wrote to it, having got it from another process
  /// that goes on, there is nothing to do.
  virtual void flush(HandleId handle, Closer closer, Done<void> done) = 0;
  /// The processes that opened the handle or wrote to it, and have not ended.
  virtual std::vector<ProcessId> owners(HandleId handle) = 0;
  /// fsync(2): `done` is called when what was written is in the store or promised in a journal, or
  /// with the reason why it is not.
  virtual void fsync(HandleId handle, Done<void> done) = 0;
  /// The last descriptor is closed. What is still to be stored is stored in the background.
  virtual void release(HandleId handle) = 0;
  /// What the disk cache has of the stored version that this handle reads; not_supported where the
  /// mount has no cache.
  virtual void cache_share(HandleId handle, Done<CacheShare> done) = 0;

  /// A handle to read the directory's names with, until release_directory.
  virtual void open_directory(InodeId inode, Done<HandleId> done) = 0;
  /// An empty vector is the end.
  virtual void read_directory(ReadDirectory request, Done<std::vector<DirectoryEntry>> done) = 0;
  /// The handle is used no more. Does not wait.
  virtual void release_directory(HandleId handle) = 0;
  /// fsync(2) of a directory: as fsync for every file below it that was written. Names are in the
  /// store since the calls that made them.
  virtual void sync_directory(InodeId inode, Done<void> done) = 0;

  /// Extended attributes: "user.*", which are the object's metadata, and the read-only ones that
  /// docs/semantics.md names. Other names are not_supported, an absent one is no_attribute.
  virtual void get_xattr(InodeId inode, std::string name, Done<std::string> done) = 0;
  /// Those that can be set.
  virtual void list_xattrs(InodeId inode, Done<std::vector<std::string>> done) = 0;
  /// no_space where the object's metadata would pass S3's limit.
  virtual void set_xattr(InodeId inode, std::string name, std::string value, XattrMode mode,
                         Done<void> done) = 0;
  /// no_attribute where the inode has none of this name, not_permitted for a read-only one.
  virtual void remove_xattr(InodeId inode, std::string name, Done<void> done) = 0;

  /// A bucket has no size: what is told as free is more than any program asks for.
  virtual void statfs(Done<FileSystemStats> done) = 0;

  /// Takes no more writes (Code::read_only), commits every open dirty file and calls `done` with
  /// the paths that could not be saved, at the latest after `limit`. What is safe in a journal
  /// counts as saved, but its upload is waited for. Called again, it is not, and the first call's
  /// `done` is dropped.
  virtual void shutdown(std::chrono::milliseconds limit,
                        Callback<void(std::vector<std::string>)> done) = 0;
};

}  // namespace penstock
