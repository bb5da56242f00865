// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/disk.h"

namespace penstock::test {

enum class DiskCall : uint8_t {
  open,
  open_direct,  ///< With O_DIRECT.
  pread,
  pwrite,
  pwrite_uncached,
  syncfs,
  fdatasync,
  fsync,
  start_writeback,
  fstat,
  stat,
  ftruncate,
  touch,
  flock,
  link,
  rename,
  unlink,
  mkdir,
  rmdir,
  list,
  statvfs,
  filesystem_type,
};

/// The system's disk, where a test decides before each call whether it fails, and may wait there.
class FaultyDisk final : public Disk {
 public:
  /// 0, or the negated errno that the call gives without being made. `number` counts from 1.
  using Decide = std::function<int(DiskCall call, uint64_t number)>;

  /// Not while calls are being made.
  void decide(Decide decide) {
    decide_ = std::move(decide);
    calls_ = 0;
  }
  /// Not while calls are being made: what statvfs says; empty asks the system.
  void pretend_space(std::function<Space()> space) { space_ = std::move(space); }
  /// Not while calls are being made: the time, in ns since the epoch, that writes give files.
  void pretend_time(std::function<int64_t()> time) { time_ = std::move(time); }
  /// Not while calls are being made: what filesystem_type says.
  void pretend_type(uint64_t type) { type_ = type; }
  uint64_t calls() const { return calls_; }

  int open(const std::string& path, int flags, uint32_t mode) override {
    const int fault = next((flags & O_DIRECT) != 0 ? DiskCall::open_direct : DiskCall::open);
    return fault != 0 ? fault : real_->open(path, flags, mode);
  }
  void close(int file) noexcept override { real_->close(file); }
  int64_t pread(int file, std::span<std::byte> out, uint64_t offset) override {
    const int fault = next(DiskCall::pread);
    return fault != 0 ? fault : real_->pread(file, out, offset);
  }
  /// One that fails has written half of what it was given.
  int pwrite(int file, std::span<const std::byte> bytes, uint64_t offset) override {
    const int fault = next(DiskCall::pwrite);
    if (fault == 0) return dated(file, real_->pwrite(file, bytes, offset));
    real_->pwrite(file, bytes.first(bytes.size() / 2), offset);
    return fault;
  }
  int pwrite_uncached(int file, std::span<const Piece> pieces, uint64_t offset) override {
    const int fault = next(DiskCall::pwrite_uncached);
    return fault != 0 ? fault : dated(file, real_->pwrite_uncached(file, pieces, offset));
  }
  int syncfs(int) override {
    // Nobody cuts the power here, and a real flush takes milliseconds.
    return next(DiskCall::syncfs);
  }
  int fdatasync(int) override { return next(DiskCall::fdatasync); }
  int fsync(int) override { return next(DiskCall::fsync); }
  int start_writeback(int, uint64_t, uint64_t) override { return next(DiskCall::start_writeback); }
  int fstat(int file, Status& status) override {
    const int fault = next(DiskCall::fstat);
    return fault != 0 ? fault : real_->fstat(file, status);
  }
  int stat(const std::string& path, Status& status) override {
    const int fault = next(DiskCall::stat);
    return fault != 0 ? fault : real_->stat(path, status);
  }
  int ftruncate(int file, uint64_t size) override {
    const int fault = next(DiskCall::ftruncate);
    return fault != 0 ? fault : dated(file, real_->ftruncate(file, size));
  }
  int touch(int file) override {
    const int fault = next(DiskCall::touch);
    return fault != 0 ? fault : dated(file, real_->touch(file));
  }
  int flock(int file, int operation) override {
    const int fault = next(DiskCall::flock);
    return fault != 0 ? fault : real_->flock(file, operation);
  }
  int link(const std::string& from, const std::string& to) override {
    const int fault = next(DiskCall::link);
    return fault != 0 ? fault : real_->link(from, to);
  }
  int rename(const std::string& from, const std::string& to) override {
    const int fault = next(DiskCall::rename);
    return fault != 0 ? fault : real_->rename(from, to);
  }
  int unlink(const std::string& path) override {
    const int fault = next(DiskCall::unlink);
    return fault != 0 ? fault : real_->unlink(path);
  }
  int mkdir(const std::string& path, uint32_t mode) override {
    const int fault = next(DiskCall::mkdir);
    return fault != 0 ? fault : real_->mkdir(path, mode);
  }
  int rmdir(const std::string& path) override {
    const int fault = next(DiskCall::rmdir);
    return fault != 0 ? fault : real_->rmdir(path);
  }
  int list(const std::string& path, std::vector<std::string>& names) override {
    const int fault = next(DiskCall::list);
    return fault != 0 ? fault : real_->list(path, names);
  }
  int statvfs(const std::string& path, Space& space) override {
    const int fault = next(DiskCall::statvfs);
    if (fault != 0) return fault;
    if (!space_) return real_->statvfs(path, space);
    space = space_();
    return 0;
  }
  int filesystem_type(const std::string& path, uint64_t& type) override {
    const int fault = next(DiskCall::filesystem_type);
    if (fault != 0) return fault;
    if (!type_) return real_->filesystem_type(path, type);
    type = *type_;
    return 0;
  }

 private:
  int dated(int file, int result) {
    if (result != 0 || !time_) return result;
    constexpr int64_t second = 1'000'000'000;
    const timespec time{.tv_sec = time_() / second, .tv_nsec = time_() % second};
    const std::array<timespec, 2> times{time, time};
    return futimens(file, times.data()) == 0 ? 0 : -errno;
  }
  int next(DiskCall call) {
    const uint64_t number = ++calls_;
    return decide_ ? decide_(call, number) : 0;
  }

  const std::shared_ptr<Disk> real_ = Disk::system();
  Decide decide_;
  std::function<Space()> space_;
  std::function<int64_t()> time_;
  std::optional<uint64_t> type_;
  std::atomic<uint64_t> calls_{0};
};

}  // namespace penstock::test
