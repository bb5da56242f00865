// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/log.h"
#include "frontend/features.h"
#include "frontend/fuse_api.h"
#include "frontend/open_modes.h"

namespace penstock {

/// Tells the kernel's INIT that the session wants passthrough, if it can be had.
Feature want_passthrough(fuse_conn_info& connection);

/// Makes the answer to an open one of a passed-through file.
void set_backing_id(fuse_file_info& info, int backing_id);

/// True where a file opened with these flags of open(2) can be read from the backing file as well:
/// the kernel opens that with the same flags, and not every file system knows O_DIRECT.
bool can_back(const BackingFile& file, int flags);

/// The kernel, through a session's descriptor of /dev/fuse. Thread-safe.
class KernelBackings final : public BackingDevice {
 public:
  KernelBackings(int fuse_fd, Log& log) : fuse_fd_(fuse_fd), log_(log) {}
  /// Says in the log why it was refused.
  int add(const BackingFile& file) override;
  void remove(int backing_id) override;

 private:
  const int fuse_fd_;
  Log& log_;
};

}  // namespace penstock
