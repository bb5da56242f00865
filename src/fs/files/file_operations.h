// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "fs/files/archived_reads.h"
#include "fs/files/committer.h"
#include "fs/files/deleted_files.h"
#include "fs/files/file_reads.h"
#include "fs/lookups/resolver.h"
#include "fs/nodes/core.h"

namespace penstock {

/// Operations on one file: open to release, writes, and truncate. Reads are FileReads.
class FileOperations {
 public:
  FileOperations(FsCore& core, Resolver& resolver, AttributeLoader& attributes,
                 Committer& committer, DeletedFiles& deleted, ArchivedReads& archived,
                 FileReads& reads)
      : core_(core),
        resolver_(resolver),
        attributes_(attributes),
        committer_(committer),
        deleted_(deleted),
        archived_(archived),
        reads_(reads) {}

  struct Create {
    InodePtr parent;
    std::string name;
    uint32_t mode = 0;
    OpenFlags flags;
    bool exclusive = false;
    Caller caller;
  };
  void create(const Create& request, Done<Created> done) EXCLUDES(core_.tree.mutex);
  void open(const InodePtr& inode, OpenFlags flags, Done<Opened> done) EXCLUDES(core_.tree.mutex);
  void write(const FileHandlePtr& handle, const WriteAt& at, std::span<const std::byte> data,
             Done<void> done) EXCLUDES(core_.tree.mutex);
  // file_ranges.cc
  void allocate(FileHandle& handle, const Allocation& request, Done<void> done)
      EXCLUDES(core_.tree.mutex);
  void seek(FileHandle& handle, uint64_t offset, bool hole, Done<std::optional<uint64_t>> done)
      EXCLUDES(core_.tree.mutex);

  // file_copies.cc
  struct Copy {
    FileHandle& source;
    uint64_t source_offset = 0;
    FileHandle& target;
    uint64_t target_offset = 0;
    uint64_t length = 0;
    ProcessId process = unknown_process;
  };
  void copy_range(const Copy& request, std::stop_token cancel, Done<uint64_t> done)
      EXCLUDES(core_.tree.mutex);

  // file_closing.cc
  /// What close(2) calls: commits what was written, where the closer is an owner of the handle.
  void flush(FileHandle& handle, const Closer& closer, Done<void> done) EXCLUDES(core_.tree.mutex);
  std::vector<ProcessId> owners(FileHandle& handle) EXCLUDES(core_.tree.mutex);
  /// Also through a handle that only reads: fsync(2) is about the file.
  void sync(FileHandle& handle, Done<void> done) EXCLUDES(core_.tree.mutex);
  void release(FileHandle* handle) EXCLUDES(core_.tree.mutex);
  /// truncate(2), by name or by descriptor. `drop_ids`: see FileSystem::drop_set_ids.
  void resize(const InodePtr& inode, uint64_t size, bool drop_ids, Done<void> done)
      EXCLUDES(core_.tree.mutex);
  /// See FileSystem::drop_set_ids.
  bool drop_set_ids(FileHandle& handle, bool all) EXCLUDES(core_.tree.mutex);

 private:
  /// Whether a creation with O_EXCL makes the object at once: MountOptions::exclusive_create.
  bool asks_at_open(const std::string& name) const;
  /// `stored`: its object, empty, where that is there already.
  Result<Created> make_new(const Create& request, const ObjectInfo* stored)
      REQUIRES(core_.tree.mutex);
  void open_known(const InodePtr& inode, OpenFlags flags, Done<Opened> done)
      EXCLUDES(core_.tree.mutex);
  /// The name that the inode has, or the last one that it had.
  static NameTurns::Place place_of(const Inode& inode);
  void open_fresh(const InodePtr& inode, OpenFlags flags, Done<Opened> done)
      EXCLUDES(core_.tree.mutex);
  // file_asking.cc
  /// Before an open. Where each asks the store, one that reads what nothing is cached of asks by
  /// the GET that the first read needs anyway; others by a HEAD.
  void ask_to_open(const InodePtr& inode, OpenFlags flags, Done<void> done)
      EXCLUDES(core_.tree.mutex);
  void find_backing(const InodePtr& inode, ObjectReader& reader, Opened opened, Done<Opened> done)
      EXCLUDES(core_.tree.mutex);
  /// Makes sure that the store still has what is about to be read, where that was not heard lately.
  void ask_first(const InodePtr& inode, ObjectReader& reader, Opened opened, Done<Opened> done)
      EXCLUDES(core_.tree.mutex);
  Opened make_handle(const InodePtr& inode, OpenFlags flags, bool created = false)
      REQUIRES(core_.tree.mutex);
  static void set_unflushed(FileHandle& handle, bool unflushed);
  /// A process opened the handle for writing, or writes to it. Absent: see WriteAt.
  static void note_writer(FileHandle& handle, std::optional<ProcessId> process);
  static void note_written(Inode& inode);
  static void note_time_alone(Inode& inode);
  bool drop_inode_set_ids(Inode& inode, bool all = false) REQUIRES(core_.tree.mutex);
  /// `exclusive`: as NewName::exclusive.
  Result<void> open_writer(const InodePtr& inode, bool truncate, bool exclusive)
      REQUIRES(core_.tree.mutex);
  void write_to(const InodePtr& inode, bool append, uint64_t offset,
                std::span<const std::byte> data, Done<void> done) EXCLUDES(core_.tree.mutex);
  using ContentChange = Callback<void(FileBytes&, Done<void>)>;
  void change(const InodePtr& inode, ContentChange apply, Done<void> done)
      EXCLUDES(core_.tree.mutex);
  struct CopyRun;
  using CopyRunPtr = std::shared_ptr<CopyRun>;
  void copy_parts(const CopyRunPtr& run) EXCLUDES(core_.tree.mutex);
  void copy_bytes(const CopyRunPtr& run) EXCLUDES(core_.tree.mutex);
  void copied(const CopyRunPtr& run, const Result<void>& result) EXCLUDES(core_.tree.mutex);

  FsCore& core_;
  Resolver& resolver_;
  AttributeLoader& attributes_;
  Committer& committer_;
  DeletedFiles& deleted_;
  ArchivedReads& archived_;
  FileReads& reads_;
};

}  // namespace penstock
