// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <string_view>
#include <thread>

#include "base/disk.h"
#include "base/wall_clock.h"

namespace penstock {
namespace {

/// The result of a call, or the negated errno; calls that a signal stopped are made again.
template <typename Call>
auto checked(Call&& call) {
  while (true) {
    const auto result = call();
    if (result >= 0) return result;
    if (errno != EINTR) return static_cast<decltype(result)>(-errno);
  }
}

Disk::Status to_status(const struct stat& from) {
  constexpr uint64_t stat_block = 512;
  return {.device = from.st_dev,
          .inode = from.st_ino,
          .links = from.st_nlink,
          .size = static_cast<uint64_t>(from.st_size),
          .allocated = static_cast<uint64_t>(from.st_blocks) * stat_block,
          .modified_ns = to_ns(from.st_mtim),
          .regular = S_ISREG(from.st_mode),
          .directory = S_ISDIR(from.st_mode)};
}

/// RWF_DONTCACHE (linux/fs.h since 6.14), which the C library does not know yet.
constexpr int dont_cache = 0x80;

/// With `flags` as for pwritev2(2).
int write_all(int file, std::span<const Disk::Piece> pieces, uint64_t offset, int flags) {
  // As many at a time as the system takes, at least (POSIX); the rest follows.
  std::array<iovec, _XOPEN_IOV_MAX> vectors{};
  size_t done = 0;  // of the first piece
  while (!pieces.empty()) {
    const size_t count = std::min(pieces.size(), vectors.size());
    for (size_t i = 0; i < count; ++i) {
      const Disk::Piece piece = i == 0 ? pieces[i].subspan(done) : pieces[i];
      vectors[i] = {.iov_base = const_cast<std::byte*>(piece.data()), .iov_len = piece.size()};
    }
    const int64_t written = checked([&] {
      return ::pwritev2(file, vectors.data(), static_cast<int>(count), static_cast<off_t>(offset),
                        flags);
    });
    if (written < 0) return static_cast<int>(written);
    if (written == 0) return -EIO;
    offset += static_cast<uint64_t>(written);
    done += static_cast<size_t>(written);
    while (!pieces.empty() && done >= pieces.front().size()) {
      done -= pieces.front().size();
      pieces = pieces.subspan(1);
    }
  }
  return 0;
}

class SystemDisk final : public Disk {
 public:
  int open(const std::string& path, int flags, uint32_t mode) override {
    flags |= O_CLOEXEC;
    const int file = checked([&] { return ::open(path.c_str(), flags | O_NOATIME, mode); });
    // Only the owner of a file may ask that its access time be left alone.
    if (file != -EPERM) return file;
    return checked([&] { return ::open(path.c_str(), flags, mode); });
  }
  void close(int file) noexcept override { ::close(file); }

  int64_t pread(int file, std::span<std::byte> out, uint64_t offset) override {
    size_t done = 0;
    while (done < out.size()) {
      const int64_t count = checked([&] {
        return ::pread(file, out.data() + done, out.size() - done,
                       static_cast<off_t>(offset + done));
      });
      if (count < 0) return count;
      if (count == 0) break;
      done += static_cast<size_t>(count);
    }
    return static_cast<int64_t>(done);
  }
  int pwrite(int file, std::span<const std::byte> bytes, uint64_t offset) override {
    // Nothing is written of nothing.
    return bytes.empty() ? 0 : write_all(file, std::span(&bytes, 1), offset, 0);
  }
  int pwrite_uncached(int file, std::span<const Piece> pieces, uint64_t offset) override {
    const int result = write_all(file, pieces, offset, dont_cache);
    // Not this file system, or not this kernel. What was written of it before is written again.
    return cannot(result) ? write_all(file, pieces, offset, 0) : result;
  }
  int syncfs(int file) override {
    return checked([&] { return ::syncfs(file); });
  }
  int fdatasync(int file) override {
    return checked([&] { return ::fdatasync(file); });
  }
  int fsync(int file) override {
    return checked([&] { return ::fsync(file); });
  }
  int start_writeback(int file, uint64_t offset, uint64_t length) override {
    return checked([&] {
      return ::sync_file_range(file, static_cast<off64_t>(offset), static_cast<off64_t>(length),
                               SYNC_FILE_RANGE_WRITE);
    });
  }
  int fstat(int file, Status& status) override {
    struct stat found {};
    const int result = checked([&] { return ::fstat(file, &found); });
    if (result == 0) status = to_status(found);
    return result;
  }
  int stat(const std::string& path, Status& status) override {
    struct stat found {};
    const int result = checked([&] { return ::lstat(path.c_str(), &found); });
    if (result == 0) status = to_status(found);
    return result;
  }
  int ftruncate(int file, uint64_t size) override {
    return checked([&] { return ::ftruncate(file, static_cast<off_t>(size)); });
  }
  int touch(int file) override {
    const timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT},
                               {.tv_sec = 0, .tv_nsec = UTIME_NOW}};
    return checked([&] { return ::futimens(file, times); });
  }
  int flock(int file, int operation) override {
    return checked([&] { return ::flock(file, operation); });
  }
  int link(const std::string& from, const std::string& to) override {
    return checked([&] { return ::link(from.c_str(), to.c_str()); });
  }
  int rename(const std::string& from, const std::string& to) override {
    return checked([&] { return ::rename(from.c_str(), to.c_str()); });
  }
  int unlink(const std::string& path) override {
    return checked([&] { return ::unlink(path.c_str()); });
  }
  int mkdir(const std::string& path, uint32_t mode) override {
    return checked([&] { return ::mkdir(path.c_str(), mode); });
  }
  int rmdir(const std::string& path) override {
    return checked([&] { return ::rmdir(path.c_str()); });
  }
  int list(const std::string& path, std::vector<std::string>& names) override {
    DIR* folder = ::opendir(path.c_str());
    if (folder == nullptr) return -errno;
    int result = 0;
    while (true) {
      errno = 0;
      // NOLINTNEXTLINE(concurrency-mt-unsafe): one DIR per call is safe in glibc.
      const dirent* entry = ::readdir(folder);
      if (entry == nullptr) {
        result = -errno;
        break;
      }
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    ::closedir(folder);
    return result;
  }
  int statvfs(const std::string& path, Space& space) override {
    struct statvfs found {};
    const int result = checked([&] { return ::statvfs(path.c_str(), &found); });
    if (result == 0) {
      space = {.total = found.f_blocks * found.f_frsize,
               .available = found.f_bavail * found.f_frsize};
    }
    return result;
  }
  int filesystem_type(const std::string& path, uint64_t& type) override {
    struct statfs found {};
    const int result = checked([&] { return ::statfs(path.c_str(), &found); });
    // Numbers of 32 bits, some with the uppermost set, in a signed word.
    if (result == 0) type = static_cast<uint32_t>(found.f_type);
    return result;
  }
};

}  // namespace

int DiskFile::try_lock_soon(int operation) const {
  constexpr std::chrono::milliseconds longest_pause{64};
  int result = try_lock(operation);
  for (std::chrono::milliseconds pause{1}; result == -EWOULDBLOCK && pause <= longest_pause;
       pause *= 2) {
    std::this_thread::sleep_for(pause);
    result = try_lock(operation);
  }
  return result;
}

std::shared_ptr<Disk> Disk::system() { return std::make_shared<SystemDisk>(); }

}  // namespace penstock
