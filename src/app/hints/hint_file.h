// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "app/forwarding_file_system.h"
#include "base/mutex.h"
#include "data/epoch/hint_lines.h"
#include "data/epoch/order_hints.h"
#include "fs/make_file_system.h"

namespace penstock {

/// A file system with a file more, `.penstock/prefetch` at its root, which no listing shows:
/// programs write into it the names of files that they will read, in this order (docs/reads.md).
/// Each open is a list of its own. Thread-safe as every FileSystem. All must outlive it.
class HintFileSystem final : public ForwardingFileSystem {
 public:
  /// `mountpoint` is where programs find it.
  HintFileSystem(FileSystem& inner, OrderHints& hints, std::string mountpoint)
      : ForwardingFileSystem(inner), hints_(hints), mountpoint_(std::move(mountpoint)) {}

  void lookup(InodeId parent, std::string name, Done<Entry> done) override;
  void forget(InodeId inode, uint64_t count) override;
  void name_unheard(InodeId parent, const std::string& name) override;
  void sent_back(InodeId inode, uint64_t thread) override;
  void found_nothing(InodeId parent, const std::string& name, uint64_t thread) override;
  void getattr(InodeId inode, Done<Attributes> done) override;
  void setattr(InodeId inode, AttributeChange change, Done<Attributes> done) override;
  void mkdir(InodeId parent, std::string name, uint32_t mode, Caller caller,
             Done<Entry> done) override;
  void make_node(InodeId parent, std::string name, NewNode node, Caller caller,
                 Done<Entry> done) override;
  void link(InodeId inode, InodeId parent, std::string name, Done<Entry> done) override;
  void rmdir(InodeId parent, std::string name, Done<void> done) override;
  void unlink(InodeId parent, std::string name, Done<void> done) override;
  void rename(InodeId parent, std::string name, InodeId new_parent, std::string new_name,
              bool no_replace, Done<void> done) override;
  void exchange(InodeId parent, std::string name, InodeId other_parent, std::string other_name,
                Done<void> done) override;
  void create(InodeId parent, std::string name, uint32_t mode, OpenFlags flags, bool exclusive,
              Caller caller, Done<Created> done) override;
  void open(InodeId inode, OpenFlags flags, Done<Opened> done) override;
  bool may_wait_long(HandleId handle) const override;
  void read(HandleId handle, ByteRange range, std::stop_token cancel, Done<Slices> done) override;
  void write(HandleId handle, WriteAt at, std::span<const std::byte> data,
             Done<void> done) override;
  bool drop_set_ids(HandleId handle, bool all) override;
  void allocate(HandleId handle, Allocation request, Done<void> done) override;
  void seek(HandleId handle, uint64_t offset, bool hole,
            Done<std::optional<uint64_t>> done) override;
  void copy_range(CopyRange request, std::stop_token cancel, Done<uint64_t> done) override;
  void flush(HandleId handle, Closer closer, Done<void> done) override;
  std::vector<ProcessId> owners(HandleId handle) override;
  void fsync(HandleId handle, Done<void> done) override;
  void release(HandleId handle) override;
  void cache_share(HandleId handle, Done<CacheShare> done) override;
  void open_directory(InodeId inode, Done<HandleId> done) override;
  void read_directory(ReadDirectory request, Done<std::vector<DirectoryEntry>> done) override;
  void release_directory(HandleId handle) override;
  void sync_directory(InodeId inode, Done<void> done) override;
  void get_xattr(InodeId inode, std::string name, Done<std::string> done) override;
  void list_xattrs(InodeId inode, Done<std::vector<std::string>> done) override;
  void set_xattr(InodeId inode, std::string name, std::string value, XattrMode mode,
                 Done<void> done) override;
  void remove_xattr(InodeId inode, std::string name, Done<void> done) override;

 private:
  struct List {
    OrderHints::ListId id = 0;
    HintLines lines;
  };

  Result<void> take(HandleId handle, std::optional<std::string_view> bytes) EXCLUDES(mutex_);

  OrderHints& hints_;
  const std::string mountpoint_;
  Mutex mutex_;
  std::unordered_map<HandleId, List> lists_ GUARDED_BY(mutex_);
};

/// OrderHints::FindVersion over a file system: looks a name up as a program would.
OrderHints::FindVersion version_finder(MountedFileSystem& files);

}  // namespace penstock
