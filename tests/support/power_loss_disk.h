// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/disk.h"
#include "base/mutex.h"

namespace penstock::test {

/// A disk in memory that knows what is durable, and whose power can be cut.
///
/// Bytes are durable after fdatasync or fsync of their file, names after fsync of their folder;
/// nothing else makes them so. After a cut each page (4 KiB) of a file is as it was at some moment
/// since its file was flushed, independently of all others, and so is the file's size; of the
/// changes of names since their folder was flushed any may be missing.
class PowerLossDisk final : public Disk {
 public:
  /// What is lost at a cut: everything that was not durable, nothing, or some of it by chance.
  enum class Loss : uint8_t { all, none, some };

  PowerLossDisk();

  /// Calls that change something, so far.
  uint64_t changes() const EXCLUDES(mutex_);
  /// After that many of those calls nothing changes any more, and every call fails.
  void power_off_after(uint64_t changes) EXCLUDES(mutex_);
  /// The disk as it may be found when the power comes back.
  std::shared_ptr<PowerLossDisk> after_cut(Loss loss, std::mt19937_64& random) const
      EXCLUDES(mutex_);
  uint64_t flushes() const EXCLUDES(mutex_);
  /// Bytes of all files that have a name.
  uint64_t occupied() const EXCLUDES(mutex_);

  int open(const std::string& path, int flags, uint32_t mode) override;
  void close(int file) noexcept override;
  int64_t pread(int file, std::span<std::byte> out, uint64_t offset) override;
  int pwrite(int file, std::span<const std::byte> bytes, uint64_t offset) override;
  int syncfs(int file) override;
  int fdatasync(int file) override;
  int fsync(int file) override;
  int start_writeback(int file, uint64_t offset, uint64_t length) override;
  int fstat(int file, Status& status) override;
  int stat(const std::string& path, Status& status) override;
  int ftruncate(int file, uint64_t size) override;
  int touch(int file) override;
  int flock(int file, int operation) override;
  int link(const std::string& from, const std::string& to) override;
  int rename(const std::string& from, const std::string& to) override;
  int unlink(const std::string& path) override;
  int mkdir(const std::string& path, uint32_t mode) override;
  int rmdir(const std::string& path) override;
  int list(const std::string& path, std::vector<std::string>& names) override;
  int filesystem_type(const std::string& path, uint64_t& type) override;
  int statvfs(const std::string& path, Space& space) override;

 private:
  static constexpr uint64_t page_size = 4096;
  using Page = std::array<std::byte, page_size>;
  struct Content {
    std::vector<std::shared_ptr<const Page>> pages;  // null: zeros
    uint64_t size = 0;
  };
  struct Inode {
    bool folder = false;
    uint64_t number = 0;
    // What the file was like since it was last flushed; the last one is what it is now.
    std::vector<Content> versions{Content{}};
  };
  using InodePtr = std::shared_ptr<Inode>;
  using Names = std::map<std::string, InodePtr>;
  /// A change of the names in `folder`: each of `names` then has that inode, or is gone.
  struct Change {
    std::string folder;
    std::vector<std::pair<std::string, InodePtr>> names;
  };
  struct OpenFile {
    InodePtr inode;
    std::string path;
    int lock = 0;  // LOCK_SH, LOCK_EX, or none
  };

  static void apply(const Change& change, Names& names);
  static Content mixed(const std::vector<Content>& versions, std::mt19937_64& random);
  static void set_size(Content& content, uint64_t size);
  bool may_change() REQUIRES(mutex_);
  void change(Change change) REQUIRES(mutex_);
  Inode* find(const std::string& path) REQUIRES(mutex_);
  Inode* find(int file) REQUIRES(mutex_);
  int sync_data(int file) REQUIRES(mutex_);
  Status status_of(const Inode& inode) REQUIRES(mutex_);

  mutable Mutex mutex_;
  Names now_ GUARDED_BY(mutex_);
  Names durable_ GUARDED_BY(mutex_);
  std::vector<Change> pending_ GUARDED_BY(mutex_);
  std::map<int, OpenFile> open_ GUARDED_BY(mutex_);
  int next_file_ GUARDED_BY(mutex_) = 1;
  uint64_t next_inode_ GUARDED_BY(mutex_) = 1;
  uint64_t changes_ GUARDED_BY(mutex_) = 0;
  uint64_t flushes_ GUARDED_BY(mutex_) = 0;
  std::optional<uint64_t> last_change_ GUARDED_BY(mutex_);
};

}  // namespace penstock::test
