// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "penstock/file_system.h"

namespace penstock {

/// Hands everything on: for one that stands before another and does some of it by itself. `inner`
/// must outlive the last operation.
class ForwardingFileSystem : public FileSystem {
 public:
  explicit ForwardingFileSystem(FileSystem& inner) : inner_(inner) {}

  void lookup(InodeId parent, std::string name, Done<Entry> done) override {
    inner_.lookup(parent, std::move(name), std::move(done));
  }
  void forget(InodeId inode, uint64_t count) override { inner_.forget(inode, count); }
  void name_unheard(InodeId parent, const std::string& name) override {
    inner_.name_unheard(parent, name);
  }
  void sent_back(InodeId inode, uint64_t thread) override { inner_.sent_back(inode, thread); }
  void found_nothing(InodeId parent, const std::string& name, uint64_t thread) override {
    inner_.found_nothing(parent, name, thread);
  }
  void getattr(InodeId inode, Done<Attributes> done) override {
    inner_.getattr(inode, std::move(done));
  }
  void setattr(InodeId inode, AttributeChange change, Done<Attributes> done) override {
    inner_.setattr(inode, change, std::move(done));
  }
  void mkdir(InodeId parent, std::string name, uint32_t mode, Caller caller,
             Done<Entry> done) override {
    inner_.mkdir(parent, std::move(name), mode, caller, std::move(done));
  }
  void make_node(InodeId parent, std::string name, NewNode node, Caller caller,
                 Done<Entry> done) override {
    inner_.make_node(parent, std::move(name), std::move(node), caller, std::move(done));
  }
  void link(InodeId inode, InodeId parent, std::string name, Done<Entry> done) override {
    inner_.link(inode, parent, std::move(name), std::move(done));
  }
  void read_link(InodeId inode, Done<std::string> done) override {
    inner_.read_link(inode, std::move(done));
  }
  void rmdir(InodeId parent, std::string name, Done<void> done) override {
    inner_.rmdir(parent, std::move(name), std::move(done));
  }
  void unlink(InodeId parent, std::string name, Done<void> done) override {
    inner_.unlink(parent, std::move(name), std::move(done));
  }
  void rename(InodeId parent, std::string name, InodeId new_parent, std::string new_name,
              bool no_replace, Done<void> done) override {
    inner_.rename(parent, std::move(name), new_parent, std::move(new_name), no_replace,
                  std::move(done));
  }
  void exchange(InodeId parent, std::string name, InodeId other_parent, std::string other_name,
                Done<void> done) override {
    inner_.exchange(parent, std::move(name), other_parent, std::move(other_name), std::move(done));
  }
  void create(InodeId parent, std::string name, uint32_t mode, OpenFlags flags, bool exclusive,
              Caller caller, Done<Created> done) override {
    inner_.create(parent, std::move(name), mode, flags, exclusive, caller, std::move(done));
  }
  void open(InodeId inode, OpenFlags flags, Done<Opened> done) override {
    inner_.open(inode, flags, std::move(done));
  }
  bool may_wait_long(HandleId handle) const override { return inner_.may_wait_long(handle); }
  void read(HandleId handle, ByteRange range, std::stop_token cancel, Done<Slices> done) override {
    inner_.read(handle, range, std::move(cancel), std::move(done));
  }
  void write(HandleId handle, WriteAt at, std::span<const std::byte> data,
             Done<void> done) override {
    inner_.write(handle, at, data, std::move(done));
  }
  bool drop_set_ids(HandleId handle, bool all) override { return inner_.drop_set_ids(handle, all); }
  void allocate(HandleId handle, Allocation request, Done<void> done) override {
    inner_.allocate(handle, request, std::move(done));
  }
  void seek(HandleId handle, uint64_t offset, bool hole,
            Done<std::optional<uint64_t>> done) override {
    inner_.seek(handle, offset, hole, std::move(done));
  }
  void copy_range(CopyRange request, std::stop_token cancel, Done<uint64_t> done) override {
    inner_.copy_range(request, std::move(cancel), std::move(done));
  }
  void flush(HandleId handle, Closer closer, Done<void> done) override {
    inner_.flush(handle, closer, std::move(done));
  }
  std::vector<ProcessId> owners(HandleId handle) override { return inner_.owners(handle); }
  void fsync(HandleId handle, Done<void> done) override { inner_.fsync(handle, std::move(done)); }
  void release(HandleId handle) override { inner_.release(handle); }
  void cache_share(HandleId handle, Done<CacheShare> done) override {
    inner_.cache_share(handle, std::move(done));
  }
  void open_directory(InodeId inode, Done<HandleId> done) override {
    inner_.open_directory(inode, std::move(done));
  }
  void read_directory(ReadDirectory request, Done<std::vector<DirectoryEntry>> done) override {
    inner_.read_directory(request, std::move(done));
  }
  void release_directory(HandleId handle) override { inner_.release_directory(handle); }
  void sync_directory(InodeId inode, Done<void> done) override {
    inner_.sync_directory(inode, std::move(done));
  }
  void get_xattr(InodeId inode, std::string name, Done<std::string> done) override {
    inner_.get_xattr(inode, std::move(name), std::move(done));
  }
  void list_xattrs(InodeId inode, Done<std::vector<std::string>> done) override {
    inner_.list_xattrs(inode, std::move(done));
  }
  void set_xattr(InodeId inode, std::string name, std::string value, XattrMode mode,
                 Done<void> done) override {
    inner_.set_xattr(inode, std::move(name), std::move(value), mode, std::move(done));
  }
  void remove_xattr(InodeId inode, std::string name, Done<void> done) override {
    inner_.remove_xattr(inode, std::move(name), std::move(done));
  }
  void statfs(Done<FileSystemStats> done) override { inner_.statfs(std::move(done)); }
  void shutdown(std::chrono::milliseconds limit,
                Callback<void(std::vector<std::string>)> done) override {
    inner_.shutdown(limit, std::move(done));
  }

 protected:
  FileSystem& inner() { return inner_; }

 private:
  FileSystem& inner_;
};

}  // namespace penstock
