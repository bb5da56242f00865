// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>

#include "app/owned_fd.h"

namespace penstock {

/// A second process that ends the kernel's connection to the mount where the first one has died.
///
/// Mostly the kernel does that by itself, when the dead process's descriptors are closed. But a
/// thread of it that is telling the kernel to forget a name may wait there for a program that has
/// the directory locked, which waits for an answer of the mount: neither ends, and nothing can be
/// killed. The file of the connection in /sys/fs/fuse/connections ends the wait, as `umount
/// --force` does; it must be mounted (systemd does), and belongs to who mounted.
class ConnectionGuard {
 public:
  /// Starts the process, which keeps nothing of this one's open. Without one where that fails. The
  /// thread that calls must be the process's only one, and the one that lives as long as the
  /// process does: it is its end that counts.
  ConnectionGuard();
  /// In order: the other process ends too.
  ~ConnectionGuard();
  ConnectionGuard(const ConnectionGuard&) = delete;
  ConnectionGuard& operator=(const ConnectionGuard&) = delete;

  /// The mount is there; `device` as in the table of mounts ("0:53").
  void guard(const std::string& device);

 private:
  pid_t process_ = -1;
  OwnedFd to_process_;
};

}  // namespace penstock
