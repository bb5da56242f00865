// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/metrics.h"

namespace penstock {

/// What programs ask of a mount, as the kernel passes it on. A close is told for each descriptor
/// that is closed (FUSE_FLUSH), and stores what was written.
enum class FileOperation : uint8_t {
  lookup,
  getattr,
  setattr,
  readlink,
  mknod,
  mkdir,
  unlink,
  rmdir,
  symlink,
  rename,
  link,
  open,
  create,
  read,
  write,
  close,
  fsync,
  opendir,
  readdir,
  fsyncdir,
  statfs,
  setxattr,
  getxattr,
  listxattr,
  removexattr,
  ioctl,
  fallocate,
  lseek,
  copy_file_range,
};
constexpr size_t file_operation_kinds = static_cast<size_t>(FileOperation::copy_file_range) + 1;

/// For messages and metrics: as the enumerator is written.
const char* name_of(FileOperation operation);

/// What became of the operations of one kind that were answered.
struct OperationMetrics {
  LatencyHistogram took;  ///< From the request's arrival to its answer.
  Count failed;           ///< With an error that is no everyday answer, as "no such file" is one.
};

/// Of one session. Those that were answered because their program was interrupted are not in it.
/// Thread-safe.
class FileMetrics {
 public:
  OperationMetrics& of(FileOperation kind) noexcept { return kinds_[static_cast<size_t>(kind)]; }
  const OperationMetrics& of(FileOperation kind) const noexcept {
    return kinds_[static_cast<size_t>(kind)];
  }

  Count bytes_read;     ///< By programs, but for what the kernel has by itself.
  Count bytes_written;  ///< By programs.

 private:
  std::array<OperationMetrics, file_operation_kinds> kinds_;
};

}  // namespace penstock
