// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "app/environment.h"

namespace penstock {

struct UnmountOutcome {
  enum class Kind : uint8_t { done, busy, failed };
  Kind kind = Kind::done;
  std::string message;  ///< A sentence for a person unless done.
};

/// Takes away what is mounted at `mountpoint` (canonical): umount2 as root, fusermount3 otherwise.
/// `lazy` also while programs use it. Also works where the mount's process has died.
UnmountOutcome unmount_path(const std::string& mountpoint, bool lazy,
                            const Environment& environment);

/// A process that keeps a mount busy.
struct MountUser {
  pid_t pid = 0;
  std::string name;  ///< Of its program.
};

/// The processes with a file, working directory, root or program below `mountpoint`, as far as
/// `proc` lets us look.
std::vector<MountUser> find_mount_users(const std::string& proc, const std::string& mountpoint);

/// A mount in another mount namespace, such as a container's, which keeps the file system.
struct MountCopy {
  MountUser user;          ///< One process of that namespace.
  std::string mountpoint;  ///< There.
};

/// The copies of the mount with this device (MountEntry::device) in other mount namespaces, one for
/// each, as far as `proc` lets us look.
std::vector<MountCopy> find_mount_copies(const std::string& proc, const std::string& device);

}  // namespace penstock
