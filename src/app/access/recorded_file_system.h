// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "app/access/access_record.h"
#include "app/forwarding_file_system.h"
#include "base/log.h"
#include "base/mutex.h"
#include "penstock/file_system.h"

namespace penstock {

/// Writes what programs ask of a file system into the access log, a line for each operation when it
/// is answered. What the kernel answers by itself (cached names, cached pages, passthrough) does
/// not come by here; what no program asks (cache_share: penstock warm) is not written down. Both
/// must outlive the last operation. Thread-safe as every FileSystem.
class RecordedFileSystem final : public ForwardingFileSystem {
 public:
  /// The path of an inode below the mountpoint; nothing where it has no name any more.
  using PathOf = std::function<std::optional<std::string>(InodeId)>;

  /// Notes that `source` is mounted: handles count anew from there on.
  RecordedFileSystem(FileSystem& inner, PathOf path_of, const std::string& source,
                     std::shared_ptr<Log> log);

  void lookup(InodeId parent, std::string name, Done<Entry> done) override;
  void getattr(InodeId inode, Done<Attributes> done) override;
  void setattr(InodeId inode, AttributeChange change, Done<Attributes> done) override;
  void mkdir(InodeId parent, std::string name, uint32_t mode, Caller caller,
             Done<Entry> done) override;
  void make_node(InodeId parent, std::string name, NewNode node, Caller caller,
                 Done<Entry> done) override;
  void link(InodeId inode, InodeId parent, std::string name, Done<Entry> done) override;
  void read_link(InodeId inode, Done<std::string> done) override;
  void rmdir(InodeId parent, std::string name, Done<void> done) override;
  void unlink(InodeId parent, std::string name, Done<void> done) override;
  void rename(InodeId parent, std::string name, InodeId new_parent, std::string new_name,
              bool no_replace, Done<void> done) override;
  void exchange(InodeId parent, std::string name, InodeId other_parent, std::string other_name,
                Done<void> done) override;
  void create(InodeId parent, std::string name, uint32_t mode, OpenFlags flags, bool exclusive,
              Caller caller, Done<Created> done) override;
  void open(InodeId inode, OpenFlags flags, Done<Opened> done) override;
  void read(HandleId handle, ByteRange range, std::stop_token cancel, Done<Slices> done) override;
  void write(HandleId handle, WriteAt at, std::span<const std::byte> data,
             Done<void> done) override;
  void allocate(HandleId handle, Allocation request, Done<void> done) override;
  void seek(HandleId handle, uint64_t offset, bool hole,
            Done<std::optional<uint64_t>> done) override;
  void copy_range(CopyRange request, std::stop_token cancel, Done<uint64_t> done) override;
  void flush(HandleId handle, Closer closer, Done<void> done) override;
  void fsync(HandleId handle, Done<void> done) override;
  void release(HandleId handle) override;
  void open_directory(InodeId inode, Done<HandleId> done) override;
  void read_directory(ReadDirectory request, Done<std::vector<DirectoryEntry>> done) override;
  void release_directory(HandleId handle) override;
  void sync_directory(InodeId inode, Done<void> done) override;
  void get_xattr(InodeId inode, std::string name, Done<std::string> done) override;
  void list_xattrs(InodeId inode, Done<std::vector<std::string>> done) override;
  void set_xattr(InodeId inode, std::string name, std::string value, XattrMode mode,
                 Done<void> done) override;
  void remove_xattr(InodeId inode, std::string name, Done<void> done) override;
  void statfs(Done<FileSystemStats> done) override;

 private:
  /// What is open. Thread-safe.
  class Handles {
   public:
    struct Open {
      uint64_t number = 0;              ///< What the log tells it by: from 1 on, never used twice.
      std::optional<std::string> path;  ///< What it was opened by.
    };

    /// Returns its number.
    uint64_t add(HandleId handle, std::optional<std::string> path) EXCLUDES(mutex_);
    /// Nothing is known, and 0 its number, where it is not open.
    Open find(HandleId handle) const EXCLUDES(mutex_);
    /// The same, for the last time.
    Open take(HandleId handle) EXCLUDES(mutex_);

   private:
    mutable Mutex mutex_;
    uint64_t last_ GUARDED_BY(mutex_) = 0;
    std::unordered_map<HandleId, Open> open_ GUARDED_BY(mutex_);
  };

  AccessRecord of_inode(const char* operation, InodeId inode) const;
  AccessRecord of_name(const char* operation, InodeId parent, const std::string& name) const;
  static AccessRecord of_open(const char* operation, Handles::Open open);
  AccessRecord of_handle(const char* operation, HandleId handle) const;
  std::optional<std::string> below(InodeId parent, const std::string& name) const;
  void write_down(const AccessRecord& record) const;
  /// `done`, and a line before it. `more` adds to the record what only the answer tells.
  template <typename T, typename More>
  Done<T> recorded(AccessRecord record, Done<T> done, More more) const;
  template <typename T>
  Done<T> recorded(AccessRecord record, Done<T> done) const;

  const PathOf path_of_;
  const std::shared_ptr<Log> log_;
  Handles files_;
  Handles directories_;
};

}  // namespace penstock
