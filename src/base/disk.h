// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/file.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace penstock {

/// What caches and journals ask of a local file system: the seam at which tests make a disk fail.
///
/// Calls that fail return the negated errno. All methods are thread-safe, block on the disk and
/// are not stopped by signals. Paths are bytes.
class Disk {
 public:
  struct Status {
    uint64_t device = 0;
    uint64_t inode = 0;
    uint64_t links = 0;
    uint64_t size = 0;
    uint64_t allocated = 0;   ///< Bytes of the disk that the file occupies.
    int64_t modified_ns = 0;  ///< Since the epoch.
    bool regular = false;
    bool directory = false;
  };
  using Piece = std::span<const std::byte>;
  using Pieces = std::vector<Piece>;
  struct Space {
    uint64_t total = 0;      ///< Bytes of the file system.
    uint64_t available = 0;  ///< Bytes that this user may still fill.
  };

  virtual ~Disk() = default;
  static std::shared_ptr<Disk> system();

  /// `flags` as for open(2); O_CLOEXEC is added, and O_NOATIME where the file's owner allows it.
  virtual int open(const std::string& path, int flags, uint32_t mode) = 0;
  /// Errors of close(2) are not told: what has to be durable is flushed before.
  virtual void close(int file) noexcept = 0;
  /// The number of bytes read: fewer than asked for only at the end of the file.
  virtual int64_t pread(int file, std::span<std::byte> out, uint64_t offset) = 0;
  /// Writes all of `bytes`; 0 where that was possible.
  virtual int pwrite(int file, std::span<const std::byte> bytes, uint64_t offset) = 0;
  /// Writes all of `pieces`, one behind the other, which will hardly be read soon: where the system
  /// can (Linux 6.14, RWF_DONTCACHE) they leave the page cache as soon as the disk has them. They
  /// do not come there where `file` was opened with O_DIRECT; then each piece's address and length
  /// and the offset must suit the disk, or the result is one of which cannot() is true.
  virtual int pwrite_uncached(int file, std::span<const Piece> pieces, uint64_t offset) {
    for (const Piece& piece : pieces) {
      if (const int result = pwrite(file, piece, offset); result != 0) return result;
      offset += piece.size();
    }
    return 0;
  }
  /// True of a result that says that the system or the file system does not do such a thing.
  static bool cannot(int result) noexcept {
    return result == -EOPNOTSUPP || result == -EINVAL || result == -ENOSYS;
  }
  /// Flushes the whole file system that the file is on. Says once what went wrong on it since the
  /// file was opened.
  virtual int syncfs(int file) = 0;
  /// Makes the bytes and the size of a file durable. A failure is told once: after it nobody knows
  /// what of the file is on the disk, and calling again does not tell.
  virtual int fdatasync(int file) = 0;
  /// All of a file; of a folder (opened with O_DIRECTORY) the names in it.
  virtual int fsync(int file) = 0;
  /// Asks the disk to begin writing `length` bytes from `offset`, without waiting for them.
  /// -EOPNOTSUPP, -EINVAL or -ENOSYS where that cannot be asked.
  virtual int start_writeback(int file, uint64_t offset, uint64_t length) = 0;
  /// 0, and what is known of the open file.
  virtual int fstat(int file, Status& status) = 0;
  /// Of the name itself where it is a symbolic link.
  virtual int stat(const std::string& path, Status& status) = 0;
  /// Cuts the file off at `size` bytes, or makes it grow by zeros.
  virtual int ftruncate(int file, uint64_t size) = 0;
  /// Sets the modification time to now.
  virtual int touch(int file) = 0;
  /// `operation` as for flock(2).
  virtual int flock(int file, int operation) = 0;
  /// Gives the file a second name. -EEXIST where `to` is taken.
  virtual int link(const std::string& from, const std::string& to) = 0;
  /// Replaces what is at `to`.
  virtual int rename(const std::string& from, const std::string& to) = 0;
  /// Takes a file's name away; who has the file open keeps it.
  virtual int unlink(const std::string& path) = 0;
  /// -EEXIST where the name is taken. The new name is durable after fsync of the folder around it.
  virtual int mkdir(const std::string& path, uint32_t mode) = 0;
  /// -ENOTEMPTY where there are names in the folder.
  virtual int rmdir(const std::string& path) = 0;
  /// Appends the names in a folder, in no order, without "." and "..".
  virtual int list(const std::string& path, std::vector<std::string>& names) = 0;
  /// 0, and how much room the file system of `path` has.
  virtual int statvfs(const std::string& path, Space& space) = 0;
  /// The type of the file system that `path` lies on, as statfs(2) tells it (linux/magic.h).
  virtual int filesystem_type(const std::string& path, uint64_t& type) = 0;
};

/// An open file of a Disk, closed with its owner. Move-only.
class DiskFile {
 public:
  DiskFile() = default;
  DiskFile(std::shared_ptr<Disk> disk, int file) noexcept : disk_(std::move(disk)), file_(file) {}
  DiskFile(DiskFile&& other) noexcept
      : disk_(std::move(other.disk_)), file_(std::exchange(other.file_, -1)) {}
  DiskFile& operator=(DiskFile&& other) noexcept {
    std::swap(disk_, other.disk_);
    std::swap(file_, other.file_);
    return *this;
  }
  ~DiskFile() {
    if (file_ >= 0) disk_->close(file_);
  }

  /// The file, or the negated errno that opening it gave.
  int get() const noexcept { return file_; }
  explicit operator bool() const noexcept { return file_ >= 0; }

  int64_t pread(std::span<std::byte> out, uint64_t offset) const {
    return disk_->pread(file_, out, offset);
  }
  int pwrite(std::span<const std::byte> bytes, uint64_t offset) const {
    return disk_->pwrite(file_, bytes, offset);
  }
  int pwrite_uncached(std::span<const Disk::Piece> pieces, uint64_t offset) const {
    return disk_->pwrite_uncached(file_, pieces, offset);
  }
  int stat(Disk::Status& status) const { return disk_->fstat(file_, status); }
  int syncfs() const { return disk_->syncfs(file_); }
  int datasync() const { return disk_->fdatasync(file_); }
  int sync() const { return disk_->fsync(file_); }
  int start_writeback(uint64_t offset, uint64_t length) const {
    return disk_->start_writeback(file_, offset, length);
  }
  int truncate(uint64_t size) const { return disk_->ftruncate(file_, size); }
  int touch() const { return disk_->touch(file_); }
  /// Takes a lock, LOCK_SH or LOCK_EX; -EWOULDBLOCK where others hold one against it. There is no
  /// way to wait for them without an end: the process that holds it may be stopped.
  int try_lock(int operation) const { return disk_->flock(file_, operation | LOCK_NB); }
  /// The same several times, within an eighth of a second: for locks that are held for a moment.
  int try_lock_soon(int operation) const;
  void unlock() const { disk_->flock(file_, LOCK_UN); }

 private:
  std::shared_ptr<Disk> disk_;
  int file_ = -1;
};

/// Opens a file of `disk`; see DiskFile::get for how it fails.
inline DiskFile open_file(const std::shared_ptr<Disk>& disk, const std::string& path, int flags,
                          uint32_t mode = 0600) {
  return {disk, disk->open(path, flags, mode)};
}

}  // namespace penstock
