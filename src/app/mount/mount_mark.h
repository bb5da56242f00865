// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "app/owned_fd.h"
#include "base/log.h"
#include "fs/nodes/mount_identity.h"

namespace penstock {

/// A file in the state directory, named as the mount and locked (flock) for as long as its process
/// lives: by it the next mount on this machine knows at once what a dead one has left in the
/// bucket, and need not wait for its lease to run out.
class MountMark {
 public:
  /// Without a mark, where the directory cannot be written, leases have to do.
  MountMark(const std::string& state_directory, const std::shared_ptr<Log>& log);
  MountMark(const MountMark&) = delete;
  MountMark& operator=(const MountMark&) = delete;
  ~MountMark();  ///< Removes the file.

  MountIdentity identity() const;

 private:
  const std::string folder_;
  const std::string id_;
  OwnedFd fd_;
};

}  // namespace penstock
