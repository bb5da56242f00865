// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "penstock/file_system.h"

namespace penstock::test {

/// Does nothing and drops what it is asked, for tests that override the one or other call.
class IdleFileSystem : public FileSystem {
 public:
  void lookup(InodeId, std::string, Done<Entry>) override {}
  void forget(InodeId, uint64_t) override {}
  void getattr(InodeId, Done<Attributes>) override {}
  void setattr(InodeId, AttributeChange, Done<Attributes>) override {}
  void mkdir(InodeId, std::string, uint32_t, Caller, Done<Entry>) override {}
  void link(InodeId, InodeId, std::string, Done<Entry>) override {}
  void make_node(InodeId, std::string, NewNode, Caller, Done<Entry>) override {}
  void read_link(InodeId, Done<std::string>) override {}
  void rmdir(InodeId, std::string, Done<void>) override {}
  void unlink(InodeId, std::string, Done<void>) override {}
  void rename(InodeId, std::string, InodeId, std::string, bool, Done<void>) override {}
  void exchange(InodeId, std::string, InodeId, std::string, Done<void>) override {}
  void create(InodeId, std::string, uint32_t, OpenFlags, bool, Caller, Done<Created>) override {}
  void open(InodeId, OpenFlags, Done<Opened>) override {}
  void read(HandleId, ByteRange, std::stop_token, Done<Slices>) override {}
  void write(HandleId, WriteAt, std::span<const std::byte>, Done<void>) override {}
  void allocate(HandleId, Allocation, Done<void>) override {}
  void seek(HandleId, uint64_t, bool, Done<std::optional<uint64_t>>) override {}
  void copy_range(CopyRange, std::stop_token, Done<uint64_t>) override {}
  void flush(HandleId, Closer, Done<void>) override {}
  std::vector<ProcessId> owners(HandleId) override { return {}; }
  void fsync(HandleId, Done<void>) override {}
  void release(HandleId) override {}
  void cache_share(HandleId, Done<CacheShare>) override {}
  void open_directory(InodeId, Done<HandleId>) override {}
  void read_directory(ReadDirectory, Done<std::vector<DirectoryEntry>>) override {}
  void release_directory(HandleId) override {}
  void sync_directory(InodeId, Done<void>) override {}
  bool drop_set_ids(HandleId, bool) override { return false; }
  void get_xattr(InodeId, std::string, Done<std::string>) override {}
  void list_xattrs(InodeId, Done<std::vector<std::string>>) override {}
  void set_xattr(InodeId, std::string, std::string, XattrMode, Done<void>) override {}
  void remove_xattr(InodeId, std::string, Done<void>) override {}
  void statfs(Done<FileSystemStats>) override {}
  void shutdown(std::chrono::milliseconds, Callback<void(std::vector<std::string>)>) override {}
};

}  // namespace penstock::test
