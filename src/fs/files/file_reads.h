// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "fs/files/archived_reads.h"
#include "fs/files/committer.h"
#include "fs/lookups/resolver.h"
#include "fs/nodes/core.h"

namespace penstock {

/// Reads of open files: from the writer where something is newer there, else from the version of
/// the object that the handle reads, restored first where it is archived.
///
/// A read of a file that nobody here has open for writing takes no Tree::mutex once its handle has
/// read: what it needs of the inode are atomics, each changed under that lock, and the version is
/// the handle's own. Thread-safe.
class FileReads {
 public:
  FileReads(FsCore& core, Resolver& resolver, Committer& committer, ArchivedReads& archived)
      : core_(core), resolver_(resolver), committer_(committer), archived_(archived) {}

  /// Not older than what this mount has stored by then.
  void read(const FileHandlePtr& handle, ByteRange range, std::stop_token cancel, Done<Slices> done)
      EXCLUDES(core_.tree.mutex);
  void cache_share(FileHandle& handle, Done<CacheShare> done) EXCLUDES(core_.tree.mutex);

  /// The version that the handle reads from now on. `dropped` gets the one before, to be let go of
  /// without the lock: that may end reads of it, whose answers take the lock.
  static Result<std::shared_ptr<HandleVersion>> version_for(FsCore& core, FileHandle& handle,
                                                            std::shared_ptr<HandleVersion>& dropped)
      REQUIRES(core.tree.mutex);
  /// Of the inode's present version, shared by all who read it.
  static Result<std::shared_ptr<ObjectReader>> present_reader(FsCore& core, const InodePtr& inode)
      REQUIRES(core.tree.mutex);

 private:
  void read_present(const FileHandlePtr& handle, ByteRange range, std::stop_token cancel,
                    uint32_t tries, Done<Slices> done) EXCLUDES(core_.tree.mutex);
  void read_once(const FileHandlePtr& handle, ByteRange range, std::stop_token cancel,
                 Done<Slices> done) EXCLUDES(core_.tree.mutex);
  /// The version that the handle reads, restored first where it is archived.
  void read_restored(const FileHandlePtr& handle, ByteRange range, const std::stop_token& cancel,
                     uint32_t tries, Done<Slices> done) EXCLUDES(core_.tree.mutex);
  void read_or_restore(const FileHandlePtr& handle, ByteRange range, const std::stop_token& cancel,
                       uint32_t tries, Done<Slices> done) EXCLUDES(core_.tree.mutex);
  void restore_and_read(const FileHandlePtr& handle, ByteRange range, const std::stop_token& cancel,
                        uint32_t tries, Done<Slices> done) EXCLUDES(core_.tree.mutex);
  void share_of(FileHandle& handle, Done<CacheShare> done) EXCLUDES(core_.tree.mutex);
  /// Null where the file is empty.
  Result<std::shared_ptr<HandleVersion>> find_version(FileHandle& handle)
      EXCLUDES(core_.tree.mutex);
  void read_object(const FileHandlePtr& handle, ByteRange range, const std::stop_token& cancel,
                   bool may_restart, Done<Slices> done) EXCLUDES(core_.tree.mutex);
  void read_failed(const FileHandlePtr& handle, ByteRange range, const std::stop_token& cancel,
                   bool may_restart, const HandleVersion& version, const Error& error,
                   Done<Slices> done) EXCLUDES(core_.tree.mutex);
  /// True where a read of the present version failed because the store has another one, of which
  /// nothing is known here yet.
  static bool is_replaced(const Error& error, const Inode& inode);
  bool has_name(const InodePtr& inode) const EXCLUDES(core_.tree.mutex);

  FsCore& core_;
  Resolver& resolver_;
  Committer& committer_;
  ArchivedReads& archived_;
};

}  // namespace penstock
