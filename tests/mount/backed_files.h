// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "penstock/file_system.h"

namespace penstock::test {

/// One flat directory whose files are opened with the local file that has their bytes. What a
/// writer changes is kept in memory, and has no local file.
class BackedFiles final : public FileSystem {
 public:
  /// Local files are made in `folder`.
  explicit BackedFiles(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// Makes a file or a new version of one. `backed`: opens for reading come with a local file.
  void put(const std::string& name, const std::string& bytes, bool backed = true);
  /// As put(), with a descriptor that the kernel will not take for a file.
  void put_badly_backed(const std::string& name, const std::string& bytes);
  std::string bytes(const std::string& name);  ///< As FileSystem has them now.
  /// The local file of the newest version that has one.
  std::filesystem::path backing_path(const std::string& name);
  uint64_t reads() const { return reads_; }
  uint64_t open_handles();

  void lookup(InodeId parent, std::string name, Done<Entry> done) override;
  void forget(InodeId, uint64_t) override {}
  void getattr(InodeId inode, Done<Attributes> done) override;
  void setattr(InodeId inode, AttributeChange change, Done<Attributes> done) override;
  void mkdir(InodeId, std::string, uint32_t, Caller, Done<Entry> done) override { refuse(done); }
  void link(InodeId, InodeId, std::string, Done<Entry> done) override { refuse(done); }
  void make_node(InodeId, std::string, NewNode, Caller, Done<Entry> done) override { refuse(done); }
  void read_link(InodeId, Done<std::string> done) override { refuse(done); }
  void rmdir(InodeId, std::string, Done<void> done) override { refuse(done); }
  void unlink(InodeId, std::string, Done<void> done) override { refuse(done); }
  void rename(InodeId, std::string, InodeId, std::string, bool, Done<void> done) override {
    refuse(done);
  }
  void exchange(InodeId, std::string, InodeId, std::string, Done<void> done) override {
    refuse(done);
  }
  void create(InodeId, std::string, uint32_t, OpenFlags, bool, Caller,
              Done<Created> done) override {
    refuse(done);
  }
  void open(InodeId inode, OpenFlags flags, Done<Opened> done) override;
  void read(HandleId handle, ByteRange range, std::stop_token, Done<Slices> done) override;
  void write(HandleId handle, WriteAt at, std::span<const std::byte> data,
             Done<void> done) override;
  void allocate(HandleId, Allocation, Done<void> done) override { refuse(done); }
  void seek(HandleId, uint64_t, bool, Done<std::optional<uint64_t>> done) override { refuse(done); }
  void copy_range(CopyRange, std::stop_token, Done<uint64_t> done) override { refuse(done); }
  void flush(HandleId, Closer, Done<void> done) override { done({}); }
  std::vector<ProcessId> owners(HandleId) override { return {}; }
  void fsync(HandleId, Done<void> done) override { done({}); }
  void release(HandleId handle) override;
  void cache_share(HandleId, Done<CacheShare> done) override { refuse(done); }
  void open_directory(InodeId, Done<HandleId> done) override { refuse(done); }
  void read_directory(ReadDirectory, Done<std::vector<DirectoryEntry>> done) override {
    refuse(done);
  }
  void release_directory(HandleId) override {}
  void sync_directory(InodeId, Done<void> done) override { refuse(done); }
  bool drop_set_ids(HandleId, bool) override { return false; }
  void get_xattr(InodeId, std::string, Done<std::string> done) override { refuse(done); }
  void list_xattrs(InodeId, Done<std::vector<std::string>> done) override { refuse(done); }
  void set_xattr(InodeId, std::string, std::string, XattrMode, Done<void> done) override {
    refuse(done);
  }
  void remove_xattr(InodeId, std::string, Done<void> done) override { refuse(done); }
  void statfs(Done<FileSystemStats> done) override { done(FileSystemStats{}); }
  void shutdown(std::chrono::milliseconds, Callback<void(std::vector<std::string>)> done) override {
    done({});
  }

 private:
  struct Version {
    std::string bytes;
    std::filesystem::path backing;  ///< Empty: none.
  };
  struct File {
    InodeId inode = 0;
    std::shared_ptr<Version> version;
    std::filesystem::path last_backing;
  };
  struct Handle {
    File* file = nullptr;
    std::shared_ptr<Version> version;  ///< Null: opened for writing, always the newest.
  };

  template <typename T>
  static void refuse(Done<T>& done) {
    done(Error(Code::not_supported, "not here"));
  }
  void put(const std::string& name, Version version);
  File* find(InodeId inode);
  static Attributes attributes_of(const File& file);
  static Version& writable(File& file);

  const std::filesystem::path folder_;
  std::atomic<uint64_t> reads_ = 0;
  std::mutex mutex_;
  std::map<std::string, File> files_;
  std::map<HandleId, Handle> handles_;
  uint64_t next_ = root_inode + 1;
};

}  // namespace penstock::test
